"""What the worker does for deliveries: wakes up for what is due, tidies the spool, and frees jobs of the dead."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

import structlog
from procrastinate import JobContext, exceptions
from procrastinate.jobs import Status
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import queue
from app.database import Database, utcnow
from app.intake.spool import Spool, SpoolAway
from app.records import resumables

if TYPE_CHECKING:
    from app.delivery.redelivery import Redeliverer

log = structlog.get_logger("ventanilla.jobs")

#: What a worker passes the handlers, under these names.
REDELIVERER: Final = "redeliverer"
SPOOL: Final = "spool"
#: An object without a row may be one that is being written: its row comes before it, or with its mark.
YOUNG: Final = timedelta(hours=1)

#: How long a job that failed is kept for whoever wants to look at it.
FORGOTTEN_HOURS: Final = 7 * 24

FIND_DUE: Final = text("SELECT ventanilla_find_due(:now)")
FIND_KEPT: Final = text("SELECT ventanilla_find_kept(:uploads)")


def wake(
    session: Session,
    organization_id: UUID,
    due_at: datetime | None = None,
    now: datetime | None = None,
    *,
    in_hand: int = 0,
) -> None:
    """Let a worker look for what is due of an organization, in the transaction that made it so.

    Whoever has least `in_hand` goes first: one that comes late with one upload is not behind all others' next ones.
    What is due later is found by the kick of that second. Let it be the last thing that the transaction does.
    """
    if due_at is None or now is None or due_at <= now:
        lock, organization = f"deliver {organization_id}", str(organization_id)
        queue.defer_once(session, deliver, lock, priority=-in_hand, organization=organization)


@queue.jobs.task(name="deliver", queue=queue.DELIVERIES, pass_context=True)
def deliver(context: JobContext, organization: str) -> None:
    """Deliver the organization's next upload that is due."""
    redeliverer: Redeliverer = context.additional_context[REDELIVERER]
    redeliverer.next(UUID(organization))


@queue.jobs.periodic(cron="* * * * * *")
@queue.jobs.task(name="kick", queueing_lock="kick", pass_context=True)
def kick(context: JobContext, timestamp: int) -> None:
    """Each second: wake somebody for every organization with something due; a wake-up that was lost costs no more."""
    del timestamp  # when it was due
    redeliverer: Redeliverer = context.additional_context[REDELIVERER]
    wake_all(queue.database(context), redeliverer.now())


def wake_all(database: Database, now: datetime) -> None:
    """Wake somebody for every organization that has something due."""
    with database.doors() as session:
        organizations = session.scalars(FIND_DUE, {"now": now}).all()
    for organization_id in organizations:
        with database.transaction(organization_id) as session:
            wake(session, organization_id)


@queue.jobs.periodic(cron="*/10 * * * *")
@queue.jobs.task(name="sweep_spool", queue=queue.ERRANDS, queueing_lock="sweep_spool", pass_context=True)
def sweep_spool(context: JobContext, timestamp: int) -> None:
    """Every ten minutes: remove from the spool what no row knows."""
    del timestamp
    try:
        swept = sweep_orphans(queue.database(context), context.additional_context[SPOOL], utcnow() - YOUNG)
    except SpoolAway:
        log.warning("spool could not be swept")
        return
    if swept:
        log.warning("orphans removed from the spool", count=swept)


def sweep_orphans(database: Database, spool: Spool, before: datetime) -> int:
    """Remove what lies in the spool unchanged since `before` and no row knows; how many uploads' that was."""

    def known(uploads: Collection[UUID]) -> Collection[UUID]:
        with database.doors() as session:
            kept = set(session.scalars(FIND_KEPT, {"uploads": list(uploads)}))
        return kept | resumables.known(database, uploads)

    return spool.sweep(known, before)


# A job of a worker that died stays as it was begun: nothing in the library takes it up again.
@queue.jobs.periodic(cron="* * * * * */5")
@queue.jobs.task(name="requeue", queueing_lock="requeue", pass_context=True)
async def requeue(context: JobContext, timestamp: int) -> None:
    """Every five seconds: put the jobs of workers that died back."""
    del timestamp
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=queue.DEAD_SECONDS):
        try:
            await manager.retry_job(job)
        except exceptions.UniqueViolation:  # another of its kind waits already
            await manager.finish_job(job, status=Status.ABORTED, delete_job=True)
        log.warning("job of a dead worker", task=job.task_name)


@queue.jobs.periodic(cron="10 9 * * *")
@queue.jobs.task(name="forget_jobs", queueing_lock="forget_jobs", pass_context=True)
async def forget_jobs(context: JobContext, timestamp: int) -> None:
    """Once a day: forget the jobs that failed; why is in the logs, and what they were for is in the rows."""
    del timestamp
    await context.app.job_manager.delete_old_jobs(FORGOTTEN_HOURS, include_failed=True, include_aborted=True)
