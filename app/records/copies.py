"""Copies of files in the spool, as their rows tell: what is whole, whose it is, and until when it is kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.records.models import Copy, Upload
from app.records.states import MOVING, State
from app.tenants.models import Organization


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """What a row says of a copy that is whole."""

    segments: int = 1
    #: Bytes of the file, and bytes that its encrypted segments take up.
    size: int
    stored: int
    #: What another attempt needs beside the bytes.
    sealed: bytes = field(repr=False)


def add(session: Session, upload: Upload, copy: Whole, now: datetime) -> None:
    """Write the row of an upload's copy, unless it is there already: the answer to a commit can be lost."""
    row = insert(Copy).values(
        organization_id=upload.organization_id,
        upload_id=upload.id,
        segments=copy.segments,
        size=copy.size,
        stored=copy.stored,
        sealed=copy.sealed,
        created_at=now,
    )
    session.execute(row.on_conflict_do_nothing(index_elements=[Copy.upload_id]))


def find(session: Session, upload_id: UUID) -> Copy | None:
    """The copy of an upload, if a whole one is kept."""
    return session.scalars(select(Copy).where(Copy.upload_id == upload_id)).one_or_none()


def living(session: Session, upload_ids: Collection[UUID]) -> frozenset[UUID]:
    """Which of these uploads of the session's organization have a copy."""
    return frozenset(session.scalars(select(Copy.upload_id).where(Copy.upload_id.in_(upload_ids))))


def drop(session: Session, upload_id: UUID) -> bool:
    """Forget the copy of an upload; its object is removed after the commit. False if there was none."""
    return session.scalar(delete(Copy).where(Copy.upload_id == upload_id).returning(Copy.id)) is not None


def release(session: Session, upload: Upload, now: datetime) -> None:
    """Forget the copy of what was delivered, or keep it for as long as its organization wants."""
    days = select(Organization.keep_delivered_days).where(Organization.id == upload.organization_id).scalar_subquery()
    mine = Copy.upload_id == upload.id
    if session.scalar(delete(Copy).where(mine, days == 0).returning(Copy.id)) is None:
        until = now + func.make_interval(0, 0, 0, days)
        session.execute(
            update(Copy).where(mine).values(keep_until=until), execution_options={"synchronize_session": False}
        )


def outdated(session: Session, now: datetime, most: int) -> Sequence[UUID]:
    """Forget copies of the organization whose time is over, and say whose they were; their objects are removed next.

    One whose upload is on its way is never among them, nor one that somebody is about to have sent again.
    """
    ended = exists().where(Upload.id == Copy.upload_id, Upload.state.not_in(MOVING | {State.WAITING}))
    over = select(Copy.id).where(Copy.keep_until <= now, ended).limit(most).with_for_update(skip_locked=True)
    return session.scalars(delete(Copy).where(Copy.id.in_(over)).returning(Copy.upload_id)).all()


def keep(session: Session, upload_id: UUID, until: datetime | None) -> bool:
    """Keep the copy of an upload until then; without a date, for as long as it is needed. False if there is none."""
    kept = update(Copy).where(Copy.upload_id == upload_id).values(keep_until=until).returning(Copy.id)
    return session.scalar(kept, execution_options={"synchronize_session": False}) is not None
