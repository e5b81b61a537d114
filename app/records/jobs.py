"""What the worker does for the records by itself."""

from __future__ import annotations

import structlog
from procrastinate import JobContext

from app import queue
from app.database import utcnow
from app.records import idempotency, sweeper, tallying

log = structlog.get_logger("ventanilla.sweeper")


# No `lock`: a sweep whose worker was killed would hold it for ever, and two sweeps at once do no harm.
@queue.jobs.periodic(cron="* * * * * */5")
@queue.jobs.task(name="sweep", queueing_lock="sweep", pass_context=True)
def sweep(context: JobContext, timestamp: int) -> None:
    """Every five seconds: end what dead processes left."""
    del timestamp  # when it was due
    swept = sweeper.sweep(queue.database(context))
    if swept != sweeper.Swept():
        log.warning("orphans ended", unknown=swept.unknown, failed=swept.failed, waiting=swept.waiting)


@queue.jobs.periodic(cron="*/5 * * * *")
@queue.jobs.task(name="forget_keys", queueing_lock="forget_keys", pass_context=True)
def forget_keys(context: JobContext, timestamp: int) -> None:
    """Every five minutes: forget keys of services whose time is over."""
    del timestamp
    idempotency.forget(queue.database(context), utcnow())


@queue.jobs.periodic(cron="* * * * *")
@queue.jobs.task(name="tally", queue=queue.ERRANDS, queueing_lock="tally", pass_context=True)
def tally(context: JobContext, timestamp: int) -> None:
    """Every minute: count anew the hours in which something changed."""
    del timestamp
    tallying.tally(queue.database(context), utcnow())
