"""Organizations: the tenants that hand in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from flask import url_for
from pydantic import Field

from app.api import etags
from app.api.asking import Asker
from app.api.paging import Page, Paging, page
from app.api.resources import Resource
from app.api.schemas import UNSAID, Change, Model
from app.services import services
from app.tenants import doors, models, organizations
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


@resource.route("GET", "/organizations", scope=Scope.ORGANIZATIONS_READ, query=Paging, shows=OrganizationPage)
def list_organizations(asker: Asker, query: Paging) -> OrganizationPage:
    """List the organizations that the token sees: its own, or all of them if it is the house's."""
    after = query.after or ""
    found = [
        OrganizationListed(slug=slug, name=name)
        for number, slug, name in doors.organizations(services().database)
        if slug > after and (asker.is_house or number == asker.organization_id)
    ]
    return page(OrganizationPage, found, query, key=lambda one: one.slug, show=lambda one: one)


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
    tagged=True,
)
def edit_organization(asker: Asker, body: OrganizationChange) -> Organization:
    """Change an organization.

    What is kept of files counts for what is delivered from now on. `notice_url` and `notice_version` go together.
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
            found.suspended_at = (found.suspended_at or services().clock()) if said["suspended"] else None
        asker.written(session, "organization.changed", found, **said)
        return Organization.of(found)


def added(asker: Asker, about: dict[str, Any]) -> models.Organization:
    """Make an organization, and write that down in its own log."""
    made = organizations.add(services().database, **about)
    with services().database.transaction(made.id) as session:
        asker.for_organization(made.id).written(session, "organization.added", made)
    return made
