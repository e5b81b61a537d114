"""What the simulated Factify is preloaded with and told, and what all that its client does leads to."""

from __future__ import annotations

import json
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest

from app.sandbox import create_sandbox
from app.sandbox.factify.ids import new_id
from app.sandbox.provider import BadSeed
from tests.sandbox.factify.conftest import KEY, SEED, STRANGER

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient

ACCOUNT = {"key": "ffy_test_one", "organization": "One"}


@pytest.fixture
def client(tmp_path: Path) -> FlaskClient:
    return create_sandbox(tmp_path / "sandbox", SEED).test_client()


def ask(client: FlaskClient, method: str, path: str, key: str = KEY, **rest: Any) -> Any:
    answer = client.open(f"/factify/v1beta{path}", method=method, headers={"Authorization": f"Bearer {key}"}, **rest)
    return answer.get_json()


def organization_of(client: FlaskClient, key: str = KEY) -> str:
    return str(ask(client, "GET", "/organizations", key)["items"][0]["id"])


def token(client: FlaskClient, email: str) -> str:
    return str(client.post("/_sandbox/factify/token", json={"email": email}).get_json()["token"])


def upload(client: FlaskClient, **fields: str) -> str:
    """The id of a document that was just created."""
    form = {"title": "T", "payload": (BytesIO(b"%PDF-"), "a.pdf")} | fields
    return str(ask(client, "POST", "/documents", data=form)["document"]["id"])


@pytest.mark.parametrize(
    "seed",
    [
        [],
        {"account": []},
        {"accounts": {}},
        {"accounts": [[]]},
        {"accounts": [{}]},
        {"accounts": [{"key": "ffy_test_one"}]},
        {"accounts": [{**ACCOUNT, "name": "x"}]},
        {"accounts": [{**ACCOUNT, "key": "sk_one"}]},
        {"accounts": [{**ACCOUNT, "key": "ffy_dev_one"}]},
        {"accounts": [{**ACCOUNT, "key": "ffy_test_"}]},
        {"accounts": [{**ACCOUNT, "key": "ffy_test_a b"}]},
        {"accounts": [{**ACCOUNT, "key": 1}]},
        {"accounts": [{**ACCOUNT, "organization": ""}]},
        {"accounts": [{**ACCOUNT, "organization": 1}]},
        {"accounts": [{**ACCOUNT, "quota": -1}]},
        {"accounts": [{**ACCOUNT, "quota": True}]},
        {"accounts": [{**ACCOUNT, "quota": "1"}]},
        {"accounts": [ACCOUNT, ACCOUNT]},
        {"accounts": [{**ACCOUNT, "key": KEY, "organization": "Again"}, {}]},
    ],
)
def test_a_seed_that_makes_no_sense_changes_nothing(client: FlaskClient, tmp_path: Path, seed: Any) -> None:
    with pytest.raises(BadSeed):
        create_sandbox(tmp_path / "other", {"factify": seed})
    answer = client.post("/_sandbox/seed", json={"factify": seed})
    assert (answer.status_code, "factify" in answer.get_json()["error"]) == (400, True)
    assert ask(client, "GET", "/organizations")["items"][0]["name"] == "Acme"


def test_a_seeded_account_is_as_new_and_the_others_stay(client: FlaskClient) -> None:
    before = {key: organization_of(client, key) for key in (KEY, STRANGER)}
    made = ask(client, "POST", "/api-keys", json={"name": "A", "organization_id": before[KEY]})
    client.post("/_sandbox/factify/policies", json={"key": KEY, "name": "A"})
    again = {"key": KEY, "organization": "Again", "quota": 7}
    assert client.post("/_sandbox/seed", json={"factify": {"accounts": [again]}}).status_code == 201
    (organization,) = ask(client, "GET", "/organizations")["items"]
    assert organization["name"] == "Again"
    assert organization["id"] != before[KEY]
    assert ask(client, "GET", "/documents/quota") == {"limit": 7, "used": 0, "available": 7}
    assert ask(client, "GET", "/documents", made["secret"])["details"][0]["reason"] == "invalid_api_key"
    assert organization_of(client, STRANGER) == before[STRANGER]


@pytest.mark.parametrize(
    ("path", "order"),
    [
        ("/processing", {"key": "ffy_test_nobody"}),
        ("/processing", {"key": KEY, "result": "lost"}),
        ("/processing", {"key": KEY, "seconds": "1"}),
        ("/processing", {"key": KEY, "second": 1}),
        ("/export", {"key": KEY, "seconds": -1}),
        ("/export", {"key": KEY, "headers": {"a": 1}}),
        ("/export", {"key": "ffy_test_nobody"}),
        ("/processed", {"id": "doc_none", "status": "ready"}),
        ("/processed", {"id": "doc_none", "status": "processing"}),
        ("/token", {}),
        ("/token", {"email": "nobody"}),
        ("/token", {"key": "ffy_test_nobody"}),
        ("/policies", {"key": KEY}),
        ("/policies", []),
    ],
)
def test_an_order_that_makes_no_sense_says_why(client: FlaskClient, path: str, order: Any) -> None:
    answer = client.post(f"/_sandbox/factify{path}", json=order)
    assert (answer.status_code, answer.get_json().keys()) == (400, {"error"})


def test_ids_sort_by_when_they_were_made() -> None:
    made = [new_id("doc") for _ in range(1000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


NONE = "0" * 26
IMPOSSIBLE: list[tuple[str, Any, str]] = [
    (f"GET /organizations/org_{NONE}", None, "not_found"),
    ("GET /api-keys", None, "invalid_argument"),
    ("POST /api-keys", {"name": "A", "organization_id": "{org}", "expires_at": "2090-01-01"}, "invalid_argument"),
    ("POST /api-keys", {"name": "A", "organization_id": "{org}", "expires_at": 1}, "invalid_argument"),
    (f"POST /api-keys/key_{NONE}/revoke", {}, "not_found"),
    ("POST /organizations/{org}/invites", {"email": "nobody"}, "invalid_argument"),
    ("POST /organizations/{org}/invites", {"email": "a@b.c", "message": "契" * 700}, "invalid_argument"),
    ("POST /organizations/{org}/invites", {"email": "{email}"}, "failed_precondition"),
    (f"POST /organizations/{{org}}/invites/inv_{NONE}/revoke", {}, "not_found"),
    ("POST /organizations/{org}/members", {"user_id": f"user_{NONE}", "role": "member"}, "not_found"),
    ("POST /organizations/{org}/members", {"user_id": "{user}", "role": "member"}, "already_exists"),
    (f"DELETE /organizations/{{org}}/members/user_{NONE}", None, "not_found"),
    ("POST /documents/{doc}/process", {"async": "yes"}, "invalid_argument"),
    ("POST /documents/{doc}/process", {"version_id": f"ver_{NONE}"}, "not_found"),
    (f"POST /documents/{{doc}}/access-requests/acr_{NONE}/deny", {}, "not_found"),
    ("POST /documents/{doc}/policies", {"policy_id": f"pol_{NONE}"}, "not_found"),
    (f"DELETE /documents/{{doc}}/policies/pol_{NONE}", None, "not_found"),
    ("POST /documents/{doc}/share", {"recipients": []}, "invalid_argument"),
    ("POST /documents/{doc}/share", {"recipients": [{"recipient": "a@b.c"}]}, "invalid_argument"),
    ("PATCH /documents/{doc}/share/{user}", {"document_role": "viewer"}, "failed_precondition"),
    (f"DELETE /documents/{{doc}}/share/user_{NONE}", None, "not_found"),
    (f"PUT /quota/keys/key_{NONE}", {"limit": 1}, "not_found"),
    ("PUT /quota/keys/{theirs}", {"limit": 1}, "not_found"),
    ("PUT /quota/keys/{key}", {"limit": 0}, "invalid_argument"),
    ("PUT /quota/keys/{key}", {}, "invalid_argument"),
    ("DELETE /quota/keys/{key}", None, "not_found"),
]


@pytest.mark.parametrize(("asked", "data", "code"), IMPOSSIBLE)
def test_what_cannot_be_done_says_why(client: FlaskClient, asked: str, data: Any, code: str) -> None:
    owner = client.post("/_sandbox/factify/token", json={"key": KEY}).get_json()["user"]
    keys = [
        ask(client, "GET", f"/api-keys?organization_id={organization_of(client, key)}", key)["items"][0]["id"]
        for key in (KEY, STRANGER)
    ]
    known = {"org": organization_of(client), "doc": upload(client), "user": owner["id"], "email": owner["email"]}
    known |= {"key": keys[0], "theirs": keys[1]}

    def filled(text: str) -> str:
        for name, value in known.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    method, path = filled(asked).split()
    rest = {} if data is None else {"json": json.loads(filled(json.dumps(data)))}
    assert ask(client, method, path, **rest)["code"] == code


def test_ownership_is_not_granted(client: FlaskClient) -> None:
    at = f"/documents/{upload(client)}/share"
    wanted = [{"recipient": "other@example.com", "role": role} for role in ("viewer", "owner")]
    assert [one["success"] for one in ask(client, "POST", at, json={"recipients": wanted})["results"]] == [True, False]
    other = ask(client, "GET", at)["recipients"][1]
    assert (other["email"], other["document_role"]) == ("other@example.com", "viewer")
    refused = ask(client, "PATCH", f"{at}/{other['id']}", json={"document_role": "owner"})
    assert refused["code"] == "failed_precondition"


def test_a_member_is_not_invited_twice(client: FlaskClient) -> None:
    at = f"/organizations/{organization_of(client)}"
    signed = client.post("/_sandbox/factify/token", json={"email": "other@example.com"}).get_json()
    invite = ask(client, "POST", f"{at}/invites", json={"email": "other@example.com"})["invite"]["id"]
    mailed = client.get(f"/_sandbox/factify/invites/{invite}").get_json()
    ask(client, "POST", f"{at}/members", json={"user_id": signed["user"]["id"], "role": "member"})
    refused = ask(client, "POST", f"{at}/invites/accept", signed["token"], json=mailed)
    assert refused["code"] == "failed_precondition"


def test_only_those_who_run_an_organization_change_it(client: FlaskClient) -> None:
    organization = organization_of(client)
    at, name = f"/organizations/{organization}", {"name": "Taken"}
    other = token(client, "other@example.com")
    assert ask(client, "PATCH", at, other, json=name)["code"] == "permission_denied"
    invite = ask(client, "POST", f"{at}/invites", json={"email": "OTHER@example.com"})["invite"]["id"]
    mailed = client.get(f"/_sandbox/factify/invites/{invite}").get_json()
    stranger = token(client, "stranger@example.com")
    assert ask(client, "POST", f"{at}/invites/accept", stranger, json=mailed)["code"] == "permission_denied"
    assert ask(client, "POST", f"{at}/invites/accept", other, json={"token": "x"})["code"] == "not_found"
    assert ask(client, "POST", f"{at}/invites/accept", other, json=mailed)["organization"]["name"] == "Acme"
    assert ask(client, "GET", at, other)["organization"]["name"] == "Acme"
    assert ask(client, "PATCH", at, other, json=name)["code"] == "permission_denied"
    (shown,) = ask(client, "GET", f"{at}/invites?status=accepted")["items"]
    assert shown["accepted_by"]["email"] == "other@example.com"
    member = f"{at}/members/{shown['accepted_by']['id']}"
    assert ask(client, "PATCH", member, json={"role": "admin"})["member"]["role"] == "admin"
    assert ask(client, "PATCH", at, other, json=name)["organization"]["name"] == "Taken"
    owner = ask(client, "GET", f"{at}/members?page_size=100")["items"][-1]["user"]["id"]
    assert ask(client, "DELETE", f"{at}/members/{owner}", other)["code"] == "failed_precondition"


def test_an_invitation_is_mailed_once_more_and_dies_when_it_is_revoked(client: FlaskClient) -> None:
    at = f"/organizations/{organization_of(client)}/invites"
    first = ask(client, "POST", at, json={"email": "other@example.com"})["invite"]
    mailed = client.get(f"/_sandbox/factify/invites/{first['id']}").get_json()
    again = ask(client, "POST", at, json={"email": "Other@example.com"})["invite"]
    assert again["id"] == first["id"]
    assert client.get(f"/_sandbox/factify/invites/{first['id']}").get_json() != mailed
    assert ask(client, "POST", f"{at}/{first['id']}/revoke", json={})["invite"]["status"] == "revoked"
    for action in ("resend", "revoke"):
        assert ask(client, "POST", f"{at}/{first['id']}/{action}", json={})["code"] == "failed_precondition"
    client.put("/_sandbox/clock", json={"now": "2040-01-01T00:00:00Z"})
    other = ask(client, "POST", at, json={"email": "other@example.com"})["invite"]["id"]
    client.put("/_sandbox/clock", json={"now": "2040-01-09T00:00:00Z"})
    assert [one["id"] for one in ask(client, "GET", f"{at}?status=expired")["items"]] == [other]
    assert ask(client, "POST", f"{at}/{other}/resend", json={})["invite"]["status"] == "pending"


def test_whoever_gave_a_document_away_keeps_less_of_it(client: FlaskClient) -> None:
    organization = organization_of(client)
    signed = client.post("/_sandbox/factify/token", json={"email": "heir@example.com"}).get_json()
    member = {"user_id": signed["user"]["id"], "role": "member"}
    ask(client, "POST", f"/organizations/{organization}/members", json=member)
    at, heir = f"/documents/{upload(client)}", {"new_owner_id": member["user_id"]}
    nobody = {"new_owner_id": "user_" + "0" * 26}
    assert ask(client, "POST", f"{at}/transfer", json=nobody)["code"] == "failed_precondition"
    assert ask(client, "POST", f"{at}/transfer", json=heir)["new_owner_id"] == heir["new_owner_id"]
    assert ask(client, "POST", f"{at}/trash", json={})["code"] == "permission_denied"
    assert ask(client, "PATCH", at, json={"title": "Still"})["document"]["title"] == "Still"
    assert ask(client, "POST", f"{at}/trash", signed["token"], json={}) == {}


def test_a_request_for_access_is_settled_once(client: FlaskClient) -> None:
    document = upload(client, access_level="private")
    at, other = f"/documents/{document}/access-requests", token(client, "other@example.com")
    wanted = {"permission": "edit"}
    asked = ask(client, "POST", at, other, json=wanted)["access_request"]["id"]
    assert ask(client, "POST", at, other, json=wanted)["code"] == "already_exists"
    assert ask(client, "POST", f"{at}/{asked}/approve", other, json={})["code"] == "permission_denied"
    assert ask(client, "POST", f"{at}/{asked}/approve", json={})["access_request"]["request_status"] == "approved"
    assert ask(client, "POST", f"{at}/{asked}/deny", json={})["code"] == "failed_precondition"
    assert ask(client, "GET", at)["items"] == []
    assert ask(client, "GET", f"{at}/status", other) == {"has_pending_request": False}
    changed = ask(client, "PATCH", f"/documents/{document}", other, json={"title": "Theirs"})
    assert changed["document"]["title"] == "Theirs"
    assert ask(client, "GET", "/documents?ownership=not_owned", other)["items"][0]["shared_at"]


def test_a_timeline_tells_admins_all_and_others_what_they_did(client: FlaskClient) -> None:
    at, other = f"/documents/{upload(client)}", token(client, "other@example.com")
    granted = {"recipients": [{"recipient": "other@example.com", "role": "collaborator"}, {"role": "viewer"}]}
    shared = ask(client, "POST", f"{at}/share", json=granted)
    assert (shared["successful"], shared["failed"]) == (1, 1)
    ask(client, "PATCH", at, other, json={"title": "Theirs"})

    def kinds(key: str, query: str = "") -> list[str]:
        told = ask(client, "GET", f"{at}/timeline{query}", key)["events"]
        return [one["event_type"].removeprefix("TIMELINE_EVENT_TYPE_DOCUMENT_") for one in told]

    assert kinds(KEY) == ["UPDATED", "USER_ACCESS_GRANTED", "CREATED"]
    assert kinds(other) == ["UPDATED"]
    first = ask(client, "GET", f"{at}/timeline?page_size=2")
    assert first["has_more"] is True
    assert kinds(KEY, f"?page_size=2&cursor={first['next_cursor']}") == ["CREATED"]
