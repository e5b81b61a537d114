"""Copies of files in the spool, as their rows tell: what is whole, whose it is, and until when it is kept."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.records.models import Copy


def find(session: Session, upload_id: UUID) -> Copy | None:
    """The copy of an upload, if a whole one is kept."""
    return session.scalars(select(Copy).where(Copy.upload_id == upload_id)).one_or_none()


def living(session: Session, upload_ids: Collection[UUID]) -> frozenset[UUID]:
    """Which of these uploads of the session's organization have a copy."""
    return frozenset(session.scalars(select(Copy.upload_id).where(Copy.upload_id.in_(upload_ids))))


def drop(session: Session, upload_id: UUID) -> bool:
    """Forget the copy of an upload; its object is removed after the commit. False if there was none."""
    return session.scalar(delete(Copy).where(Copy.upload_id == upload_id).returning(Copy.id)) is not None


def keep(session: Session, upload_id: UUID, until: datetime | None) -> bool:
    """Keep the copy of an upload until then; without a date, for as long as it is needed. False if there is none."""
    kept = update(Copy).where(Copy.upload_id == upload_id).values(keep_until=until).returning(Copy.id)
    return session.scalar(kept, execution_options={"synchronize_session": False}) is not None
