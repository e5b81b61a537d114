"""Credentials that end are renewed before they are used, once, whoever else does so at the same time."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr

from app.database import HOUSE, Database
from app.providers import registry
from app.providers.base import Ending, Outcome, Unavailable
from app.records import audit
from app.tenants import connections
from app.tenants.models import Connection
from tests.delivery.streaming import Played
from tests.delivery.tenant import Tenant
from tests.delivery.test_stream import stream

DOWN = Unavailable(Outcome(ending=Ending.RETRY, problem="provider-unreachable", code="connect"))


@dataclass(kw_only=True)
class Keys:
    """An old key that is due, and a new one that is not."""

    tenant: Tenant
    played: Played

    @property
    def new(self) -> Mapping[str, SecretStr]:
        return {"key": SecretStr(self.tenant.key)}

    def stored(self, connection: Connection | None = None) -> str:
        connection = connection or self.tenant.connection
        with self.tenant.database.transaction(connection.organization_id) as session:
            return connections.credential(session, self.tenant.vault, connection)["key"].get_secret_value()


@pytest.fixture
def keys(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> Keys:
    played = Played(is_due=lambda credential: credential["key"].get_secret_value() != tenant.key)
    monkeypatch.setitem(registry.PROVIDERS, "facturapi", played)
    with tenant.database.transaction(tenant.organization.id) as session:
        connections.set_credential(session, tenant.vault, tenant.connection, {"key": SecretStr("old-key-0123456789")})
    return Keys(tenant=tenant, played=played)


def test_what_is_due_is_renewed_and_kept(keys: Keys) -> None:
    keys.played.renewals = [keys.new]
    assert stream(keys.tenant).state == "delivered"
    assert keys.stored() == keys.tenant.key
    assert keys.tenant.requests("PUT")[0]["authorization"] == f"Bearer {keys.tenant.key}"
    assert [one.action for one in keys.tenant.audit(keys.tenant.connection)] == ["connection.renewed"]
    assert stream(keys.tenant).state == "delivered"
    assert keys.played.renewed == 1


def test_one_that_cannot_be_had_sends_nothing(keys: Keys) -> None:
    keys.played.renewals = [DOWN]
    result = stream(keys.tenant)
    assert (result.state, result.outcome.problem) == ("failed", "provider-unreachable")
    assert not keys.tenant.requests("PUT")
    assert keys.tenant.paused() is None


def test_one_that_is_refused_pauses(keys: Keys) -> None:
    keys.played.renewals = [Unavailable(Outcome(ending=Ending.CREDENTIAL, problem="credential-refused"))]
    assert stream(keys.tenant).outcome.problem == "credential-refused"
    assert keys.tenant.paused() == "credential-refused"


def test_a_credential_that_does_not_open_is_no_way(keys: Keys) -> None:
    tenant = keys.tenant
    with tenant.database.transaction(tenant.organization.id) as session:
        (sealed,) = connections.credentials(session, tenant.connection)
        sealed.ciphertext = b"damaged"
    result = stream(tenant)
    assert (result.state, result.outcome.problem) == ("failed", "settings-wrong")


def test_a_trial_says_so(keys: Keys) -> None:
    keys.played.renewals = [DOWN]
    verdict = keys.tenant.deliverer().verify(keys.tenant.organization.id, keys.tenant.connection.id)
    assert (verdict.ok, verdict.detail) == (False, "its credential could not be renewed")


def test_whose_refresh_another_used_up_takes_what_that_got(keys: Keys) -> None:
    """Another process asked with the same token a moment before, and it is good once."""
    tenant, renew = keys.tenant, keys.played.renew

    def overtaken(*args: Any) -> Any:
        with tenant.database.transaction(tenant.organization.id) as session:
            connections.set_credential(session, tenant.vault, tenant.connection, keys.new)
        return renew(*args)

    keys.played.renew = overtaken  # type: ignore[method-assign, assignment]
    keys.played.renewals = [DOWN]
    assert stream(tenant).state == "delivered"


def test_what_an_operator_set_meanwhile_stands(keys: Keys) -> None:
    tenant, renew = keys.tenant, keys.played.renew

    def overtaken(*args: Any) -> Any:
        with tenant.database.transaction(tenant.organization.id) as session:
            connections.set_credential(session, tenant.vault, tenant.connection, keys.new)
        return renew(*args)

    keys.played.renew = overtaken  # type: ignore[method-assign, assignment]
    keys.played.renewals = [{"key": SecretStr("too-late-0123456789")}]
    assert stream(tenant).state == "delivered"
    assert keys.stored() == tenant.key
    assert not keys.tenant.audit(keys.tenant.connection)


def test_of_two_at_once_in_a_process_one_asks(keys: Keys) -> None:
    tenant, start = keys.tenant, threading.Barrier(2)
    deliverer = tenant.deliverer()
    fresh = deliverer._ways.fresh

    def together(way: Any) -> Any:
        start.wait(10)
        return fresh(way)

    deliverer._ways.fresh = together  # type: ignore[method-assign]
    keys.played.renewals = [keys.new]
    with ThreadPoolExecutor(2) as threads:
        tried = [
            threads.submit(deliverer.verify, tenant.organization.id, tenant.connection.id),
            threads.submit(deliverer.verify, tenant.organization.id, tenant.connection.id),
        ]
        assert [one.result(30).ok for one in tried] == [True, True]
    assert keys.played.renewed == 1


def test_the_house_s_is_renewed_for_all_who_borrow_it(keys: Keys, house: Connection) -> None:
    tenant = keys.tenant
    with tenant.database.transaction(tenant.organization.id) as session:
        connections.set_credential(session, tenant.vault, tenant.connection, {})
        session.get_one(Connection, tenant.connection.id).house_connection_id = house.id
    keys.played.renewals = [keys.new]
    assert stream(tenant).state == "delivered"
    assert keys.stored(house) == tenant.key
    with tenant.database.transaction(HOUSE) as session:
        assert [one.action for one in audit.listing(session, subject=house)] == ["connection.renewed"]


def test_a_worker_may_renew_too(keys: Keys, worker: Database) -> None:
    tenant = keys.tenant
    with worker.transaction(tenant.organization.id) as session:
        connection = session.get_one(Connection, tenant.connection.id)
        sealed = connections.credentials(session, connection)
        assert connections.renew(session, tenant.vault, sealed, keys.new)
    assert keys.stored() == tenant.key
