"""Which certificates end soon, by what was delivered last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from app.records import audit, uploads
from app.records.models import AuditEntry, Upload
from app.records.states import State
from app.tenants.models import Connection

#: What the log says of one, once each time that it has only so many days left.
EXPIRING: Final = "certificate.expiring"
DAYS_LEFT: Final = (1, 7, 30)


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


def ending(session: Session, before: datetime) -> Sequence[Ending]:
    """The certificates of the session's organization that end before then, those that ended already too, soonest first.

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
    return sorted((one for one in found if one.not_after < before), key=lambda one: one.not_after)


def tell(session: Session, one: Ending, now: datetime) -> bool:
    """Say in the audit log how long it is still good for; False where that was said, or it is good for longer."""
    left = one.not_after - now
    days = next((days for days in DAYS_LEFT if left <= timedelta(days=days)), None)
    about = AuditEntry.subject_id == one.upload_id, AuditEntry.action == EXPIRING
    if days is None or session.scalar(select(exists().where(*about, AuditEntry.details["days"].as_integer() <= days))):
        return False
    upload = uploads.get(session, one.upload_id)
    audit.write(
        session,
        organization_id=upload.organization_id,
        actor=audit.SYSTEM,
        action=EXPIRING,
        subject=upload,
        details={"number": one.number, "not_after": one.not_after, "days": days},
        now=now,
    )
    return True
