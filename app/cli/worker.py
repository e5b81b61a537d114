"""`flask worker`: takes jobs from the queue: ends what dead processes left, and follows what was delivered."""

from __future__ import annotations

import signal
import sys

import click
from flask.cli import with_appcontext

from app import queue
from app.database import Database
from app.delivery import Deliverer
from app.delivery.following import DELIVERER
from app.records.processes import Heartbeat
from app.services import services


@click.command("worker")
@with_appcontext
def worker() -> None:
    """Work on jobs until told to stop."""
    url = services().settings.database_worker_url
    if url is None:
        raise click.ClickException("DATABASE_WORKER_URL is missing: PostgreSQL as the role ventanilla_worker.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until the queue takes them, for an end in good order
    database = Database(url, pool=4)
    heartbeat = Heartbeat(database, "worker")
    parts = services()
    deliverer = Deliverer(database, parts.vault, parts.settings, parts.clock, heartbeat.id)
    heartbeat.start()
    try:
        queue.run_worker(url, database, **{DELIVERER: deliverer})
    finally:
        deliverer.close()
        heartbeat.stop()
        database.dispose()
