"""A credential takes another's place without a gap: what the provider does not take changes nothing."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from app.database import utcnow
from app.providers import registry
from app.providers.base import Ending, Outcome, Unavailable
from app.providers.wire import Outgoing
from app.records import audit
from app.tenants import connections
from app.tenants.models import Connection
from app.tenants.vault import Vault
from tests.api.conftest import Desk
from tests.tenancy import borrow, house


@pytest.fixture
def new(desk: Desk) -> str:
    """A second key that is good there."""
    key = f"sk_live_{secrets.token_hex(16)}"
    account = {"id": desk.mine.account, "name": "Kemper", "live_keys": [key]}
    desk.sandbox.seed(facturapi={"organizations": [account]})
    return key


def path(desk: Desk) -> str:
    return f"/api/v1/organizations/{desk.mine.slug}/connections/facturapi/credential"


def kept(desk: Desk, vault: Vault) -> str:
    with desk.database.transaction(desk.mine.organization.id) as session:
        row = session.get_one(Connection, desk.mine.connection.id)
        return connections.credential(session, vault, row)["key"].get_secret_value()


def actions(desk: Desk) -> list[str]:
    with desk.database.transaction(desk.mine.organization.id) as session:
        return [one.action for one in audit.listing(session) if one.action.startswith("connection.")]


def test_a_good_one_takes_its_place_and_ends_a_pause(desk: Desk, vault: Vault, new: str) -> None:
    desk.set(Connection, desk.mine.connection.id, paused_at=utcnow(), paused_because="credential-refused")
    answer = desk.ask("POST", path(desk), json={"credential": {"key": new}})
    assert answer.status_code == 200, answer.text
    assert answer.json
    assert (answer.json["paused_at"], bool(answer.json["verified_at"])) == (None, True)
    assert kept(desk, vault) == new
    assert new not in answer.text
    assert sorted(actions(desk)) == ["connection.credential_replaced", "connection.resumed"]
    assert desk.hand_in().status_code == 201


def test_a_bad_one_changes_nothing_and_the_provider_says_why(desk: Desk, vault: Vault) -> None:
    before, bad = kept(desk, vault), f"sk_live_{secrets.token_hex(16)}"
    answer = desk.ask("POST", path(desk), json={"credential": {"key": bad}})
    assert (answer.status_code, answer.json and answer.json["type"]) == (503, "/docs/problems#credential-refused")
    assert bad not in answer.text
    assert (kept(desk, vault), actions(desk)) == (before, [])
    assert desk.hand_in().status_code == 201


def test_nor_does_a_provider_that_is_away(desk: Desk, vault: Vault, new: str) -> None:
    before = kept(desk, vault)
    desk.fault("status", method="GET", status=500)
    assert desk.ask("POST", path(desk), json={"credential": {"key": new}}).status_code == 502
    assert kept(desk, vault) == before


def test_nor_does_one_that_cannot_be_asked(desk: Desk, vault: Vault, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def verify(*_: object) -> Iterator[Outgoing]:
        raise Unavailable(Outcome(ending=Ending.FAILED, problem="settings-wrong", message=f"no such thing as {new}"))
        yield

    monkeypatch.setattr(type(registry.provider("facturapi")), "verify", verify)
    before = kept(desk, vault)
    answer = desk.ask("POST", path(desk), json={"credential": {"key": new}})
    assert answer.json
    assert answer.json["type"] == "/docs/problems#settings-wrong"
    assert new not in answer.text
    assert kept(desk, vault) == before


@pytest.mark.parametrize("credential", [{}, {"key": ""}, {"key": "x" * 20, "more": "x"}])
def test_what_is_no_credential_is_not_tried(desk: Desk, credential: dict[str, str]) -> None:
    assert desk.ask("POST", path(desk), json={"credential": credential}).status_code == 422
    assert desk.sandbox.ledger("facturapi") == []


def test_what_is_lent_is_the_houses_to_replace(desk: Desk, vault: Vault, new: str) -> None:
    lender = house(desk.database, vault, name=f"h-{secrets.token_hex(4)}")
    borrow(desk.database, vault, desk.mine.organization.id, lender, name="borrowed")
    there = path(desk).replace("/facturapi/", "/borrowed/")
    assert desk.ask("POST", there, json={"credential": {"key": new}}).status_code == 403
