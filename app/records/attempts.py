"""Attempts: one try to deliver an upload, with the mark after which the provider may have the whole file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.records.jsonable import jsonable
from app.records.models import Attempt, Upload

#: Outcomes that are no knowledge: what is learnt later takes their place.
UNKNOWN: Final = "unknown"


class AttemptLost(RuntimeError):  # noqa: N818 - says what happened
    """The attempt was ended by somebody else, who took its process for dead: it must not go on."""


def start(session: Session, upload: Upload, *, process_id: UUID, now: datetime) -> Attempt:
    """Begin an attempt, the upload's next; from now on the upload is in the hands of `process_id`."""
    session.execute(update(Upload).where(Upload.id == upload.id).values(process_id=process_id))
    former = session.scalar(select(func.max(Attempt.number)).where(Attempt.upload_id == upload.id))
    attempt = Attempt(
        organization_id=upload.organization_id,
        upload_id=upload.id,
        number=(former or 0) + 1,
        process_id=process_id,
        started_at=now,
    )
    session.add(attempt)
    session.flush()
    return attempt


def mark(session: Session, attempt: Attempt, *, now: datetime, baseline: Mapping[str, Any] | None = None) -> Attempt:
    """Set the mark: once this is committed the rest of the file may leave; raises AttemptLost.

    `baseline` is what the provider held before, so that a later look can tell whether this attempt changed it.
    """
    current = _locked(session, attempt)
    if current.ended_at is not None:
        raise AttemptLost(str(attempt.id))
    current.completing_at = now
    current.baseline = jsonable(baseline or {})
    session.flush()
    return current


def end(
    session: Session,
    attempt: Attempt,
    *,
    outcome: str,
    now: datetime,
    problem: str | None = None,
    http_status: int | None = None,
    code: str | None = None,
    message: str | None = None,
    log_id: str | None = None,
) -> Attempt:
    """Say how the attempt ended; raises AttemptLost if that is known already, and was not `unknown`."""
    current = _locked(session, attempt)
    if current.ended_at is not None and current.outcome != UNKNOWN:
        raise AttemptLost(str(attempt.id))
    current.ended_at = now
    current.outcome = outcome
    current.problem = problem
    current.provider_http_status = http_status
    current.provider_code = code
    current.provider_message = message
    current.provider_log_id = log_id
    session.flush()
    return current


def listing(session: Session, upload_id: UUID) -> Sequence[Attempt]:
    """The upload's attempts, in order."""
    return session.scalars(select(Attempt).where(Attempt.upload_id == upload_id).order_by(Attempt.number)).all()


def _locked(session: Session, attempt: Attempt) -> Attempt:
    return session.get_one(Attempt, attempt.id, with_for_update=True, populate_existing=True)
