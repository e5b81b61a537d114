"""`/_sandbox`: what is asked wrongly is answered with what is wrong, and changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.sandbox import PROVIDERS, create_sandbox
from app.sandbox.provider import BadSeed
from tests.sandbox.facturapi.conftest import ACME, LIVE, SEED, USER

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient

KNOWN = ", ".join(provider.slug for provider in PROVIDERS)


@pytest.fixture
def client(tmp_path: Path) -> FlaskClient:
    return create_sandbox(tmp_path / "sandbox", SEED).test_client()


def me(client: FlaskClient, key: str = LIVE) -> Any:
    answer = client.get("/facturapi/v2/organizations/me", headers={"Authorization": f"Bearer {key}"})
    return answer.get_json()


def test_the_ledger_is_read_by_provider_and_cleared(client: FlaskClient) -> None:
    me(client)
    for query in ("", "?provider=facturapi"):
        entries = client.get(f"/_sandbox/ledger{query}").get_json()["requests"]
        assert [(one["provider"], one["method"], one["complete"]) for one in entries] == [("facturapi", "GET", True)]
    client.delete("/_sandbox/ledger")
    assert client.get("/_sandbox/ledger").get_json() == {"requests": []}


def test_the_ledger_of_a_provider_that_does_not_exist_is_not_simply_empty(client: FlaskClient) -> None:
    answer = client.get("/_sandbox/ledger?provider=facturpai")
    assert (answer.status_code, answer.get_json()) == (400, {"error": f"provider: one of {KNOWN}"})


def test_faults_are_ordered_listed_and_cleared(client: FlaskClient) -> None:
    order = {"provider": "facturapi", "action": "status", "status": 503, "times": 2}
    assert client.post("/_sandbox/faults", json=order).status_code == 201
    assert me(client)["code"] == "internal_error"
    assert client.get("/_sandbox/faults").get_json()["faults"][0]["times"] == 1
    client.delete("/_sandbox/faults")
    assert me(client)["id"] == ACME


def test_a_seed_makes_what_it_names_as_new_and_leaves_the_rest(client: FlaskClient) -> None:
    other = client.post("/facturapi/v2/organizations", json={"name": "Else"}, headers=_bearer(USER))
    client.put("/facturapi/v2/organizations/me/customization", json={"color": "000000"}, headers=_bearer(LIVE))
    seed = {"facturapi": {"organizations": [{"id": ACME, "name": "Again", "live_keys": ["sk_live_new"]}]}}
    assert client.post("/_sandbox/seed", json=seed).status_code == 201
    assert me(client)["code"] == "api_key_invalid"
    again = me(client, "sk_live_new")
    assert (again["id"], again["legal"]["name"], again["customization"]["color"]) == (ACME, "Again", "BADA55")
    there = client.get(f"/facturapi/v2/organizations/{other.get_json()['id']}", headers=_bearer(USER))
    assert there.status_code == 200


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_a_seed_can_hold_legal_data(client: FlaskClient) -> None:
    legal = {"tax_id": "EKU9003173C9", "address": {"zip": "06000"}}
    one = {"id": ACME, "name": "Acme", "live_keys": [LIVE], "legal": legal}
    client.post("/_sandbox/seed", json={"facturapi": {"organizations": [one]}})
    shown = me(client)
    assert (shown["legal"]["tax_id"], shown["legal"]["address"]["zip"]) == ("EKU9003173C9", "06000")
    assert "legal" not in [step["type"] for step in shown["pending_steps"]]


BAD = {"name": "Acme"}


@pytest.mark.parametrize(
    ("seed", "named"),
    [
        ([], "an object"),
        ({"other": {}}, f"at most, {KNOWN}"),
        ({"facturapi": []}, "user_keys and organizations"),
        ({"facturapi": {"keys": []}}, "user_keys and organizations"),
        ({"facturapi": {"user_keys": ["sk_live_x"]}}, "sk_user_"),
        ({"facturapi": {"user_keys": "sk_user_x"}}, "user_keys: a list"),
        ({"facturapi": {"organizations": {}}}, "organizations: a list"),
        ({"facturapi": {"organizations": [{}]}}, r"organizations\[0\]: an object with name"),
        ({"facturapi": {"organizations": [BAD, BAD | {"nose": 1}]}}, r"organizations\[1\]"),
        ({"facturapi": {"organizations": [BAD | {"id": "x"}]}}, "id: 24"),
        ({"facturapi": {"organizations": [BAD | {"legal": []}]}}, "legal"),
        ({"facturapi": {"organizations": [BAD | {"legal": {"nose": 1}}]}}, "legal"),
        ({"facturapi": {"organizations": [BAD | {"legal": {"address": "x"}}]}}, "legal"),
        ({"facturapi": {"organizations": [BAD | {"test_key": "sk_live_x"}]}}, "sk_test_"),
        ({"facturapi": {"organizations": [BAD | {"live_keys": "sk_live_x"}]}}, "sk_live_"),
        ({"facturapi": {"organizations": [BAD | {"live_keys": ["sk_live_"]}]}}, "sk_live_"),
    ],
)
def test_a_seed_that_makes_no_sense_says_why_and_changes_nothing(tmp_path: Path, seed: Any, named: str) -> None:
    with pytest.raises(BadSeed, match=named):
        create_sandbox(tmp_path / "sandbox", seed)


@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        ("POST", "/faults", {"provider": "facturapi"}),
        ("POST", "/faults", []),
        ("POST", "/seed", {"facturapi": 1}),
        ("PUT", "/clock", {"now": "noon"}),
        ("PUT", "/clock", {"now": 5}),
        ("PUT", "/clock", {"now": "2026-11-21T00:00:00"}),
        ("PUT", "/clock", []),
        ("PUT", "/limits", {"on": "yes"}),
        ("POST", "/facturapi/revoked", {"numbers": "1"}),
        ("POST", "/facturapi/revoked", []),
    ],
)
def test_what_is_asked_wrongly_is_answered_in_words(client: FlaskClient, method: str, path: str, sent: Any) -> None:
    answer = client.open(f"/_sandbox{path}", method=method, json=sent)
    assert answer.status_code == 400
    assert answer.get_json()["error"]
    assert me(client)["id"] == ACME


def test_what_is_not_json_is_refused(client: FlaskClient) -> None:
    answer = client.post("/_sandbox/faults", data="x")
    assert (answer.status_code, answer.content_type) == (415, "application/json")


@pytest.mark.parametrize("path", ["/", "/_sandbox", "/nobody/files", "*"])
def test_nothing_else_is_there(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404
    assert client.get("/_sandbox/ledger").get_json() == {"requests": []}


def test_a_mistake_of_the_sandbox_says_where_and_quotes_nothing(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("12345678a")

    monkeypatch.setattr("app.sandbox.facturapi.organizations.Organization.shown", fail)
    answer = client.get("/facturapi/v2/organizations/me", headers=_bearer(LIVE))
    assert (answer.status_code, answer.get_json()["code"]) == (500, "internal_error")
    assert "RuntimeError in " in caplog.text
    assert "12345678a" not in caplog.text
