"""That somebody took the audit log out, or had it verified, is an entry of it: whoever reads all of it is seen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.records.jsonable import jsonable
from app.records.models import AuditEntry

#: What such an entry is about. It has no row of its own: its id is its organization's, or this one for the house's.
SUBJECT: Final = "audit_log"
HOUSES: Final = UUID(int=0)

EXPORTED: Final = "audit.exported"
VERIFIED: Final = "audit.verified"


def write(
    session: Session,
    *,
    organization_id: UUID | None,
    actor: str,
    action: str,
    now: datetime,
    details: Mapping[str, Any],
) -> None:
    """Add the entry; it goes to the database with the rest of the transaction."""
    session.add(
        AuditEntry(
            id=uuid7(),
            organization_id=organization_id,
            at=now,
            actor=actor,
            action=action,
            subject_type=SUBJECT,
            subject_id=organization_id or HOUSES,
            details=jsonable(details),
        )
    )
