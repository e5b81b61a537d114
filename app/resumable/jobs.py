"""What the worker does for files that arrive in pieces: those whose time is over are given up."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from procrastinate import JobContext

from app import queue
from app.database import utcnow
from app.delivery.jobs import SPOOL
from app.intake.spool import Spool
from app.records import resumables

log = structlog.get_logger("ventanilla.resumable")

#: So long after it was given up a file is forgotten: until then who comes back hears that it is gone.
FORGOTTEN_AFTER: Final = timedelta(days=2)


@queue.jobs.periodic(cron="* * * * *")
@queue.jobs.task(name="expire", queue=queue.ERRANDS, queueing_lock="expire", pass_context=True)
def expire(context: JobContext, timestamp: int) -> None:
    """Every minute: give up what nobody went on with."""
    del timestamp  # when it was due
    now = utcnow()
    freed = resumables.expire(queue.database(context), now, now - FORGOTTEN_AFTER)
    remove(context.additional_context[SPOOL], freed)


def remove(spool: Spool, copies: list[UUID]) -> None:
    """Remove copies, and say how many those were."""
    for copy in copies:
        spool.discard(copy)
    if copies:
        log.info("resumables expired", copies=len(copies))
