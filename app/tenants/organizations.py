"""Organizations: added by a transaction of their own, read by any of theirs."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.database import Database
from app.tenants import names
from app.tenants.conflicts import constraint
from app.tenants.errors import NameTaken
from app.tenants.models import Organization

#: Longest that copies of what was delivered are kept.
MOST_DAYS: Final = 3650


def add(
    db: Database,
    *,
    slug: str,
    name: str,
    rfc: str | None = None,
    locale: str = "es",
    timezone: str = "America/Mexico_City",
    accent: str = "#1f6f5c",
    contact: str | None = None,
    notice_url: str | None = None,
    notice_version: str | None = None,
) -> Organization:
    """Make an organization; raises NameTaken, BadName, BadValue."""
    organization = Organization(
        id=uuid7(),
        slug=names.name(slug, "slug"),
        name=names.text(name, "name", 200),
        rfc=names.rfc(rfc) if rfc else None,
        locale=names.locale(locale),
        timezone=names.timezone(timezone),
        accent=names.accent(accent),
        contact=names.optional(contact, "contact", 200),
        notice_url=names.address(notice_url, "notice_url", 500),
        notice_version=names.optional(notice_version, "notice_version", 40),
    )
    try:
        with db.transaction(organization.id) as session:
            session.add(organization)
    except IntegrityError as exc:
        if constraint(exc) == "uq_organizations_slug":
            raise NameTaken(field="slug", name=slug) from None
        raise
    return organization


def get(session: Session, organization_id: UUID) -> Organization:
    """Return the organization that the session belongs to; raises NoResultFound for any other."""
    return session.get_one(Organization, organization_id)
