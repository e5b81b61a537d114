"""Copies whose time is over go: first their rows, then what lies in the spool."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import text

from app.database import Database
from app.intake.spool import Spool
from app.records import audit, copies, uploads

log = structlog.get_logger("ventanilla.retention")

#: Copies that one transaction forgets.
BATCH: Final = 100
FIND: Final = text("SELECT ventanilla_find_outdated(:now)")


def remove_outdated(database: Database, spool: Spool, now: datetime) -> int:
    """Remove every copy that is kept no longer; how many those were. `database` is the worker's.

    What ends between row and object leaves an object that no row knows; those are swept.
    """
    with database.doors() as session:
        organizations: list[UUID] = list(session.scalars(FIND, {"now": now}))
    removed = 0
    for organization_id in organizations:
        while gone := _forget(database, organization_id, now):
            removed += len(gone)
            for upload_id in gone:
                spool.discard(upload_id)
    return removed


def _forget(database: Database, organization_id: UUID, now: datetime) -> list[UUID]:
    with database.transaction(organization_id) as session:
        gone = list(copies.outdated(session, now, BATCH))
        for upload_id in gone:
            audit.write(
                session,
                organization_id=organization_id,
                actor=audit.SYSTEM,
                action="upload.copy_removed",
                subject=uploads.get(session, upload_id),
                now=now,
            )
    return gone
