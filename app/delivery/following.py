"""Follows what a provider does with what was delivered, by jobs that look again until it is done."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import structlog
from procrastinate import JobContext
from sqlalchemy.orm import Session

from app import queue
from app.providers import registry
from app.providers.base import Follows
from app.records import uploads
from app.records.models import Upload
from app.records.states import State

if TYPE_CHECKING:
    from app.delivery.deliverer import Deliverer

log = structlog.get_logger("ventanilla.following")

#: What a worker passes the handler, under this name.
DELIVERER: Final = "deliverer"
PROCESSING: Final = "processing"
#: Seconds before the first look; twice as many before each next one, up to the most.
FIRST_SECONDS, MOST_SECONDS = 5, 900
#: What is not done by then is followed no more; its page goes on saying what was seen last.
LONGEST: Final = timedelta(days=1)


def begin(session: Session, upload: Upload) -> None:
    """Follow an upload, if its provider works on it and can tell; in the transaction that says so."""
    if upload.provider_status == PROCESSING and isinstance(registry.provider(_provider(upload)), Follows):
        _put_in(session, upload, 0)


# The next job goes in before this one looks: one whose worker is killed ends nothing.
@queue.jobs.task(name="follow", queue=queue.ERRANDS, pass_context=True)
def follow(context: JobContext, organization: str, upload: str, looks: int) -> None:
    """Look once, unless it is done."""
    deliverer: Deliverer = context.additional_context[DELIVERER]
    organization_id, upload_id = UUID(organization), UUID(upload)
    with queue.database(context).transaction(organization_id) as session:
        found = uploads.get(session, upload_id)
        if not is_processing(found):
            return
        if deliverer.now() - found.created_at > LONGEST:
            log.warning("followed for too long", upload=upload, operation=found.operation)
            return
        _put_in(session, found, looks + 1)
    deliverer.follow(organization_id, upload_id)


def is_processing(upload: Upload) -> bool:
    """Whether the provider has it and was not done with it when it was last seen."""
    return upload.state is State.DELIVERED and upload.provider_status == PROCESSING


def _put_in(session: Session, upload: Upload, looks: int) -> None:
    pause = min(FIRST_SECONDS << min(looks, 16), MOST_SECONDS)
    told: dict[str, Any] = {"organization": str(upload.organization_id), "upload": str(upload.id), "looks": looks}
    queue.defer(session, follow, after=timedelta(seconds=pause), **told)


def _provider(upload: Upload) -> str:
    return registry.operation(upload.operation).provider
