"""What the worker does by itself, now and then: copies whose time is over, credentials, certificates that end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
from procrastinate import JobContext

from app import queue
from app.database import utcnow
from app.delivery import ending, renewals, retention
from app.delivery.jobs import SPOOL
from app.delivery.telling import TELLER
from app.records.sealing import VAULT

if TYPE_CHECKING:
    from app.delivery.checking import Checker

log = structlog.get_logger("ventanilla.chores")

#: What a worker passes the handlers, under these names.
CHECKER: Final = "checker"
CERTIFICATE_DAYS: Final = "certificate_days"


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


@queue.jobs.periodic(cron="40 * * * *")
@queue.jobs.task(name="watch_certificates", queue=queue.ERRANDS, queueing_lock="watch_certificates", pass_context=True)
def watch_certificates(context: JobContext, timestamp: int) -> None:
    """Every hour: tell of the certificates that have come to have few days left."""
    del timestamp
    given = context.additional_context
    by_mail = given.get(TELLER) is not None
    renewals.watch(queue.database(context), given[VAULT], utcnow(), days=given[CERTIFICATE_DAYS], by_mail=by_mail)
