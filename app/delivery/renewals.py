"""Tells of certificates that end soon, and lets go of what was sent for those that were renewed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from app.database import AWAY, Database
from app.records import certificates, notices
from app.tenants import doors, organizations
from app.tenants.vault import Vault

log = structlog.get_logger("ventanilla.renewals")

SECONDS_A_DAY: Final = 86_400


def watch(database: Database, vault: Vault, now: datetime, *, days: Sequence[int], by_mail: bool) -> int:
    """Tell of each certificate that has come to have no more than one of the `days` left; how many were told of.

    One organization that cannot be told is in nobody else's way. `database` is the worker's.
    """
    told = 0
    for organization_id, slug, _ in doors.organizations(database):
        try:
            told += _watch(database, vault, organization_id, now, days=days, by_mail=by_mail)
        except AWAY:
            raise
        except Exception:
            log.exception("certificates not watched", organization=slug)
    return told


def _watch(
    database: Database, vault: Vault, organization_id: UUID, now: datetime, *, days: Sequence[int], by_mail: bool
) -> int:
    with database.transaction(organization_id) as session:
        organization = organizations.get(session, organization_id)
        if organization.suspended_at is not None:
            return 0
        used = certificates.in_use(session)
        told = [
            one
            for one in used
            if notices.give(session, vault, organization, one, now, days=days, by_mail=by_mail) is not None
        ]
        notices.withdraw(session, [one.upload_id for one in used], now)
    for one in told:
        log.warning(
            "certificate ends",
            organization=organization.slug,
            connection=one.connection,
            operation=one.operation,
            number=one.number,
            not_after=one.not_after.isoformat(),
            days=int((one.not_after - now).total_seconds() // SECONDS_A_DAY),
        )
    return len(told)
