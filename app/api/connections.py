"""Connections: an organization's ways to its providers, and the house's. What a credential is nobody is shown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

from flask import url_for
from pydantic import Field, SecretStr
from sqlalchemy.orm import Session

from app.api import connecting, etags
from app.api.asking import Asker
from app.api.errors import NothingHere, NotValid
from app.api.paging import Page, Paging, page
from app.api.resources import Resource
from app.api.schemas import UNSAID, Change, Model
from app.delivery import retrying
from app.providers import registry
from app.providers.base import Provider
from app.services import services
from app.tenants import connections, models
from app.tenants.errors import OutOfScope
from app.tenants.models import Environment
from app.tenants.tokens import Scope

resource = Resource(
    "Connections", "An organization's ways to its providers; under “house”, those that the house lends."
)

#: What a connection is paused by that somebody paused.
BY_HAND: Final = "paused-by-hand"
#: Every provider there is.
ProviderSlug = StrEnum("ProviderSlug", {slug: slug for slug in registry.PROVIDERS})  # type: ignore[misc]

Name = Annotated[str, Field(description="Its name in addresses; does not change.")]
Settings = Annotated[dict[str, Any], Field(description="What the provider has to be told: docs/providers.md.")]
Lender = Annotated[
    str | None,
    Field(description="House connection whose credential it uses in place of its own. Only the house's tokens say so."),
]
Secrets = Annotated[
    dict[str, SecretStr] | None,
    Field(description="Its secret fields; written, and never shown.", json_schema_extra={"writeOnly": True}),
]


class SealedField(Model):
    """What may be shown of a secret: enough to tell it from another."""

    field: str
    last_four: Annotated[str, Field(description="Empty where the secret is short.")]
    fingerprint: str


class Connection(Model):
    """A way to a provider."""

    name: Name
    provider: ProviderSlug
    environment: Environment
    settings: Settings
    house_connection: Lender
    credential: Annotated[list[SealedField], Field(description="What it signs in with, its own or lent.")]
    paused_at: datetime | None
    paused_because: Annotated[str | None, Field(description="`credential-refused`, or `paused-by-hand`.")]
    verified_at: Annotated[datetime | None, Field(description="When the provider last took its credential.")]
    credential_ends_at: Annotated[datetime | None, Field(description="When it ends by itself and nothing renews it.")]
    created_at: datetime


class ConnectionPage(Page[Connection]):
    """Connections, by their names."""


class NewConnection(Model):
    """A connection that is to be made, with a credential of its own or one that the house lends."""

    name: Annotated[str | None, Field(description="Its name in addresses; without it, the provider's.")] = None
    provider: ProviderSlug
    environment: Environment
    settings: Settings = Field(default_factory=dict)
    house_connection: Lender = None
    credential: Secrets = None


class ConnectionChange(Change):
    """What is to be changed of a connection."""

    settings: Settings = UNSAID
    credential: Secrets = UNSAID


class Verdict(Model):
    """Whether the provider takes the credential."""

    ok: bool
    detail: Annotated[str, Field(description="In words for an operator.")]
    ends_at: Annotated[datetime | None, Field(description="When the credential ends by itself.")]
    resumed: Annotated[bool, Field(description="Whether a paused connection is used again because of that.")]


COLLECTION: Final = "/organizations/<organization>/connections"
ONE: Final = f"{COLLECTION}/<connection>"


@resource.route("GET", COLLECTION, scope=Scope.CONNECTIONS_READ, query=Paging, shows=ConnectionPage, house=True)
def list_connections(asker: Asker, query: Paging) -> ConnectionPage:
    """List the connections of an organization."""
    lenders = connecting.lenders()
    with asker.transaction() as session:
        found = connections.listing(session, after=query.after or "", limit=query.limit + 1)
        return page(
            ConnectionPage, found, query, key=lambda one: one.name, show=lambda one: shown(session, one, lenders)
        )


@resource.route(
    "POST",
    COLLECTION,
    scope=Scope.CONNECTIONS_MANAGE,
    takes=NewConnection,
    shows=Connection,
    status=201,
    problems=(409,),
    house=True,
    tagged=True,
)
def create_connection(asker: Asker, body: NewConnection) -> tuple[Connection, dict[str, str]]:
    """Make a connection. Its credential is not tried: verify it afterwards."""
    provider, lender = registry.provider(body.provider), None
    connecting.check_environment(body.environment)
    settings = connecting.judged_settings(provider, body.settings, of_house=asker.organization_id is None)
    if body.house_connection is not None:
        lender = connecting.lender(asker, body.house_connection, provider.slug, body.environment)
    credential = _credential(provider, settings, body.credential, borrows=lender is not None)
    lenders = connecting.lenders()
    with asker.transaction() as session:
        made = connections.add(
            session,
            services().vault,
            organization_id=asker.organization_id,
            provider=provider.slug,
            name=body.name or provider.slug,
            environment=body.environment,
            settings=settings,
            credential=credential,
            house_connection_id=lender,
        )
        asker.written(session, "connection.added", made, provider=provider.slug, environment=body.environment.value)
        one = shown(session, made, lenders)
    where = url_for("api.show_connection", organization=asker.slug, connection=made.name)
    return one, {"Location": where}


@resource.route("GET", ONE, scope=Scope.CONNECTIONS_READ, shows=Connection, house=True, tagged=True)
def show_connection(asker: Asker, connection: str) -> Connection:
    """Show a connection."""
    lenders = connecting.lenders()
    with asker.transaction() as session:
        return shown(session, find(session, connection), lenders)


@resource.route(
    "PATCH",
    ONE,
    scope=Scope.CONNECTIONS_MANAGE,
    takes=ConnectionChange,
    shows=Connection,
    problems=(409,),
    house=True,
    tagged=True,
)
def edit_connection(asker: Asker, connection: str, body: ConnectionChange) -> Connection:
    """Change a connection's settings, or put a new credential in the place of the former.

    `settings` and `credential` are taken whole, in the place of what was. One that is paused stays so until its
    credential is verified. One that borrows has no credential of its own, and only the house's tokens change it.
    """
    lenders = connecting.lenders()
    with asker.transaction() as session:
        found = find(session, connection, lock=True)
        etags.check(shown(session, found, lenders))
        if found.house_connection_id is not None and not asker.is_house:
            raise OutOfScope
        provider, said = registry.provider(found.provider), body.model_fields_set
        settings = found.settings
        if "settings" in said:
            settings = connecting.judged_settings(provider, body.settings, of_house=asker.organization_id is None)
        if "credential" in said:
            borrows = found.house_connection_id is not None
            credential = _credential(provider, settings, body.credential, borrows=borrows)
            connections.set_credential(session, services().vault, found, credential or {})
            found.credential_ends_at = None  # of the former
            asker.written(session, "connection.credential_replaced", found)
        if "settings" in said:
            connecting.check_sealed(session, provider, found, settings)
            found.settings = settings
            asker.written(session, "connection.changed", found, settings=settings)
        session.flush()
        return shown(session, found, lenders)


@resource.route("POST", f"{ONE}/verify", scope=Scope.CONNECTIONS_MANAGE, shows=Verdict, house=True)
def verify_connection(asker: Asker, connection: str) -> Verdict:
    """Try the credential by a call that changes nothing; a paused connection that works is used again."""
    with asker.transaction() as session:
        found = find(session, connection)
    verdict, resumed = services().deliverer.verify(asker.organization_id, found.id), False
    if verdict.ok:
        with asker.transaction() as session:
            resumed = retrying.verified(session, found, verdict, services().clock())
            if resumed:
                asker.written(session, "connection.resumed", found)
    return Verdict(ok=verdict.ok, detail=verdict.detail, ends_at=verdict.ends_at, resumed=resumed)


@resource.route("POST", f"{ONE}/pause", scope=Scope.CONNECTIONS_MANAGE, shows=Connection, house=True, tagged=True)
def pause_connection(asker: Asker, connection: str) -> Connection:
    """Let nothing more be sent along a connection; what is kept waits. One that is paused stays so."""
    lenders = connecting.lenders()
    with asker.transaction() as session:
        found = find(session, connection, lock=True)
        if connections.pause(session, found, BY_HAND, services().clock()):
            asker.written(session, "connection.paused", found, because=BY_HAND)
        return shown(session, find(session, connection), lenders)


@resource.route("POST", f"{ONE}/resume", scope=Scope.CONNECTIONS_MANAGE, shows=Connection, house=True, tagged=True)
def resume_connection(asker: Asker, connection: str) -> Connection:
    """Let a paused connection be used again, without trying its credential. One that is in use stays so."""
    lenders = connecting.lenders()
    with asker.transaction() as session:
        found = find(session, connection, lock=True)
        if found.paused_at is not None:
            asker.written(session, "connection.resumed", found)
            session.flush()
            retrying.resume(session, found, services().clock())
        return shown(session, find(session, connection), lenders)


def find(session: Session, name: str, *, lock: bool = False) -> models.Connection:
    """The connection of that name; raises NothingHere."""
    found = connections.by_name(session, name, lock=lock)
    if found is None:
        raise NothingHere
    return found


def shown(session: Session, row: models.Connection, lenders: Mapping[UUID, str]) -> Connection:
    """Show a connection; `lenders`: what the house calls its own, which no organization sees."""
    sealed = connections.credentials(session, row)
    return Connection(
        name=row.name,
        provider=ProviderSlug(row.provider),
        environment=row.environment,
        settings=row.settings,
        house_connection=lenders.get(row.house_connection_id) if row.house_connection_id else None,
        credential=[
            SealedField(field=one.field, last_four=one.last_four, fingerprint=one.fingerprint) for one in sealed
        ],
        paused_at=row.paused_at,
        paused_because=row.paused_because,
        verified_at=row.verified_at,
        credential_ends_at=row.credential_ends_at,
        created_at=row.created_at,
    )


def _credential(
    provider: Provider, settings: Mapping[str, Any], given: Mapping[str, SecretStr] | None, *, borrows: bool
) -> Mapping[str, SecretStr] | None:
    if not borrows:
        return connecting.judged_credential(provider, settings, given or {})
    if given is not None:
        raise NotValid((connecting.unknown("credential"),))
    return None
