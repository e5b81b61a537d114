"""`flask worker`: delivers what waits, ends what dead processes left, follows, tells and tidies up."""

from __future__ import annotations

import signal
import sys
from datetime import timedelta
from typing import Any

import click
from flask.cli import with_appcontext

from app import queue
from app.cli.listening import listening
from app.database import Database
from app.delivery import Deliverer
from app.delivery.checking import Checker
from app.delivery.chores import CERTIFICATE_DAYS, CHECKER
from app.delivery.following import DELIVERER
from app.delivery.jobs import REDELIVERER, SPOOL
from app.delivery.letters import Ends
from app.delivery.redelivery import Redeliverer
from app.delivery.reminders import Reminders
from app.delivery.telling import TELLER, Kind, Teller
from app.records.processes import Heartbeat
from app.records.sealing import VAULT
from app.seeing import crashing
from app.seeing.leaving import LEAVING
from app.services import services
from app.webhooks.jobs import MESSENGER, WEBHOOKS_KEPT
from app.webhooks.sending import Messenger


@click.command("worker")
@with_appcontext
def worker() -> None:
    """Work on jobs until told to stop."""
    url = services().settings.database_worker_url
    if url is None:
        raise click.ClickException("DATABASE_WORKER_URL is missing: PostgreSQL as the role ventanilla_worker.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until the queue takes them, for an end in good order
    parts = services()
    at_once = parts.settings.worker_concurrency
    database = Database(url, pool=max(4, at_once // 2))
    heartbeat = Heartbeat(database, "worker", parts.vault)
    deliverer = Deliverer(database, parts.vault, parts.spool, parts.settings, parts.clock, heartbeat.work)
    redeliverer = Redeliverer(
        database, parts.vault, parts.spool, parts.settings, clock=parts.clock, work=heartbeat.work
    )
    kinds: list[Kind[Any]] = [Ends(parts.vault), Reminders(parts.vault, parts.settings.public_url)]
    messenger = Messenger.from_settings(database, parts.vault, parts.settings, parts.clock)

    def stop() -> None:
        LEAVING.set()
        redeliverer.stop()
        messenger.stop()

    given = {
        DELIVERER: deliverer,
        REDELIVERER: redeliverer,
        SPOOL: parts.spool,
        CHECKER: Checker(database, deliverer, parts.clock),
        CERTIFICATE_DAYS: parts.settings.certificate_days,
        TELLER: Teller(database, parts.mailer, parts.clock, kinds) if parts.mailer else None,
        VAULT: parts.vault,
        MESSENGER: messenger,
        WEBHOOKS_KEPT: timedelta(days=parts.settings.webhook_kept_days),
    }
    crashing.leave_nothing()
    heartbeat.start()
    try:
        with listening(parts):
            queue.run_worker(url, database, concurrency=at_once, stopping=stop, **given)
    finally:
        redeliverer.close()
        deliverer.close()
        heartbeat.stop()
        database.dispose()
