"""Tokens that make tokens: none that reach further than they do; rotated with an overlap, withdrawn at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from app.database import utcnow
from app.records import audit
from app.tenants import tokens
from app.tenants.tokens import SCOPES, Scope
from tests.api.conftest import Desk


def all_of(desk: Desk, slug: str | None = None) -> str:
    return f"/api/v1/organizations/{slug or desk.mine.slug}/tokens"


def by(desk: Desk, secret: str, method: str, path: str, **more: Any) -> Any:
    return desk.ask(method, path, None, headers={"Authorization": f"Bearer {secret}"}, **more)


def manager(desk: Desk, **more: Any) -> str:
    """A token that makes tokens."""
    told = {"name": "manager", "scopes": [Scope.TOKENS_MANAGE, Scope.UPLOADS_READ]} | more
    with desk.database.transaction(desk.mine.organization.id) as session:
        _, secret = tokens.create(session, organization_id=desk.mine.organization.id, **told)
    return secret


def test_made_shown_once_and_let_in(desk: Desk) -> None:
    said = {"name": "billing", "scopes": ["uploads:read", "uploads:write"], "networks": ["127.0.0.0/8"]}
    made = desk.ask("POST", all_of(desk), json=said)
    assert made.status_code == 201
    assert made.json
    secret, told = made.json["secret"], made.json["token"]
    assert tokens.is_token(secret)
    assert {name: told[name] for name in said} == said
    there = desk.ask("GET", made.headers["Location"])
    assert there.json == told
    assert secret not in there.text
    assert by(desk, secret, "GET", "/api/v1/me").json["token"]["id"] == told["id"]
    listed = desk.ask("GET", f"{all_of(desk)}?limit=200").json
    assert listed
    assert told["id"] in [one["id"] for one in listed["items"]]
    gone = desk.ask("POST", f"{made.headers['Location']}/revoke").json
    assert gone
    assert gone["revoked_at"]
    assert by(desk, secret, "GET", "/api/v1/me").status_code == 401
    assert desk.ask("POST", f"{made.headers['Location']}/revoke").json == gone
    with desk.database.transaction(desk.mine.organization.id) as session:
        entries = [(entry.action, secret in str(entry.details)) for entry in audit.listing(session)]
    assert entries == [("api_token.revoked", False), ("api_token.added", False)]


def test_the_house_makes_its_own(desk: Desk) -> None:
    said = {"name": "ops", "scopes": ["uploads:read"]}
    assert desk.ask("POST", all_of(desk, "house"), json=said).status_code == 404
    made = desk.ask("POST", all_of(desk, "house"), "house both", json=said)
    assert made.status_code == 201
    assert made.json
    assert by(desk, made.json["secret"], "GET", "/api/v1/me").json["organization"] is None


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ({"scopes": []}, "#/scopes"),
        ({"scopes": ["everything"]}, "#/scopes/0"),
        ({"name": ""}, "#/name"),
        ({"networks": ["10.0.0.0/8", "x"]}, "#/networks"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "#/expires_at"),
    ],
)
def test_what_is_not_made(desk: Desk, said: dict[str, Any], at: str) -> None:
    answer = desk.ask("POST", all_of(desk), json={"name": "x", "scopes": ["proxy"]} | said)
    assert answer.status_code == 422
    assert answer.json
    assert [one["pointer"] for one in answer.json["errors"]] == [at]


@pytest.mark.parametrize(
    ("reach", "said", "status"),
    [
        ({}, {}, 201),
        ({}, {"scopes": ["uploads:read", "tokens:manage"]}, 201),
        ({}, {"scopes": ["uploads:write"]}, 403),
        ({"networks": ["127.0.0.0/8"]}, {}, 403),
        ({"networks": ["127.0.0.0/8"]}, {"networks": ["127.0.0.0/7"]}, 422),
        ({"networks": ["127.0.0.0/8"]}, {"networks": ["126.0.0.0/7"]}, 403),
        ({"networks": ["127.0.0.0/8"]}, {"networks": ["127.0.0.0/8", "::1/128"]}, 403),
        ({"networks": ["127.0.0.0/8"]}, {"networks": ["127.0.0.1/32"]}, 201),
        ({"expires_at": utcnow() + timedelta(days=9)}, {}, 403),
        ({"expires_at": utcnow() + timedelta(days=9)}, {"expires_at": "2200-01-01T00:00:00Z"}, 403),
        (
            {"expires_at": utcnow() + timedelta(days=9)},
            {"expires_at": (utcnow() + timedelta(days=8)).isoformat()},
            201,
        ),
    ],
)
def test_none_reaches_further_than_its_maker(
    desk: Desk, reach: dict[str, Any], said: dict[str, Any], status: int
) -> None:
    secret = manager(desk, **reach)
    answer = by(desk, secret, "POST", all_of(desk), json={"name": "x", "scopes": ["uploads:read"]} | said)
    assert answer.status_code == status, answer.text


def test_rotated_with_an_overlap(desk: Desk) -> None:
    made = desk.ask("POST", all_of(desk), json={"name": "x", "scopes": ["uploads:read"]})
    assert made.json
    former, one = made.json["secret"], made.headers["Location"]
    other = desk.ask("POST", f"{one}/rotate", json={"overlap_seconds": 3600})
    assert other.status_code == 201
    assert other.json
    assert (other.json["token"]["name"], other.json["token"]["scopes"]) == ("x", ["uploads:read"])
    assert [by(desk, secret, "GET", "/api/v1/me").status_code for secret in (former, other.json["secret"])] == [
        200,
        200,
    ]
    assert desk.ask("GET", one).json["rotated_at"]  # type: ignore[index]
    again = desk.ask("POST", f"{one}/rotate", json={})
    assert (again.status_code, again.json and again.json["type"]) == (409, "/docs/problems#already-rotated")
    last = desk.ask("POST", f"{other.headers['Location']}/rotate", json={"overlap_seconds": 0})
    assert last.status_code == 201
    assert by(desk, other.json["secret"], "GET", "/api/v1/me").status_code == 401


def test_none_is_rotated_into_more(desk: Desk) -> None:
    strong = desk.ask("POST", all_of(desk), json={"name": "x", "scopes": list(SCOPES)}).json
    assert strong
    weak = manager(desk)
    answer = by(desk, weak, "POST", f"{all_of(desk)}/{strong['token']['id']}/rotate", json={})
    assert (answer.status_code, "secret" in answer.json) == (403, False)
    assert by(desk, weak, "POST", f"{all_of(desk)}/{strong['token']['id']}/revoke").status_code == 200


def test_none_outlives_its_maker_by_being_rotated(desk: Desk) -> None:
    end = utcnow() + timedelta(days=9)
    weak = manager(desk, expires_at=end)
    own = by(desk, weak, "GET", "/api/v1/me").json["token"]["id"]
    lasting = desk.ask("POST", all_of(desk), json={"name": "x", "scopes": ["uploads:read"]}).json
    assert lasting
    for one in (lasting["token"]["id"], own):
        made = by(desk, weak, "POST", f"{all_of(desk)}/{one}/rotate", json={})
        assert made.status_code == 201, made.text
        assert datetime.fromisoformat(made.json["token"]["expires_at"]) == end
