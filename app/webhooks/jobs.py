"""What the worker does for webhooks: wakes up for what is due, and forgets what is old."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

import structlog
from procrastinate import JobContext
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import queue
from app.database import Database

if TYPE_CHECKING:
    from app.webhooks.sending import Messenger

log = structlog.get_logger("ventanilla.webhooks")

#: What a worker passes the handlers, under these names.
MESSENGER: Final = "messenger"
WEBHOOKS_KEPT: Final = "webhooks_kept"
#: How a job names the house.
HOUSE: Final = "house"
#: Deliveries that one transaction forgets.
BATCH: Final = 1_000

FIND: Final = text("SELECT ventanilla_find_webhooks(:now)")
FORGET: Final = text("SELECT ventanilla_forget_webhooks(:before, :now, :most)")


def wake(session: Session, owner: UUID | None) -> None:
    """Let a worker look for what is due of an owner. Let it be the last thing that the transaction does."""
    name = str(owner or HOUSE)
    queue.defer_once(session, post, f"post {name}", owner=name)


@queue.jobs.task(name="post", queue=queue.WEBHOOKS, pass_context=True)
def post(context: JobContext, owner: str) -> None:
    """Send what is due of one of the owner's endpoints, and stand in line again."""
    messenger: Messenger = context.additional_context[MESSENGER]
    messenger.turn(None if owner == HOUSE else UUID(owner))


@queue.jobs.periodic(cron="* * * * * *")
@queue.jobs.task(name="kick_webhooks", queueing_lock="kick_webhooks", pass_context=True)
def kick(context: JobContext, timestamp: int) -> None:
    """Each second: wake somebody for every owner with something due; a wake-up that was lost costs no more."""
    del timestamp  # when it was due
    messenger: Messenger = context.additional_context[MESSENGER]
    wake_all(queue.database(context), messenger.now())


def wake_all(database: Database, now: datetime) -> None:
    """Wake somebody for every owner that has something due."""
    with database.doors() as session:
        owners: list[UUID | None] = list(session.scalars(FIND, {"now": now}))
    for owner in owners:
        with database.transaction(owner) as session:
            wake(session, owner)


@queue.jobs.periodic(cron="17 * * * *")
@queue.jobs.task(name="forget_webhooks", queueing_lock="forget_webhooks", pass_context=True)
def forget(context: JobContext, timestamp: int) -> None:
    """Every hour: forget what ended long ago, and secrets whose time is over."""
    del timestamp
    messenger: Messenger = context.additional_context[MESSENGER]
    kept: timedelta = context.additional_context[WEBHOOKS_KEPT]
    if forgotten := forget_old(queue.database(context), kept, messenger.now()):
        log.info("webhooks forgotten", count=forgotten)


def forget_old(database: Database, kept: timedelta, now: datetime, *, batch: int = BATCH) -> int:
    """Forget what ended longer ago than it is kept, and secrets whose time is over; how many deliveries those were."""
    forgotten, gone = 0, batch
    while gone >= batch:
        with database.doors() as session:
            gone = session.scalar(FORGET, {"before": now - kept, "now": now, "most": batch}) or 0
        forgotten += gone
    return forgotten
