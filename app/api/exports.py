"""Organizations taken from one installation to another: all that was set up, and nothing that is secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from flask import url_for
from pydantic import Field
from sqlalchemy.orm import Session

from app.api import connecting
from app.api.asking import Asker
from app.api.connections import ProviderSlug
from app.api.forms import FormSettings, OperationSlug
from app.api.organizations import Days, NewOrganization, Organization, resource
from app.api.schemas import Model
from app.checks.form_settings import judged
from app.providers import registry
from app.services import services
from app.tenants import connections, forms, models, organizations
from app.tenants.errors import BadValue, OutOfScope
from app.tenants.models import Environment
from app.tenants.tokens import Scope

#: What an imported connection is paused by until it has its credential.
NO_CREDENTIAL: Final = "credential-missing"
#: More than anybody sets up, and less than takes long.
MOST: Final = 500


class ExportedOrganization(NewOrganization):
    """An organization as it was set up."""

    keep_delivered_days: Days = 0


class ExportedConnection(Model):
    """A connection as it was set up; its credential stays where it is."""

    name: str
    provider: ProviderSlug
    environment: Environment
    settings: dict[str, Any]
    house_connection: Annotated[str | None, Field(description="House connection of that name, which has to be there.")]


class ExportedForm(Model):
    """A form as it was set up; its address will be another."""

    connection: str
    operation: OperationSlug
    open: bool
    link_only: bool
    settings: FormSettings


class Export(Model):
    """All that was set up of an organization."""

    version: Literal[1]
    organization: ExportedOrganization
    connections: Annotated[list[ExportedConnection], Field(max_length=MOST)]
    forms: Annotated[list[ExportedForm], Field(max_length=MOST)]


class Imported(Model):
    """What came of an import."""

    organization: Organization
    without_credential: Annotated[
        list[str], Field(description="Connections that are paused until they are given a credential and verified.")
    ]


@resource.route("GET", "/organizations/<organization>/export", scope=Scope.ORGANIZATIONS_MANAGE, shows=Export)
def export_organization(asker: Asker) -> Export:
    """Write out all that was set up of an organization: itself, its connections and its forms.

    No credential is in it, no token, no link and nothing of what was handed in.
    """
    lenders = connecting.lenders()
    with asker.transaction() as session:
        found = organizations.get(session, asker.the_organization)
        rows = connections.listing(session)
        names = {row.id: row.name for row in rows}
        published = [_form(row, names) for row in forms.listing(session)]
    about = {name: getattr(found, name) for name in ExportedOrganization.model_fields}
    ways = [_connection(row, lenders) for row in rows]
    return Export(version=1, organization=ExportedOrganization(**about), connections=ways, forms=published)


@resource.route(
    "POST",
    "/organizations/import",
    scope=Scope.ORGANIZATIONS_MANAGE,
    takes=Export,
    shows=Imported,
    status=201,
    problems=(409,),
)
def import_organization(asker: Asker, body: Export) -> tuple[Imported, dict[str, str]]:
    """Make an organization of what was written out: all of it or nothing. Only the house's tokens do."""
    if not asker.is_house:
        raise OutOfScope
    made = organizations.new(**body.organization.model_dump())
    theirs = asker.for_organization(made.id)
    lenders = _lenders(theirs, body)
    with theirs.transaction() as session:
        organizations.put(session, made)
        theirs.written(session, "organization.imported", made, version=body.version)
        ways = {one.name: _make_connection(session, theirs, one, lenders) for one in body.connections}
        for one in body.forms:
            _make_form(session, theirs, one, ways)
        session.flush()
        bare = sorted(name for name, way in ways.items() if way.house_connection_id is None)
    where = url_for("api.show_organization", organization=made.slug)
    return Imported(organization=Organization.of(made), without_credential=bare), {"Location": where}


def _connection(row: models.Connection, lenders: Mapping[UUID, str]) -> ExportedConnection:
    shown = {name: getattr(row, name) for name in ("name", "environment", "settings")}
    lender = lenders.get(row.house_connection_id) if row.house_connection_id else None
    return ExportedConnection(provider=ProviderSlug(row.provider), house_connection=lender, **shown)


def _form(row: models.Form, names: dict[UUID, str]) -> ExportedForm:
    return ExportedForm(
        connection=names[row.connection_id],
        operation=OperationSlug(row.operation),
        open=row.open,
        link_only=row.link_only,
        settings=FormSettings.model_validate(row.settings),
    )


def _lenders(asker: Asker, body: Export) -> dict[str, UUID]:
    """The house connections that are borrowed from, by the names of those that borrow; raises NotLent."""
    return {
        one.name: connecting.lender(asker, one.house_connection, one.provider, one.environment)
        for one in body.connections
        if one.house_connection is not None
    }


def _make_connection(
    session: Session, asker: Asker, one: ExportedConnection, lenders: dict[str, UUID]
) -> models.Connection:
    connecting.check_environment(one.environment)
    made = connections.add(
        session,
        services().vault,
        organization_id=asker.organization_id,
        provider=one.provider,
        name=one.name,
        environment=one.environment,
        settings=connecting.judged_settings(registry.provider(one.provider), one.settings, of_house=False),
        house_connection_id=lenders.get(one.name),
    )
    told = {"provider": one.provider.value, "environment": one.environment.value}
    asker.written(session, "connection.added", made, **told)
    if made.house_connection_id is None:
        connections.pause(session, made, NO_CREDENTIAL, services().clock())
        asker.written(session, "connection.paused", made, because=NO_CREDENTIAL)
    return made


def _make_form(session: Session, asker: Asker, one: ExportedForm, ways: dict[str, models.Connection]) -> None:
    operation = registry.OPERATIONS[one.operation]
    through = ways.get(one.connection)
    if through is None or through.provider != operation.provider:
        raise BadValue(field="forms", name="connection", value=one.connection[:80])
    made = forms.add(
        session,
        organization_id=asker.the_organization,
        connection_id=through.id,
        operation=operation.slug,
        open=one.open,
        link_only=one.link_only,
        settings=judged(operation, one.settings.model_dump()),
    )
    asker.written(session, "form.added", made, operation=operation.slug, settings=made.settings)
