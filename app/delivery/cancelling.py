"""Stops what is under way, where it can be said truly that the provider has not all of it.

The mark decides. Before it, whoever ends the attempt here keeps its process from ever setting it: the request to the
provider ends incomplete. After it, nobody can take back what may be there.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.delivery import settling
from app.delivery.errors import WasCancelled
from app.delivery.outcome import CANCELLED
from app.errors import Refusal
from app.providers.base import Ending, Outcome
from app.records import attempts, uploads
from app.records.models import Attempt, Upload
from app.records.states import State

#: States in which there is something to stop.
UNDER_WAY: Final = frozenset({State.RECEIVING, State.DELIVERING, State.WAITING})


class NothingToCancel(Refusal):
    """The upload is not under way any more."""

    slug: ClassVar[str] = "nothing-to-cancel"
    status: ClassVar[int] = 409


class TooLate(Refusal):
    """All of it may be at the provider: an attempt has its mark, or nobody knows how one ended."""

    slug: ClassVar[str] = "too-late-to-cancel"
    status: ClassVar[int] = 409


def cancel(session: Session, upload_id: UUID, *, actor: str, now: datetime) -> Upload:
    """Let nothing more be done for an upload; raises NoResultFound, NothingToCancel and TooLate.

    Its copy is forgotten; the caller removes the object after the commit.
    """
    upload = uploads.lock(session, upload_id)
    if upload.state not in UNDER_WAY:
        raise NothingToCancel
    last = attempts.last(session, upload_id)
    if last is not None and last.outcome == attempts.UNKNOWN:
        raise TooLate
    if last is not None and last.ended_at is None:
        _end(session, last, now)
    outcome = Outcome(ending=Ending.RETRY, problem=WasCancelled.slug)
    uploads.change(session, upload, State.CANCELLED, actor=actor, now=now, **settling.told(outcome))
    settling.follow_up(session, upload, CANCELLED)
    settling.settle_copy(session, upload, now=now)
    return upload


def _end(session: Session, attempt: Attempt, now: datetime) -> None:
    """End an attempt that has no mark. One whose row is held is just about to get it, or to end."""
    mine = select(Attempt).where(Attempt.id == attempt.id).with_for_update(skip_locked=True)
    locked = session.scalars(mine, execution_options={"populate_existing": True}).one_or_none()
    if locked is None or locked.completing_at is not None:
        raise TooLate
    attempts.end(session, locked, outcome=State.CANCELLED.value, problem=WasCancelled.slug, now=now)
