"""Links: personal ways into a form, which expire, are counted and can be revoked."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Final, Self
from uuid import UUID

from flask import url_for
from pydantic import AwareDatetime, Field, SecretStr
from sqlalchemy.orm import Session

from app.api import forms, mailing
from app.api.asking import Asker
from app.api.errors import NothingHere
from app.api.organizations import Locale
from app.api.paging import Page, Paging, page
from app.api.resources import Resource
from app.api.schemas import Model
from app.services import services
from app.tenants import links, models
from app.tenants.errors import BadValue
from app.tenants.links import Standing, Wanted
from app.tenants.names import LONGEST_EMAIL
from app.tenants.tokens import Scope

resource = Resource("Links", "Personal ways into a form, which expire, are counted and can be revoked.")

#: How long a link leads in, where nothing else is said.
USUAL: Final = timedelta(days=30)
MOST_USES: Final = 10_000

Recipient = Annotated[str | None, Field(description="Whom it is for; for its makers to read.", max_length=200)]
Uses = Annotated[int, Field(description="Hand-ins that it is good for.", ge=1, le=MOST_USES)]


class Link(Model):
    """A personal way into a form; where it leads in is kept nowhere, and neither is an address it was mailed to."""

    id: UUID
    form: Annotated[UUID, Field(description="Id of the form that it leads into.")]
    recipient: Recipient
    locale: Annotated[Locale | None, Field(description="Language of its pages.")]
    guarded: Annotated[bool, Field(description="Whether a passphrase opens it.")]
    uses: Annotated[int, Field(description="Hand-ins that were accepted by it.")]
    max_uses: Annotated[int, Field(description="Hand-ins that it is good for; more only where no call made it.")]
    last_used_at: Annotated[datetime | None, Field(description="When something was last handed in by it.")]
    opened: Annotated[
        int, Field(description="How often its page was opened: by people, and by what looks at mail before they do.")
    ]
    first_opened_at: datetime | None
    last_opened_at: datetime | None
    expires_at: datetime
    revoked_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, row: models.Link) -> Self:
        """Show a row."""
        own = {name: getattr(row, name) for name in cls.model_fields if name not in {"form", "guarded", "address"}}
        return cls.model_validate({**own, "form": row.form_id, "guarded": row.passphrase_hash is not None})


class LinkPage(Page[Link]):
    """Links."""


class LinkQuery(Paging):
    """Which links are listed."""

    form: Annotated[UUID | None, Field(description="Into this form.")] = None
    standing: Annotated[
        Standing | None,
        Field(
            description=f"`expiring` leads in for less than {links.SOON.days} days yet; `unopened`, `unused` as yet."
        ),
    ] = None
    recipient: Annotated[str | None, Field(description="A part of whom it is for.", max_length=200)] = None


class NewLink(Model):
    """A link that is to be made."""

    expires_at: Annotated[AwareDatetime | None, Field(description="Until when it leads in; null: 30 days.")] = None
    max_uses: Uses = 1
    recipient: Recipient = None
    locale: Annotated[Locale | None, Field(description="Language of its pages; null: the organization's.")] = None
    passphrase: Annotated[
        SecretStr | None,
        Field(
            description="What opens it besides.",
            min_length=1,
            max_length=links.LONGEST_PASSPHRASE,
            json_schema_extra={"writeOnly": True},
        ),
    ] = None
    email: Annotated[
        str | None,
        Field(
            description="Where it is mailed to, in its language; kept nowhere.",
            max_length=LONGEST_EMAIL,
            json_schema_extra={"writeOnly": True},
        ),
    ] = None


class MadeLink(Model):
    """A link that was just made."""

    link: Link
    address: Annotated[str, Field(description="Where it leads in; shown this once.")]
    mailed: Annotated[
        bool | None, Field(description="Whether the mail server took it; null: nobody asked for a mail.")
    ] = None


OF_FORM: Final = "/organizations/<organization>/forms/<uuid:form_id>/links"
COLLECTION: Final = "/organizations/<organization>/links"
ONE: Final = f"{COLLECTION}/<uuid:link_id>"


@resource.route("GET", OF_FORM, scope=Scope.LINKS_MANAGE, query=Paging, shows=LinkPage)
def list_links(asker: Asker, form_id: UUID, query: Paging) -> LinkPage:
    """List the links into a form, oldest first."""
    with asker.transaction() as session:
        into = forms.find(session, form_id)
        found = links.listing(session, into.id, after=query.after_id, limit=query.limit + 1)
    return page(LinkPage, found, query, key=lambda one: str(one.id), show=Link.of)


@resource.route("GET", COLLECTION, scope=Scope.LINKS_MANAGE, query=LinkQuery, shows=LinkPage)
def search_links(asker: Asker, query: LinkQuery) -> LinkPage:
    """List the links of an organization into all its forms, the newest first."""
    wanted = Wanted(form_id=query.form, standing=query.standing, recipient=query.recipient)
    with asker.transaction() as session:
        found = links.search(session, wanted, services().clock(), before=query.after_id, limit=query.limit + 1)
    return page(LinkPage, found, query, key=lambda one: str(one.id), show=Link.of)


@resource.route("POST", OF_FORM, scope=Scope.LINKS_MANAGE, takes=NewLink, shows=MadeLink, status=201)
def create_link(asker: Asker, form_id: UUID, body: NewLink) -> tuple[MadeLink, dict[str, str]]:
    """Make a link into a form. Where it leads in is shown once, and mailed where an address is given."""
    now = services().clock()
    if body.expires_at is not None and body.expires_at <= now:
        raise BadValue(field="expires_at", name="expires_at", value=body.expires_at.isoformat())
    send = mailing.to(body.email, asker) if body.email is not None else None
    with asker.transaction() as session:
        into = forms.find(session, form_id)
        made, token = links.create(
            session,
            form=into,
            expires_at=body.expires_at or now + USUAL,
            max_uses=body.max_uses,
            passphrase=body.passphrase.get_secret_value() if body.passphrase else None,
            recipient=body.recipient,
            locale=body.locale,
        )
        asker.written(session, "link.added", made, form=str(form_id), recipient=body.recipient)
    where = url_for("api.show_link", organization=asker.slug, link_id=made.id)
    address = f"{services().settings.public_url}/l/{token}"
    mailed = send(into, made, address) if send else None
    return MadeLink(link=Link.of(made), address=address, mailed=mailed), {"Location": where}


@resource.route("GET", ONE, scope=Scope.LINKS_MANAGE, shows=Link)
def show_link(asker: Asker, link_id: UUID) -> Link:
    """Show a link."""
    with asker.transaction() as session:
        return Link.of(_find(session, link_id))


@resource.route("POST", f"{ONE}/revoke", scope=Scope.LINKS_MANAGE, shows=Link)
def revoke_link(asker: Asker, link_id: UUID) -> Link:
    """Withdraw a link. One that was withdrawn stays as it is."""
    with asker.transaction() as session:
        found = _find(session, link_id)
        if links.revoke(session, link_id, services().clock()):
            asker.written(session, "link.revoked", found)
        session.flush()
        session.refresh(found)
        return Link.of(found)


def _find(session: Session, link_id: UUID) -> models.Link:
    found = session.get(models.Link, link_id)
    if found is None:
        raise NothingHere
    return found
