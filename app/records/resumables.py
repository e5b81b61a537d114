"""Files that arrive in pieces: how far each is, what it is made of, and whose turn it is to write.

A lock is a lease that ends when somebody asks for it. Who has it hears of that within a moment, makes safe what has
arrived and lets it go; one that does not answer is dead, or cut off from the database, and loses it. What it may still
write then counts for nothing: every change says whose lock it is made under, and whoever takes a lock from the dead
begins another copy, so that two never write the same one.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, delete, func, select, text, update
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.database import Database
from app.records.models import Resumable, ResumableKind

KEY_BYTES: Final = 24
#: So long after it was asked, or last answered, whoever has a lock is taken for dead.
SILENT_AFTER: Final = timedelta(seconds=3)

FIND: Final = text("SELECT organization_id, id FROM ventanilla_find_resumable(:key)")
ANSWER: Final = text("SELECT ventanilla_answer_for_resumables(:held)").bindparams(bindparam("held", type_=ARRAY(Uuid)))
RESUMED: Final = text("SELECT ventanilla_find_resumed(:copies)").bindparams(bindparam("copies", type_=ARRAY(Uuid)))
EXPIRED: Final = text("SELECT ventanilla_find_expired_resumables(:now)")


class LockLost(RuntimeError):  # noqa: N818 - says what happened
    """Somebody else writes by now; nothing that was done under the lock since its last change counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A copy in the spool, its segments numbered from 0, and how many bytes of the file it is."""

    id: UUID
    segments: int = 0
    size: int = 0
    stored: int = 0

    @classmethod
    def of(cls, written: Mapping[str, Any]) -> Self:
        return cls(**{**written, "id": UUID(written["id"])})

    def written(self) -> dict[str, Any]:
        """As it is kept."""
        return {**asdict(self), "id": str(self.id)}

    def grown(self, *, size: int, stored: int) -> Part:
        """With one more segment."""
        return replace(self, segments=self.segments + 1, size=self.size + size, stored=self.stored + stored)


def new_key() -> str:
    """What an address ends with; who has it may go on with the file."""
    return secrets.token_urlsafe(KEY_BYTES)


def key_hash(key: str) -> bytes:
    """What is kept of it; it is random and long, so a fast hash is enough."""
    return hashlib.sha256(key.encode()).digest()


def find(db: Database, key: str) -> tuple[UUID, UUID] | None:
    """The organization and the id of the file whose address ends with `key`."""
    with db.doors() as session:
        row = session.execute(FIND, {"key": key_hash(key)}).one_or_none()
    return (row.organization_id, row.id) if row else None


def begin(session: Session, row: Resumable, parts: Sequence[Part]) -> None:
    """Write down that a file is to arrive, locked by whoever begins it."""
    _consists_of(row, parts)
    session.add(row)
    session.flush()


def get(session: Session, resumable_id: UUID) -> Resumable:
    """A file of the organization, as it is now; raises NoResultFound."""
    return session.get_one(Resumable, resumable_id)


def get_locked(session: Session, ids: Collection[UUID]) -> Sequence[Resumable]:
    """Files of the organization, which stay as they are until the transaction ends; always in one order."""
    wanted = select(Resumable).where(Resumable.id.in_(ids)).order_by(Resumable.id)
    return session.scalars(wanted.with_for_update(), execution_options={"populate_existing": True}).all()


def take(session: Session, resumable_id: UUID, lock: UUID) -> Resumable | None:
    """Take the lock; None where another has it, who hears that it is wanted. Raises NoResultFound."""
    row = session.get_one(Resumable, resumable_id, with_for_update=True, populate_existing=True)
    now: datetime = session.scalars(select(func.clock_timestamp())).one()
    if row.lock is not None:
        heard = max(filter(None, (row.wanted_at, row.answered_at)), default=now)
        if row.wanted_at is None or now < heard + SILENT_AFTER:
            row.wanted_at = row.wanted_at or now
            return None
        _begin_another_copy(row)
    row.lock, row.wanted_at, row.answered_at = lock, None, None
    return row


def change(session: Session, resumable_id: UUID, lock: UUID, *, parts: Sequence[Part] | None = None, **to: Any) -> None:
    """Change what is known of a file under its lock; raises LockLost, and nothing is changed."""
    if parts is not None:
        to |= {"parts": [part.written() for part in parts], "objects": [part.id for part in parts]}
    mine = update(Resumable).where(Resumable.id == resumable_id, Resumable.lock == lock).values(to)
    if session.execute(mine.returning(Resumable.id), execution_options={"synchronize_session": False}).first() is None:
        raise LockLost(str(resumable_id))


def release(session: Session, resumable_id: UUID, lock: UUID) -> None:
    """Let the lock go; does nothing where it was lost."""
    mine = update(Resumable).where(Resumable.id == resumable_id, Resumable.lock == lock)
    session.execute(
        mine.values(lock=None, wanted_at=None, answered_at=None), execution_options={"synchronize_session": False}
    )


def answer(db: Database, locks: Iterable[UUID]) -> set[UUID]:
    """Say of these locks that they are held by the living; those of them that somebody wants."""
    with db.doors() as session:
        return set(session.scalars(ANSWER, {"held": list(locks)}))


def known(db: Database, copies: Iterable[UUID]) -> set[UUID]:
    """Those copies that belong to a file that is still arriving. `db` is the worker's."""
    with db.doors() as session:
        return set(session.scalars(RESUMED, {"copies": list(copies)}))


def parts(row: Resumable, *, begun: bool = False) -> tuple[Part, ...]:
    """The copies that it consists of, in order; only those that have something in them, where they are `begun`."""
    return tuple(part for part in map(Part.of, row.parts) if part.segments or not begun)


def expire(db: Database, now: datetime, forget_before: datetime) -> list[UUID]:
    """Give up files whose time is over, and forget those that were given up before; copies that nobody needs now.

    `db` is the worker's. What is given up is remembered for a while, so that who comes back hears why it is gone.
    """
    with db.doors() as session:
        organizations: list[UUID] = list(session.scalars(EXPIRED, {"now": now}))
    freed: list[UUID] = []
    for organization in organizations:
        with db.transaction(organization) as session:
            freed += _give_up(session, now)
            session.execute(delete(Resumable).where(Resumable.expires_at <= forget_before, Resumable.objects == []))
    return freed


def terminate(session: Session, resumable_id: UUID, lock: UUID, now: datetime) -> None:
    """Give a file up under its lock; raises LockLost."""
    change(session, resumable_id, lock, parts=[], received=0, expires_at=now)


def _give_up(session: Session, now: datetime) -> list[UUID]:
    over = select(Resumable).where(Resumable.expires_at <= now, Resumable.objects != [])
    freed: list[UUID] = []
    for row in session.scalars(over.with_for_update(skip_locked=True)).all():
        if row.whole_id is None and row.upload_id is None:
            freed += row.objects
        row.parts, row.objects, row.received, row.lock = [], [], 0, None
    return freed


def _begin_another_copy(row: Resumable) -> None:
    """The dead may have begun a segment of the last one, and may not be dead."""
    if row.kind is not ResumableKind.JOINED and row.upload_id is None:
        _consists_of(row, [*parts(row, begun=True), Part(id=uuid7())])


def _consists_of(row: Resumable, consists_of: Sequence[Part]) -> None:
    row.parts = [part.written() for part in consists_of]
    row.objects = [part.id for part in consists_of]
