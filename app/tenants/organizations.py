"""Organizations: added by a transaction of their own, read by any of theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.database import Database
from app.tenants import names
from app.tenants.conflicts import constraint
from app.tenants.errors import BadValue, NameTaken
from app.tenants.models import Organization

#: Longest that copies of what was delivered are kept.
MOST_DAYS: Final = 3650
#: Where a privacy notice is read, and which is in force: both or neither.
NOTICE: Final = ("notice_url", "notice_version")


def new(
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
    keep_delivered_days: int = 0,
) -> Organization:
    """An organization that is in no session yet; raises NameTaken for the house's, BadName, BadValue."""
    if slug == names.HOUSE:
        raise NameTaken(field="slug", name=slug)
    organization = Organization(id=uuid7(), slug=names.name(slug, "slug"))
    edit(
        organization,
        name=name,
        rfc=rfc,
        locale=locale,
        timezone=timezone,
        accent=accent,
        contact=contact,
        notice_url=notice_url,
        notice_version=notice_version,
        keep_delivered_days=keep_delivered_days,
    )
    return organization


def put(session: Session, organization: Organization) -> None:
    """Keep a new organization, in a transaction of its own; raises NameTaken."""
    session.add(organization)
    try:
        session.flush()
    except IntegrityError as exc:
        if constraint(exc) == "uq_organizations_slug":
            raise NameTaken(field="slug", name=organization.slug) from None
        raise


def add(db: Database, **about: Any) -> Organization:
    """Make an organization of what `new` takes; raises NameTaken, BadName, BadValue."""
    organization = new(**about)
    with db.transaction(organization.id) as session:
        put(session, organization)
    return organization


def edit(organization: Organization, **values: Any) -> None:
    """Give an organization other values, by the names of its columns; raises BadValue, and then changed nothing."""
    judged = {name: CAN_BE[name](value) for name, value in values.items()}
    after = {name: judged.get(name, getattr(organization, name)) for name in NOTICE}
    if len({value is None for value in after.values()}) > 1:  # they are recorded together
        missing = next(name for name, value in after.items() if value is None)
        raise BadValue(field=missing, name=missing, value="")
    for name, value in judged.items():
        setattr(organization, name, value)


def get(session: Session, organization_id: UUID, *, lock: bool = False) -> Organization:
    """Return the organization that the session belongs to; raises NoResultFound for any other."""
    return session.get_one(Organization, organization_id, with_for_update=lock or None, populate_existing=lock)


def _days(value: int) -> int:
    if not 0 <= value <= MOST_DAYS:
        raise BadValue(field="keep_delivered_days", name="keep_delivered_days", value=value)
    return value


#: What can be edited, and what judges it.
CAN_BE: Final[Mapping[str, Callable[[Any], Any]]] = {
    "name": lambda value: names.text(value, "name", 200),
    "rfc": lambda value: names.rfc(value) if value else None,
    "locale": names.locale,
    "timezone": names.timezone,
    "accent": names.accent,
    "contact": lambda value: names.optional(value, "contact", 200),
    "notice_url": lambda value: names.address(value, "notice_url", 500),
    "notice_version": lambda value: names.optional(value, "notice_version", 40),
    "keep_delivered_days": _days,
}
