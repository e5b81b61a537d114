"""Organizations: the tenants that hand in."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self

from flask import url_for
from pydantic import Field
from sqlalchemy.orm import Session

from app.api import etags, letters
from app.api.asking import Asker
from app.api.paging import Page, Paging, page
from app.api.resources import Resource
from app.api.schemas import UNSAID, Change, Model
from app.delivery import ending
from app.records import directory
from app.services import services
from app.tenants import models, organizations
from app.tenants.errors import OutOfScope
from app.tenants.tokens import Scope

resource = Resource("Organizations", "The tenants that hand in.")

Slug = Annotated[str, Field(description="Its name in addresses; does not change.")]
Name = Annotated[str, Field(description="What people read.", min_length=1, max_length=200)]
Rfc = Annotated[str | None, Field(description="Taxpayer's RFC; certificates of another are refused.")]
Locale = Literal["es", "en"]
Timezone = Annotated[str, Field(description="Zone of the dates on its pages.", examples=["America/Mexico_City"])]
Accent = Annotated[str, Field(description="Colour of its pages.", pattern="^#[0-9a-fA-F]{6}$")]
Contact = Annotated[str | None, Field(description="Whom its customers ask: an address or a telephone number.")]
NoticeUrl = Annotated[str | None, Field(description="Where its privacy notice is read.")]
NoticeVersion = Annotated[str | None, Field(description="The version in force, recorded with what is handed in.")]
Days = Annotated[
    int, Field(description="How long copies of what was delivered are kept.", ge=0, le=organizations.MOST_DAYS)
]

Suspended = Annotated[bool, Field(description="Whether it hands nothing in. Only the house's tokens say so.")]


class OrganizationListed(Model):
    """An organization in a list."""

    slug: Slug
    name: Name


class OrganizationPage(Page[OrganizationListed]):
    """Organizations, by their slugs."""


class Organization(Model):
    """A tenant."""

    slug: Slug
    name: Name
    rfc: Rfc
    locale: Locale
    timezone: Timezone
    accent: Accent
    contact: Contact
    notice_url: NoticeUrl
    notice_version: NoticeVersion
    keep_delivered_days: Days
    suspended_at: Annotated[datetime | None, Field(description="Since when it hands nothing in.")]
    deletes_at: Annotated[datetime | None, Field(description="When it is deleted for good, unless it is restored.")]
    created_at: datetime

    @classmethod
    def of(cls, row: models.Organization) -> Self:
        """Show a row."""
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class NewOrganization(Model):
    """An organization that is to be made."""

    slug: Slug
    name: Name
    rfc: Rfc = None
    locale: Locale = "es"
    timezone: Timezone = "America/Mexico_City"
    accent: Accent = "#1f6f5c"
    contact: Contact = None
    notice_url: NoticeUrl = None
    notice_version: NoticeVersion = None


class OrganizationChange(Change):
    """What is to be changed of an organization."""

    name: Name = UNSAID
    rfc: Rfc = UNSAID
    locale: Locale = UNSAID
    timezone: Timezone = UNSAID
    accent: Accent = UNSAID
    contact: Contact = UNSAID
    notice_url: NoticeUrl = UNSAID
    notice_version: NoticeVersion = UNSAID
    keep_delivered_days: Days = UNSAID
    suspended: Suspended = UNSAID


class OrganizationQuery(Paging):
    """Which organizations are asked for."""

    q: Annotated[
        str | None, Field(max_length=200, description="Beginnings of words of its slug, its name and its RFC.")
    ] = None


@resource.route(
    "GET", "/organizations", scope=Scope.ORGANIZATIONS_READ, query=OrganizationQuery, shows=OrganizationPage
)
def list_organizations(asker: Asker, query: OrganizationQuery) -> OrganizationPage:
    """List the organizations that the token sees: its own, or all of them if it is the house's."""
    after, database = query.after or "", services().database
    sought: dict[str, Any] = {"now": services().clock(), "after": after, "limit": query.limit + 1}
    with database.overview() if asker.is_house else asker.transaction() as session:
        found = directory.names(session, query.q, **sought)
    shown = [OrganizationListed(slug=slug, name=name) for slug, name in found]
    return page(OrganizationPage, shown, query, key=lambda one: one.slug, show=lambda one: one)


@resource.route(
    "POST",
    "/organizations",
    scope=Scope.ORGANIZATIONS_MANAGE,
    takes=NewOrganization,
    shows=Organization,
    status=201,
    problems=(409,),
    tagged=True,
)
def create_organization(asker: Asker, body: NewOrganization) -> tuple[Organization, dict[str, str]]:
    """Make an organization. Only the house's tokens do."""
    if not asker.is_house:
        raise OutOfScope
    made = added(asker, body.model_dump())
    return Organization.of(made), {"Location": url_for("api.show_organization", organization=made.slug)}


@resource.route("GET", "/organizations/<organization>", scope=Scope.ORGANIZATIONS_READ, shows=Organization, tagged=True)
def show_organization(asker: Asker) -> Organization:
    """Show an organization."""
    with asker.transaction() as session:
        return Organization.of(organizations.get(session, asker.the_organization))


@resource.route(
    "PATCH",
    "/organizations/<organization>",
    scope=Scope.ORGANIZATIONS_MANAGE,
    takes=OrganizationChange,
    shows=Organization,
    problems=(409,),
    tagged=True,
)
def edit_organization(asker: Asker, body: OrganizationChange) -> Organization:
    """Change an organization.

    What is kept of files counts for what is delivered from now on. `notice_url` and `notice_version` go together. One
    that is suspended is refused what is arriving, too; what waits of it goes on when that is lifted.
    """
    said = body.said()
    changes = {name: value for name, value in said.items() if name != "suspended"}
    if "suspended" in said and not asker.is_house:
        raise OutOfScope(field="suspended")
    with asker.transaction() as session:
        found = organizations.get(session, asker.the_organization, lock=True)
        etags.check(Organization.of(found))
        organizations.edit(found, **changes)
        if "suspended" in said:
            _suspend(session, found, suspended=bool(said["suspended"]))
        asker.written(session, "organization.changed", found, **said)
        return Organization.of(found)


@resource.route(
    "DELETE",
    "/organizations/<organization>",
    scope=Scope.ORGANIZATIONS_MANAGE,
    shows=Organization,
    status=202,
    tagged=True,
)
def delete_organization(asker: Asker) -> Organization:
    """Delete an organization, after a grace. Only the house's tokens do.

    It is suspended at once. When `deletes_at` is over, its credentials, what else it sealed and what is kept of files
    can be opened by nobody any more; its audit log and its receipts stay, and its slug is never another's.
    """
    if not asker.is_house:
        raise OutOfScope
    with asker.transaction() as session:
        found = organizations.get(session, asker.the_organization, lock=True)
        etags.check(Organization.of(found))
        begins = found.deletes_at is None
        if begins:
            ending.delete(found, services().clock(), timedelta(days=services().settings.deletion_days))
            asker.written(session, "organization.deleting", found, deletes_at=found.deletes_at)
    if begins:
        letters.tell_of_deletion(asker, found)
    return Organization.of(found)


@resource.route(
    "POST",
    "/organizations/<organization>/restore",
    scope=Scope.ORGANIZATIONS_MANAGE,
    shows=Organization,
    tagged=True,
)
def restore_organization(asker: Asker) -> Organization:
    """Take a deletion back, as long as it is not done. Only the house's tokens do.

    It stays suspended until that is lifted, too. One that nobody deleted stays as it is.
    """
    if not asker.is_house:
        raise OutOfScope
    with asker.transaction() as session:
        found = organizations.get(session, asker.the_organization, lock=True)
        if ending.restore(found):
            asker.written(session, "organization.restored", found)
        return Organization.of(found)


def _suspend(session: Session, found: models.Organization, *, suspended: bool) -> None:
    if suspended:
        ending.suspend(found, services().clock())
    else:
        ending.lift(session, found, services().clock())


def added(asker: Asker, about: dict[str, Any]) -> models.Organization:
    """Make an organization, and write that down in its own log."""
    made = organizations.add(services().database, **about)
    with services().database.transaction(made.id) as session:
        asker.for_organization(made.id).written(session, "organization.added", made)
    return made
