"""What the worker does by itself, now and then: copies whose time is over, credentials, certificates that end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import structlog
from procrastinate import JobContext

from app import queue
from app.database import Database, utcnow
from app.delivery import ending, retention
from app.delivery.jobs import SPOOL
from app.records import certificates
from app.tenants import doors

if TYPE_CHECKING:
    from app.delivery.checking import Checker

log = structlog.get_logger("ventanilla.chores")

#: What a worker passes the handler, under this name.
CHECKER: Final = "checker"
#: Certificates that end so soon are told of.
SOON: Final = timedelta(days=30)


@queue.jobs.periodic(cron="*/5 * * * *")
@queue.jobs.task(name="remove_outdated", queue=queue.ERRANDS, queueing_lock="remove_outdated", pass_context=True)
def remove_outdated(context: JobContext, timestamp: int) -> None:
    """Every five minutes: remove copies that are kept no longer."""
    del timestamp  # when it was due
    removed = retention.remove_outdated(queue.database(context), context.additional_context[SPOOL], utcnow())
    if removed:
        log.info("copies removed", count=removed)


@queue.jobs.periodic(cron="*/5 * * * *")
@queue.jobs.task(name="shred_ended", queue=queue.ERRANDS, queueing_lock="shred_ended", pass_context=True)
def shred_ended(context: JobContext, timestamp: int) -> None:
    """Every five minutes: destroy what organizations that were deleted leave, once their grace is over."""
    del timestamp
    ending.shred_ended(queue.database(context), context.additional_context[SPOOL], utcnow())


@queue.jobs.periodic(cron="* * * * *")
@queue.jobs.task(name="check_credentials", queue=queue.ERRANDS, queueing_lock="check_credentials", pass_context=True)
def check_credentials(context: JobContext, timestamp: int) -> None:
    """Every minute: try the credentials whose turn it is; each has its turn once a day."""
    del timestamp
    checker: Checker = context.additional_context[CHECKER]
    checker.check_due()


@queue.jobs.periodic(cron="40 13 * * *")
@queue.jobs.task(name="watch_certificates", queueing_lock="watch_certificates", pass_context=True)
def watch_certificates(context: JobContext, timestamp: int) -> None:
    """Once a day: tell operators of the certificates that end soon, or have ended."""
    del timestamp
    tell_of_certificates(queue.database(context), utcnow())


def tell_of_certificates(database: Database, now: datetime) -> int:
    """Log each certificate that ends soon, or has ended; how many those are."""
    told = 0
    for organization_id, slug, _ in doors.organizations(database):
        with database.transaction(organization_id) as session:
            ending = certificates.ending(session, now + SOON)
            for one in ending:
                certificates.tell(session, one, now)
        for one in ending:
            log.warning(
                "certificate ends",
                organization=slug,
                connection=one.connection,
                operation=one.operation,
                number=one.number,
                not_after=one.not_after.isoformat(),
            )
        told += len(ending)
    return told
