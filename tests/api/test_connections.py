"""Connections: made, tried, paused and taken up again by a token; what signs in is written and never shown."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from pydantic import SecretStr

from app.records import audit
from app.tenants import connections
from app.tenants.models import Connection
from app.tenants.vault import Vault
from tests.api.conftest import Desk
from tests.tenancy import borrow, house

ACCOUNT, OTHER = secrets.token_hex(12), secrets.token_hex(12)
KEY = f"sk_test_{secrets.token_hex(16)}"
FACTURAPI = {
    "name": "second",
    "provider": "facturapi",
    "environment": "sandbox",
    "settings": {"organization_id": ACCOUNT},
    "credential": {"key": KEY},
}


def all_of(desk: Desk, slug: str | None = None) -> str:
    return f"/api/v1/organizations/{slug or desk.mine.slug}/connections"


def first(desk: Desk, action: str = "") -> str:
    return f"{all_of(desk)}/facturapi{action}"


def actions(desk: Desk) -> list[str]:
    with desk.database.transaction(desk.mine.organization.id) as session:
        return [entry.action for entry in audit.listing(session) if entry.action.startswith("connection.")]


def test_no_line_of_the_log_has_a_secret(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    for change in ({}, {"credential": {"key": 7, "other": KEY}}, {"settings": {"organization_id": KEY}}, {"name": KEY}):
        desk.ask("POST", all_of(desk), json=FACTURAPI | change)
    desk.ask("PATCH", first(desk), json={"credential": {"key": KEY}})
    desk.ask("POST", first(desk, "/verify"))
    assert caplog.records
    assert KEY not in caplog.text
    with desk.database.transaction(desk.mine.organization.id) as session:
        assert KEY not in str([entry.details for entry in audit.listing(session)])


def test_made_and_seen_without_its_secret(desk: Desk, vault: Vault) -> None:
    made = desk.ask("POST", all_of(desk), json=FACTURAPI)
    assert made.status_code == 201
    there = desk.ask("GET", made.headers["Location"])
    assert (there.json, there.headers["ETag"]) == (made.json, made.headers["ETag"])
    assert made.json
    assert KEY not in made.text + there.text
    assert [(one["field"], one["last_four"]) for one in made.json["credential"]] == [("key", KEY[-4:])]
    with desk.database.transaction(desk.mine.organization.id) as session:
        row = connections.by_name(session, "second")
        assert row
        assert connections.credential(session, vault, row) == {"key": SecretStr(KEY)}
    listed = desk.ask("GET", all_of(desk)).json
    assert listed
    assert [one["name"] for one in listed["items"]] == ["facturapi", "second"]
    assert desk.ask("POST", all_of(desk), json=FACTURAPI).status_code == 409
    assert actions(desk) == ["connection.added"]


@pytest.mark.parametrize(
    ("change", "at", "code"),
    [
        ({"provider": "nobody"}, "#/provider", "not-taken"),
        ({"environment": "moon"}, "#/environment", "not-taken"),
        ({"name": "A B"}, "#/name", "bad-name"),
        ({"settings": {"other": "x", "organization_id": ACCOUNT}}, "#/settings/other", "unknown-member"),
        ({"settings": {"organization_id": 7}}, "#/settings/organization_id", "not-taken"),
        ({"credential": {}}, "#/credential/key", "missing-field"),
        ({"credential": None}, "#/credential/key", "missing-field"),
        ({"credential": {"key": ""}}, "#/credential/key", "missing-field"),
        ({"credential": {"key": KEY, "other": KEY}}, "#/credential/other", "unknown-member"),
        ({"credential": {"key": 7}}, "#/credential/key", "not-taken"),
        ({"house_connection": "facturapi"}, "#/house_connection", "out-of-scope"),
    ],
)
def test_what_cannot_be_made(desk: Desk, change: dict[str, Any], at: str, code: str) -> None:
    answer = desk.ask("POST", all_of(desk), json=FACTURAPI | change)
    assert answer.status_code == (403 if code == "out-of-scope" else 422)
    assert answer.json
    assert [(one["pointer"], one["code"]) for one in answer.json["errors"]] == [(at, code)]
    assert KEY not in answer.text


def test_the_house_lends(desk: Desk, vault: Vault) -> None:
    lent, name = f"lent-{secrets.token_hex(4)}", f"house-{secrets.token_hex(4)}"
    of_house = {"name": name, "provider": "facturapi", "environment": "sandbox", "credential": {"key": KEY}}
    assert desk.ask("POST", all_of(desk, "house"), "house both", json=of_house).status_code == 201
    borrowing = {key: value for key, value in FACTURAPI.items() if key != "credential"} | {
        "name": lent,
        "house_connection": name,
    }
    made = desk.ask("POST", all_of(desk), "house both", json=borrowing)
    assert (made.status_code, made.json and made.json["house_connection"]) == (201, name)
    mine = f"{all_of(desk)}/{lent}"
    assert desk.ask("GET", mine).json == made.json
    elsewhere = {"settings": {"organization_id": desk.theirs.account}}
    assert desk.ask("PATCH", mine, json=elsewhere).status_code == 403  # it would be another's account
    assert desk.ask("PATCH", mine, "house both", json=elsewhere).status_code == 200
    assert desk.ask("PATCH", mine, "house both", json={"credential": {"key": KEY}}).status_code == 422
    for method, path in (("GET", all_of(desk, "house")), ("GET", f"{all_of(desk, 'house')}/{name}")):
        assert desk.ask(method, path).status_code == 404
        assert desk.ask(method, path, "house both").status_code == 200


def test_the_house_has_no_settings_and_lends_nothing_to_itself(desk: Desk, vault: Vault) -> None:
    lender = house(desk.database, vault, name=f"house-{secrets.token_hex(4)}")
    of_house = {"provider": "facturapi", "environment": "sandbox", "credential": {"key": KEY}}
    wrong = desk.ask(
        "POST", all_of(desk, "house"), "house both", json=of_house | {"settings": {"organization_id": "x"}}
    )
    assert (wrong.status_code, wrong.json and wrong.json["errors"][0]["pointer"]) == (422, "#/settings/organization_id")
    of_house = {"provider": "facturapi", "environment": "sandbox", "house_connection": lender.name, "name": "x"}
    assert desk.ask("POST", all_of(desk, "house"), "house both", json=of_house).status_code == 422


def test_settings_and_credential_are_changed(desk: Desk, vault: Vault) -> None:
    seen = desk.ask("GET", first(desk))
    changed = desk.ask(
        "PATCH",
        first(desk),
        json={"settings": {"organization_id": OTHER}, "credential": {"key": KEY}},
        headers={"If-Match": seen.headers["ETag"]},
    )
    assert changed.json
    assert seen.json
    assert changed.json["settings"] == {"organization_id": OTHER}
    assert changed.json["credential"] != seen.json["credential"]
    late = desk.ask("PATCH", first(desk), json={"settings": {}}, headers={"If-Match": seen.headers["ETag"]})
    assert late.status_code == 412
    assert set(actions(desk)) == {"connection.changed", "connection.credential_replaced"}
    assert desk.ask("PATCH", first(desk), json={"credential": {}}).status_code == 422
    assert desk.ask("PATCH", first(desk), json={"credential": None}).status_code == 422


def test_settings_that_want_another_credential(desk: Desk, vault: Vault) -> None:
    made = {
        "provider": "formkiq",
        "environment": "sandbox",
        "settings": {"base_url": f"{desk.sandbox.url}/formkiq", "auth": "key"},
        "credential": {"key": KEY},
    }
    assert desk.ask("POST", all_of(desk), json=made).status_code == 201
    other = made["settings"] | {"auth": "token"}  # type: ignore[operator]
    answer = desk.ask("PATCH", f"{all_of(desk)}/formkiq", json={"settings": other})
    assert answer.status_code == 422
    assert answer.json
    assert all(one["pointer"].startswith("#/credential") for one in answer.json["errors"])


def test_verified(desk: Desk) -> None:
    good = desk.ask("POST", first(desk, "/verify")).json
    assert good
    assert (good["ok"], good["resumed"]) == (True, False)
    assert desk.ask("GET", first(desk)).json["verified_at"]  # type: ignore[index]
    desk.ask("PATCH", first(desk), json={"credential": {"key": KEY}})
    bad = desk.ask("POST", first(desk, "/verify"))
    assert (bad.status_code, bad.json and bad.json["ok"]) == (200, False)
    assert KEY not in bad.text


def test_paused_and_taken_up_again(desk: Desk) -> None:
    paused = desk.ask("POST", first(desk, "/pause"))
    assert (paused.status_code, paused.json and paused.json["paused_because"]) == (200, "paused-by-hand")
    assert desk.hand_in().status_code == 503
    assert desk.ask("POST", first(desk, "/pause")).json == paused.json
    assert actions(desk) == ["connection.paused"]
    used = desk.ask("POST", first(desk, "/resume"))
    assert (used.status_code, used.json and used.json["paused_at"]) == (200, None)
    assert desk.hand_in().status_code == 201
    desk.ask("POST", first(desk, "/resume"))
    assert actions(desk) == ["connection.resumed", "connection.paused"]


def test_a_credential_that_works_takes_it_up_again(desk: Desk) -> None:
    desk.set(Connection, desk.mine.connection.id, paused_at=desk.mine.organization.created_at, paused_because="x")
    answer = desk.ask("POST", first(desk, "/verify")).json
    assert answer
    assert (answer["ok"], answer["resumed"]) == (True, True)
    assert actions(desk) == ["connection.resumed"]
    assert desk.hand_in().status_code == 201


def test_a_borrowed_one_is_paused_by_its_own_organization(desk: Desk, vault: Vault) -> None:
    lender = house(desk.database, vault, name=f"house-{secrets.token_hex(4)}")
    borrow(desk.database, vault, desk.mine.organization.id, lender)
    assert desk.ask("POST", f"{all_of(desk)}/borrowed/pause").status_code == 200


@pytest.mark.parametrize("name", ["nobody", "a%00b", "%F0%9F%92%A9"])
def test_a_connection_that_there_is_not(desk: Desk, name: str) -> None:
    assert desk.ask("GET", f"{all_of(desk)}/{name}").status_code == 404
