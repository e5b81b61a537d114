"""Where hand-ins go, remembered: what was changed is read anew, what was not is not."""

from __future__ import annotations

import secrets

import pytest
from sqlalchemy import event

from app.delivery.destinations import Destinations
from app.delivery.errors import ConnectionPaused
from app.providers.base import Look, Unavailable
from app.providers.wire import Outgoing
from app.tenants import connections, doors, tokens
from app.tenants.models import Connection, Environment
from tests.delivery.tenant import Tenant


def admitted(tenant: Tenant, token: str, connection: str = "facturapi") -> doors.Admitted:
    found = doors.admit(tenant.database, token, slug=tenant.organization.slug, connection=connection)
    assert found is not None
    return found


@pytest.fixture
def token(tenant: Tenant) -> str:
    with tenant.database.transaction(tenant.organization.id) as session:
        return tokens.create(session, organization_id=tenant.organization.id, name="t", scopes=[tokens.WRITE])[1]


def second(tenant: Tenant) -> Connection:
    """Another connection, which has no credential."""
    with tenant.database.transaction(tenant.organization.id) as session:
        return connections.add(
            session,
            tenant.vault,
            organization_id=tenant.organization.id,
            provider="facturapi",
            name="second",
            environment=Environment.SANDBOX,
            settings={"organization_id": secrets.token_hex(12)},
        )


def test_what_did_not_change_is_not_read_again(tenant: Tenant, token: str) -> None:
    deliverer = tenant.deliverer()
    asked: list[object] = []
    first = deliverer.destination(admitted(tenant, token), "facturapi")
    version = admitted(tenant, token)

    def note(*given: object) -> None:
        asked.append(given[2])

    event.listen(tenant.database.engine, "before_cursor_execute", note)
    try:
        assert deliverer.destination(version, "facturapi") is first
    finally:
        event.remove(tenant.database.engine, "before_cursor_execute", note)
    assert asked == []


def test_a_pause_counts_at_once(tenant: Tenant, token: str) -> None:
    deliverer = tenant.deliverer()
    open_ = deliverer.destination(admitted(tenant, token), "facturapi")
    assert open_ is not None
    open_.check_open()
    with tenant.database.transaction(tenant.organization.id) as session:
        connections.pause(session, tenant.connection, "credential-refused", tenant.clock())
    paused = deliverer.destination(admitted(tenant, token), "facturapi")
    assert paused is not None
    with pytest.raises(ConnectionPaused):
        paused.check_open()


def test_where_there_is_no_such_connection(tenant: Tenant, token: str) -> None:
    assert tenant.deliverer().destination(admitted(tenant, token, "other"), "other") is None


def test_one_that_went_meanwhile_is_not_there(tenant: Tenant) -> None:
    destinations = Destinations(tenant.database, tenant.deliverer()._ways, tenant.vault)
    assert destinations.find(tenant.organization.id, "gone", "1 1") is None


def test_those_used_last_are_remembered(tenant: Tenant, token: str) -> None:
    second(tenant)
    destinations = Destinations(tenant.database, tenant.deliverer()._ways, tenant.vault, most=1)

    def find(name: str) -> object:
        version = admitted(tenant, token, name).version
        assert version is not None
        return destinations.find(tenant.organization.id, name, version)

    first = find("facturapi")
    assert find("facturapi") is first
    assert find("second") is not None
    assert find("facturapi") is not first


def test_nobody_is_asked_by_a_connection_without_a_credential(tenant: Tenant) -> None:
    def ask(_: object) -> Look[None]:
        yield Outgoing(method="GET", path="/")

    def ask_for_content(_: object) -> Look[Outgoing]:
        yield from ()
        return Outgoing(method="GET", path="/")

    bare = second(tenant)
    with pytest.raises(Unavailable):
        tenant.deliverer().visit(bare, ask)
    with pytest.raises(Unavailable):
        tenant.deliverer().fetch(bare, ask_for_content)
    assert tenant.requests("GET") == []
