"""An organization's end: it is suspended, deleted after days in which that can be taken back, and shredded then.

Suspended, it hands nothing in: what is arriving or under way ends as what a revoked token let in does, incomplete at
the provider; what was promised before, and waits, goes on waiting.

Shredding destroys the organization's data key, and with it whatever it sealed, in backups, too, that do not hold the
key. What stays is what was handed in when and what became of it: the audit log and the receipts are proofs, and they
can be verified as before. Its slug stays taken.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import ARRAY, Uuid, column, select, text, update
from sqlalchemy.orm import Session

from app.database import HOUSE, Database, enter
from app.delivery import cancelling, settling
from app.delivery.cancelling import TooLate
from app.delivery.jobs import wake
from app.intake.spool import Spool
from app.records import audit, uploads
from app.records.models import Upload
from app.records.states import State
from app.tenants import organizations
from app.tenants.errors import Deleting
from app.tenants.models import Organization

log = structlog.get_logger("ventanilla.ending")

#: Uploads that one transaction cancels.
BATCH: Final = 100
FIND: Final = text("SELECT ventanilla_find_ended(:now)")
SHRED: Final = text("SELECT ventanilla_shred(:ended, :now) AS freed").columns(column("freed", ARRAY(Uuid)))


def suspend(organization: Organization, now: datetime) -> None:
    """Let it hand nothing in, from this commit on; one that is suspended stays so since then."""
    organization.suspended_at = organization.suspended_at or now


def lift(session: Session, organization: Organization, now: datetime) -> None:
    """Let it hand in again, and what waited meanwhile be due, with as much patience as before; raises Deleting.

    Let it be the last thing that the transaction does.
    """
    if organization.deletes_at is not None:
        raise Deleting(date=organization.deletes_at)
    if organization.suspended_at is None:
        return
    organization.suspended_at = None
    session.flush()
    waiting = update(Upload).where(Upload.organization_id == organization.id, Upload.state == State.WAITING)
    session.execute(
        waiting.values(due_at=now, tries=0, deadline_at=None), execution_options={"synchronize_session": False}
    )
    wake(session, organization.id)


def delete(organization: Organization, now: datetime, grace: timedelta) -> None:
    """Suspend it, to be shredded after a grace; one that was deleted before keeps its moment."""
    suspend(organization, now)
    organization.deletes_at = organization.deletes_at or now + grace


def restore(organization: Organization) -> bool:
    """Take a deletion back; it stays suspended until somebody lifts that, too. False if nobody had deleted it."""
    deleted, organization.deletes_at = organization.deletes_at is not None, None
    return deleted


def shred_ended(database: Database, spool: Spool, now: datetime) -> int:
    """Shred every organization whose grace is over; how many those were. `database` is the worker's.

    One of which something is still on its way is passed over: that ends, and then it is its turn.
    """
    with database.doors() as session:
        ended: list[UUID] = list(session.scalars(FIND, {"now": now}))
    shredded = 0
    for organization_id in ended:
        while _end_waiting(database, spool, organization_id, now):
            pass
        freed = _shred(database, organization_id, now)
        if freed is None:
            continue
        shredded += 1
        for upload_id in freed:  # what ends between leaves objects that no row knows; those are swept
            spool.discard(upload_id)
        log.warning("organization deleted", organization=str(organization_id), copies=len(freed))
    return shredded


def _end_waiting(database: Database, spool: Spool, organization_id: UUID, now: datetime) -> bool:
    """Cancel what waits, so many at once; what may have arrived becomes what it is, unconfirmed. False: none waits."""
    waiting = select(Upload.id).where(Upload.state == State.WAITING).order_by(Upload.id).limit(BATCH)
    cancelled: list[UUID] = []
    with database.transaction(organization_id) as session:
        found = session.scalars(waiting).all()
        for upload_id in found:
            try:
                cancelled.append(cancelling.cancel(session, upload_id, actor=audit.SYSTEM, now=now).id)
            except TooLate:
                settling.give_up(session, uploads.lock(session, upload_id), actor=audit.SYSTEM, now=now)
    for upload_id in cancelled:
        spool.discard(upload_id)
    return bool(found)


def _shred(database: Database, organization_id: UUID, now: datetime) -> list[UUID] | None:
    with database.transaction(organization_id) as session:
        freed: list[UUID] | None = session.scalar(SHRED, {"ended": organization_id, "now": now})
        if freed is None:
            return None
        organization = organizations.get(session, organization_id)
        for owner in (organization_id, HOUSE):  # the house's log is read where this one's cannot be asked for any more
            enter(session, owner)
            audit.write(
                session,
                organization_id=owner,
                actor=audit.SYSTEM,
                action="organization.deleted",
                subject=organization,
                details={"slug": organization.slug},
                now=now,
            )
            session.flush()
    return freed
