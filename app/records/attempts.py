"""Attempts: one try to deliver an upload, with the mark after which the provider may have the whole file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from app.database import new
from app.records.jsonable import jsonable
from app.records.models import Attempt, Upload

#: Outcomes that are no knowledge: what is learnt later takes their place.
UNKNOWN: Final = "unknown"
#: How an attempt ends whose process ended: the provider has nothing.
INTERRUPTED: Final = "interrupted"
#: What becomes of an `unknown` that a person sends again all the same.
OVERRULED: Final = "overruled"
STILL_OPEN: Final = or_(Attempt.ended_at.is_(None), Attempt.outcome == UNKNOWN)


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


def first(
    *,
    organization_id: UUID,
    upload_id: UUID,
    process_id: UUID,
    now: datetime,
    marked: bool = False,
    baseline: Mapping[str, Any] | None = None,
    **ending: Any,
) -> Attempt:
    """Make the first attempt of an upload that is about to be written; marked, or at its end, if it is so at once."""
    return new(
        Attempt,
        organization_id=organization_id,
        upload_id=upload_id,
        number=1,
        process_id=process_id,
        started_at=now,
        completing_at=now if marked else None,
        baseline=jsonable(baseline or {}),
        **ending,
    )


def mark(session: Session, attempt: Attempt, *, now: datetime, baseline: Mapping[str, Any] | None = None) -> Attempt:
    """Set the mark: once this is committed the rest of the file may leave; raises AttemptLost.

    `baseline` is what the provider held before, so that a later look can tell whether this attempt changed it.
    """
    return _change(
        session,
        attempt,
        Attempt.ended_at.is_(None),
        completing_at=now,
        baseline=jsonable(baseline or {}),
    )


def end(session: Session, attempt: Attempt, **told: Any) -> Attempt:
    """Say how the attempt ended, told as `ending` takes it; raises AttemptLost if that was known, as no `unknown`."""
    return _change(session, attempt, STILL_OPEN, **ending(**told))


def ending(
    *,
    outcome: str,
    now: datetime,
    problem: str | None = None,
    http_status: int | None = None,
    code: str | None = None,
    message: str | None = None,
    log_id: str | None = None,
) -> dict[str, Any]:
    """What an attempt's row says of how it ended."""
    return {
        "ended_at": now,
        "outcome": outcome,
        "problem": problem,
        "provider_http_status": http_status,
        "provider_code": code,
        "provider_message": message,
        "provider_log_id": log_id,
    }


def listing(session: Session, upload_id: UUID) -> Sequence[Attempt]:
    """The upload's attempts, in order."""
    return session.scalars(select(Attempt).where(Attempt.upload_id == upload_id).order_by(Attempt.number)).all()


def last(session: Session, upload_id: UUID) -> Attempt | None:
    """The upload's newest attempt."""
    newest = select(Attempt).where(Attempt.upload_id == upload_id).order_by(Attempt.number.desc()).limit(1)
    return session.scalars(newest).one_or_none()


def _change(session: Session, attempt: Attempt, still: ColumnElement[bool], **values: Any) -> Attempt:
    """Change the attempt in one statement, by what it is in the database now; raises AttemptLost."""
    changed = session.scalars(
        update(Attempt).where(Attempt.id == attempt.id, still).values(**values).returning(Attempt),
        execution_options={"synchronize_session": False, "populate_existing": True},
    ).one_or_none()
    if changed is None:
        raise AttemptLost(str(attempt.id))
    return changed
