"""Which certificates are in use, by what was delivered last, and which of them end soon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from app.records.models import Upload
from app.records.states import State
from app.tenants.models import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A certificate in use, and when it ends."""

    #: The upload that it was delivered by.
    upload_id: UUID
    connection_id: UUID
    connection: str
    operation: str
    number: str | None
    not_after: datetime


def in_use(session: Session) -> Sequence[Ending]:
    """The certificates that the session's organization uses, soonest to end first.

    In use is what was delivered last through a connection, of each kind. What was handed in to the provider by another
    way is not known here.
    """
    not_after = Upload.facts["not_after"].astext
    wanted = (
        select(Connection, Upload)
        .join(Upload, Upload.connection_id == Connection.id)
        .where(not_after.is_not(None), Upload.state == State.DELIVERED)
        .ext(distinct_on(Upload.connection_id, Upload.operation))
        .order_by(Upload.connection_id, Upload.operation, Upload.created_at.desc(), Upload.id.desc())
    )
    found = [
        Ending(
            upload_id=upload.id,
            connection_id=connection.id,
            connection=connection.name,
            operation=upload.operation,
            number=upload.facts.get("number"),
            not_after=datetime.fromisoformat(upload.facts["not_after"]),
        )
        for connection, upload in session.execute(wanted)
    ]
    return sorted(found, key=lambda one: one.not_after)


def ending(session: Session, before: datetime) -> Sequence[Ending]:
    """Those of them that end before then, and those that have ended."""
    return [one for one in in_use(session) if one.not_after < before]
