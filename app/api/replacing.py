"""A credential that takes another's place without a gap: it is tried before, and only what works is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, SecretStr
from uuid_utils.compat import uuid7

from app.api import connecting
from app.api.asking import Asker
from app.api.connections import ONE, Connection, NewConnection, create_connection, find, resource, shown
from app.api.errors import Untold
from app.api.schemas import Model
from app.delivery import retrying
from app.providers import registry
from app.providers.base import Ending, Outcome, Verdict
from app.services import services
from app.tenants import connections, models, organizations
from app.tenants.errors import OutOfScope
from app.tenants.models import Environment
from app.tenants.tokens import Scope


class Replacement(Model):
    """What is to take the place of a connection's credential."""

    settings: Annotated[
        dict[str, Any] | None, Field(description="Its settings from then on; without, they stay as they are.")
    ] = None
    credential: Annotated[
        dict[str, SecretStr],
        Field(description="Its secret fields; written, and never shown.", json_schema_extra={"writeOnly": True}),
    ]


@resource.route(
    "POST",
    f"{ONE}/credential",
    scope=Scope.CONNECTIONS_MANAGE,
    takes=Replacement,
    shows=Connection,
    problems=(424, 502, 503),
    house=True,
    tagged=True,
)
def replace_credential(asker: Asker, connection: str, body: Replacement) -> Connection:
    """Put a new credential in the place of the former once the provider has taken it; else nothing is changed.

    Until then the former is used, and afterwards this one: nothing waits, and a paused connection is used again.
    """
    with asker.transaction() as session:
        found = find(session, connection)
    if found.house_connection_id is not None:
        raise OutOfScope
    provider, settings = registry.provider(found.provider), found.settings
    if body.settings is not None:
        settings = connecting.judged_settings(provider, body.settings, of_house=asker.organization_id is None)
    credential = connecting.judged_credential(provider, settings, body.credential)
    verdict = taken(asker, draft(asker, found.provider, found.environment, settings), credential)
    lenders, now = connecting.lenders(), services().clock()
    with asker.transaction() as session:
        kept = find(session, connection, lock=True)
        connections.set_credential(session, services().vault, kept, credential)
        asker.written(session, "connection.credential_replaced", kept)
        if settings != kept.settings:
            kept.settings = settings
            asker.written(session, "connection.changed", kept, settings=settings)
        session.flush()
        paused = kept.paused_at is not None
        if paused:
            asker.written(session, "connection.resumed", kept)
        retrying.verified(session, kept, verdict, now)
        return shown(session, find(session, connection), lenders)


def draft(asker: Asker, provider: str, environment: Environment, settings: Mapping[str, Any]) -> models.Connection:
    """A connection that is not kept yet, to ask through."""
    return models.Connection(
        id=uuid7(),
        organization_id=asker.organization_id,
        provider=provider,
        environment=environment,
        settings=dict(settings),
    )


def taken(asker: Asker, connection: models.Connection, credential: Mapping[str, SecretStr]) -> Verdict:
    """Try a credential; raises Untold, with what the provider says, where it does not take it."""
    verdict = services().deliverer.try_credential(connection, credential)
    if verdict.ok:
        return verdict
    outcome = verdict.outcome or Outcome(ending=Ending.FAILED, problem="settings-wrong", message=verdict.detail)
    raise Untold(outcome, called(asker))


def create_tried(asker: Asker, body: NewConnection) -> Connection:
    """Make a connection of what its provider takes; raises NotValid, and Untold as `taken` does."""
    verdict = _tried(asker, body)
    made, _ = create_connection(asker, body)
    lenders, now = connecting.lenders(), services().clock()
    with asker.transaction() as session:
        retrying.verified(session, find(session, made.name), verdict, now)
        return shown(session, find(session, made.name), lenders)


def _tried(asker: Asker, body: NewConnection) -> Verdict:
    provider = registry.provider(body.provider)
    connecting.check_environment(body.environment)
    settings = connecting.judged_settings(provider, body.settings, of_house=asker.organization_id is None)
    credential = connecting.judged_credential(provider, settings, body.credential or {})
    return taken(asker, draft(asker, provider.slug, body.environment, settings), credential)


def called(asker: Asker) -> str:
    """Name of the organization that is asked for; of the house, what addresses call it."""
    if asker.organization_id is None:
        return asker.slug or ""
    with asker.transaction() as session:
        return organizations.get(session, asker.organization_id).name
