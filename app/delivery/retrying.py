"""What was left to a person, and what a person can do about it: send it again, while there is a copy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.delivery import breaker
from app.delivery.errors import CopyGone
from app.delivery.jobs import wake
from app.errors import Refusal
from app.providers.base import Verdict
from app.providers.operation import Mode
from app.records import attempts, copies, uploads
from app.records.models import Copy, Upload
from app.records.states import State
from app.tenants import connections
from app.tenants.models import Connection

#: States that only a person leads out of.
LEFT: Final = frozenset({State.FAILED, State.UNKNOWN})


class NotLeft(Refusal):
    """The upload has not failed: there is nothing to send again."""

    slug: ClassVar[str] = "nothing-to-retry"
    status: ClassVar[int] = 409


class NotKept(CopyGone):
    """There is no copy of it any more, or never was one."""

    status: ClassVar[int] = 409


class MayBeThere(Refusal):
    """Nobody knows whether it arrived: sent again, it may be there twice."""

    slug: ClassVar[str] = "may-be-there"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """An upload that was left to a person, and until when it can be sent again; None: no more."""

    upload: Upload
    copy_until: datetime | None


def left(session: Session, *, operation: str | None = None, since: datetime | None = None) -> Iterator[Left]:
    """What was left of the session's organization, oldest first, by operation and by when it came to that."""
    wanted = (
        select(Upload, Copy.keep_until)
        .outerjoin(Copy, Copy.upload_id == Upload.id)
        .where(Upload.state.in_(LEFT), Upload.mode == Mode.DURABLE)
        .order_by(Upload.updated_at, Upload.id)
    )
    if operation is not None:
        wanted = wanted.where(Upload.operation == operation)
    if since is not None:
        wanted = wanted.where(Upload.updated_at >= since)
    for upload, copy_until in session.execute(wanted):
        yield Left(upload=upload, copy_until=copy_until)


def retry(session: Session, upload_id: UUID, *, actor: str, now: datetime, may_be_there: bool = False) -> None:
    """Let an upload be sent again, with as much patience as a new one; raises NotLeft, MayBeThere and NotKept.

    `may_be_there`: whoever asks knows that nobody knows. The caller wakes a worker.
    """
    upload = uploads.lock(session, upload_id)
    if upload.state not in LEFT:
        raise NotLeft
    if upload.state is State.UNKNOWN and not may_be_there:
        raise MayBeThere
    if not copies.keep(session, upload.id, None):
        raise NotKept
    last = attempts.last(session, upload.id)
    if last is not None and last.outcome == attempts.UNKNOWN:  # by a person's word it is not looked for any more
        attempts.end(session, last, outcome=attempts.OVERRULED, problem=last.problem, now=now)
    uploads.change(session, upload, State.WAITING, actor=actor, now=now)
    upload.due_at, upload.tries, upload.deadline_at = now, 0, None


def resume(session: Session, connection: Connection, now: datetime) -> bool:
    """Let a paused connection be used again, and what waits for it be due; False if it was not paused.

    It waited for the repair: its patience begins anew. Let it be the last thing that the transaction does.
    """
    if not connections.resume(session, connection):
        return False
    if connection.organization_id is None:
        return True
    due = update(Upload).where(Upload.connection_id == connection.id, Upload.state == State.WAITING)
    session.execute(due.values(due_at=now, tries=0, deadline_at=None), execution_options={"synchronize_session": False})
    breaker.note(session, connection.id, ok=True, now=now)
    wake(session, connection.organization_id)
    return True


def verified(session: Session, connection: Connection, verdict: Verdict, now: datetime) -> bool:
    """Remember that a provider took the credential; whether a paused connection is used again because of that.

    Let it be the last thing that the transaction does.
    """
    connections.verified(session, connection, now)
    session.get_one(Connection, connection.id, populate_existing=True).credential_ends_at = verdict.ends_at
    session.flush()
    return resume(session, connection, now)
