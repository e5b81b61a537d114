"""The audit log: who did what to what, when. Entries are written in the transaction of what they tell of.

A moment later the sealing job gives each its place in a signed chain (`app.records.sealing`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.database import Base, new
from app.records import canonical
from app.records.chain import Link
from app.records.jsonable import jsonable
from app.records.models import AuditEntry

#: Most entries of one page.
PAGE: Final = 100
#: What the gateway does by itself.
SYSTEM: Final = "system"
#: What an entry says that it is, where it is signed.
TYPE: Final = "ventanilla/audit/1"


def write(
    session: Session,
    *,
    organization_id: UUID | None,
    actor: str,
    action: str,
    subject: Base,
    now: datetime,
    details: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Add an entry about a row; it goes to the database with the rest of the transaction."""
    written = entry(
        organization_id=organization_id, actor=actor, action=action, subject=subject, now=now, details=details
    )
    session.add(written)
    return written


def entry(
    *,
    organization_id: UUID | None,
    actor: str,
    action: str,
    subject: Base,
    now: datetime,
    details: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Make an entry about a row; `details` never hold a secret, and a SecretStr among them is refused."""
    return new(
        AuditEntry,
        organization_id=organization_id,
        at=now,
        actor=actor,
        action=action,
        subject_type=subject_type(type(subject)),
        subject_id=subject.id,
        details=jsonable(details or {}),
    )


def listing(
    session: Session, *, subject: Base | None = None, before: AuditEntry | None = None, limit: int = PAGE
) -> Sequence[AuditEntry]:
    """Entries of the organization, newest first; about one row only, or those before an entry, if asked."""
    query = select(AuditEntry).order_by(AuditEntry.at.desc(), AuditEntry.id.desc()).limit(limit)
    if subject is not None:
        query = query.where(AuditEntry.subject_type == subject_type(type(subject)), AuditEntry.subject_id == subject.id)
    if before is not None:
        at, number = AuditEntry.at, AuditEntry.id
        query = query.where((at < before.at) | ((at == before.at) & (number < before.id)))
    return session.scalars(query).all()


@cache
def subject_type(kind: type[Base]) -> str:
    """How a table's rows are called in the log: `api_token` for ApiToken."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower()


def signed(entry: AuditEntry, *, number: int, previous: bytes | None, kid: str) -> bytes:
    """What is signed of an entry at a place: all that it says, to the letter (RFC 8785)."""
    said = {
        "type": TYPE,
        "number": canonical.plain(number),
        "previous": previous.hex() if previous else None,
        "key": kid,
        "id": str(entry.id),
        "organization": str(entry.organization_id) if entry.organization_id else None,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": entry.actor,
        "action": entry.action,
        "subject_type": entry.subject_type,
        "subject_id": str(entry.subject_id),
        "details": canonical.plain(entry.details),
    }
    return canonical.dumps(said)


def link(entry: AuditEntry, kid: str) -> Link:
    """A sealed entry as a link of its chain."""
    return Link(
        name=str(entry.id),
        number=entry.number or 0,
        previous=entry.previous,
        kid=kid,
        signature=entry.signature or b"",
        body=lambda number: signed(entry, number=number, previous=entry.previous, kid=kid),
    )
