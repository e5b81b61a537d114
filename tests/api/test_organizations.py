"""Organizations: seen by their own token and the house's, edited with or without what was seen."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from app.records import audit
from tests.api.conftest import Desk

ALL = "/api/v1/organizations"


def slug() -> str:
    return f"n-{secrets.token_hex(6)}"


def path(desk: Desk) -> str:
    return f"{ALL}/{desk.mine.slug}"


def test_a_token_sees_its_own_alone(desk: Desk) -> None:
    found = desk.ask("GET", ALL).json
    assert found == {"items": [{"slug": desk.mine.slug, "name": "Kemper"}], "next": None}


def test_the_house_sees_all_in_pages(desk: Desk) -> None:
    seen, address, pages = [], f"{ALL}?limit=1", 0
    while address:
        answer = desk.ask("GET", address, "house both")
        assert answer.json
        assert len(answer.json["items"]) == 1
        seen += [one["slug"] for one in answer.json["items"]]
        link = answer.headers.get("Link")
        assert (link is None) == (answer.json["next"] is None)
        address, pages = link.partition(">")[0].lstrip("<") if link else "", pages + 1
    assert seen == sorted(seen)
    assert {desk.mine.slug, desk.theirs.slug} <= set(seen)
    assert pages == len(seen)


def test_found_by_words(desk: Desk) -> None:
    found = desk.ask("GET", f"{ALL}?q=kem", "house both").json
    assert found
    assert desk.mine.slug in [one["slug"] for one in found["items"]]
    assert desk.ask("GET", f"{ALL}?q=kem").json == {"items": [{"slug": desk.mine.slug, "name": "Kemper"}], "next": None}
    assert desk.ask("GET", f"{ALL}?q=nothing-of-the-kind", "house both").json == {"items": [], "next": None}


@pytest.mark.parametrize("cursor", ["x", "ImEi.", "InoteGVuIg.AAAA"])
def test_a_cursor_that_nobody_gave(desk: Desk, cursor: str) -> None:
    answer = desk.ask("GET", f"{ALL}?cursor={cursor}")
    assert (answer.status_code, answer.json and answer.json["type"]) == (422, "/docs/problems#bad-cursor")


def test_a_cursor_of_another_list(desk: Desk) -> None:
    cursor = desk.ask("GET", f"{ALL}?limit=1", "house both").json
    assert cursor
    there = desk.ask("GET", f"{path(desk)}/connections?cursor={cursor['next']}")
    assert (there.status_code, there.json and there.json["type"]) == (422, "/docs/problems#bad-cursor")


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "limit=1.5", "nothing=1"])
def test_what_a_list_is_not_asked(desk: Desk, query: str) -> None:
    answer = desk.ask("GET", f"{ALL}?{query}")
    assert (answer.status_code, answer.json and answer.json["type"]) == (422, "/docs/problems#not-valid")
    assert answer.json
    assert [one["pointer"] for one in answer.json["errors"]] == ["#/" + query.partition("=")[0]]


def test_the_same_name_twice_in_a_query(desk: Desk) -> None:
    assert desk.ask("GET", f"{ALL}?limit=1&limit=2").status_code == 400


def test_made_by_the_house(desk: Desk) -> None:
    name = slug()
    made = desk.ask("POST", ALL, "house both", json={"slug": name, "name": "Xochilt", "rfc": "cacx7605101p8"})
    assert (made.status_code, made.json and made.json["rfc"]) == (201, "CACX7605101P8")
    there = desk.ask("GET", made.headers["Location"], "house both")
    assert (there.json, there.headers["ETag"]) == (made.json, made.headers["ETag"])
    again = desk.ask("POST", ALL, "house both", json={"slug": name, "name": "Xochilt"})
    assert (again.status_code, again.json and again.json["type"]) == (409, "/docs/problems#name-taken")


def test_made_by_nobody_else(desk: Desk) -> None:
    assert desk.ask("POST", ALL, json={"slug": slug(), "name": "x"}).status_code == 403
    assert desk.ask("POST", ALL, "house both", json={"slug": "house", "name": "x"}).status_code == 409


@pytest.mark.parametrize(
    ("said", "at", "code"),
    [
        ({"name": 7}, "#/name", "not-taken"),
        ({"name": ""}, "#/name", "not-taken"),
        ({"name": "a\nb"}, "#/name", "bad-value"),
        ({"rfc": "X"}, "#/rfc", "bad-value"),
        ({"timezone": "Mars/Olympus"}, "#/timezone", "bad-value"),
        ({"locale": "fr"}, "#/locale", "not-taken"),
        ({"a/b~c": 1}, "#/a~1b~0c", "unknown-member"),
        ({"slug": "other"}, "#/slug", "unknown-member"),
        ({"keep_delivered_days": "1"}, "#/keep_delivered_days", "not-taken"),
        ({"notice_url": "https://kemper.example"}, "#/notice_version", "bad-value"),
        ({"notice_url": "javascript:x", "notice_version": "1"}, "#/notice_url", "bad-value"),
    ],
)
def test_each_fault_is_named_where_it_lies(desk: Desk, said: dict[str, Any], at: str, code: str) -> None:
    before = desk.ask("GET", path(desk)).json
    answer = desk.ask("PATCH", path(desk), json=said)
    assert answer.status_code == 422
    assert answer.json
    assert [(one["pointer"], one["code"]) for one in answer.json["errors"]] == [(at, code)]
    assert desk.ask("GET", path(desk)).json == before


def test_what_is_not_named_stays(desk: Desk) -> None:
    before = desk.ask("GET", path(desk)).json
    answer = desk.ask("PATCH", path(desk), json={"keep_delivered_days": 30, "rfc": None})
    assert before
    assert (answer.status_code, answer.json) == (200, before | {"keep_delivered_days": 30, "rfc": None})
    with desk.database.transaction(desk.mine.organization.id) as session:
        entry = audit.listing(session, limit=1)[0]
    assert (entry.action, entry.details) == ("organization.changed", {"keep_delivered_days": 30, "rfc": None})
    assert entry.actor.startswith("token:")


def test_who_saw_something_else_changes_nothing(desk: Desk) -> None:
    seen = desk.ask("GET", path(desk)).headers["ETag"]
    first = desk.ask("PATCH", path(desk), json={"name": "First"}, headers={"If-Match": seen})
    assert first.status_code == 200
    late = desk.ask("PATCH", path(desk), json={"name": "Late"}, headers={"If-Match": seen})
    assert (late.status_code, late.json and late.json["type"]) == (412, "/docs/problems#changed-meanwhile")
    for match in ("*", f'"x", {first.headers["ETag"]}'):
        assert desk.ask("PATCH", path(desk), json={"name": "First"}, headers={"If-Match": match}).status_code == 200
    assert desk.ask("PATCH", path(desk), json={"name": "Last"}).status_code == 200


def test_who_has_it_gets_nothing_more(desk: Desk) -> None:
    seen = desk.ask("GET", path(desk)).headers["ETag"]
    same = desk.ask("GET", path(desk), headers={"If-None-Match": seen})
    assert (same.status_code, same.data) == (304, b"")
    assert desk.ask("GET", path(desk), headers={"If-None-Match": '"x"'}).status_code == 200


def test_only_the_house_suspends(desk: Desk) -> None:
    assert desk.ask("PATCH", path(desk), json={"suspended": True}).status_code == 403
    assert desk.ask("PATCH", path(desk), "house both", json={"suspended": True}).json["suspended_at"]  # type: ignore[index]
    assert desk.hand_in().status_code == 403
    assert desk.ask("PATCH", path(desk), "house both", json={"suspended": False}).status_code == 200
    assert desk.hand_in().status_code == 201


def test_only_the_house_deletes_and_restores(desk: Desk) -> None:
    assert desk.ask("DELETE", path(desk)).status_code == 403
    assert desk.ask("POST", f"{path(desk)}/restore").status_code == 403
    gone = desk.ask("DELETE", path(desk), "house both")
    assert (gone.status_code, bool(gone.json and gone.json["suspended_at"])) == (202, True)
    assert desk.hand_in().status_code == 403
    lifted = desk.ask("PATCH", path(desk), "house both", json={"suspended": False})
    assert (lifted.status_code, lifted.json and lifted.json["type"]) == (409, "/docs/problems#organization-deleting")
    again = desk.ask("DELETE", path(desk), "house both")
    assert gone.json
    assert (again.status_code, again.json) == (202, gone.json), "it keeps its moment"
    back = desk.ask("POST", f"{path(desk)}/restore", "house both")
    assert (back.status_code, back.json and back.json["deletes_at"]) == (200, None)
    assert desk.hand_in().status_code == 403
    assert desk.ask("PATCH", path(desk), "house both", json={"suspended": False}).status_code == 200
    assert desk.hand_in().status_code == 201
    with desk.database.transaction(desk.mine.organization.id) as session:
        actions = [one.action for one in audit.listing(session) if one.subject_type == "organization"]
    assert actions[:3] == ["organization.changed", "organization.restored", "organization.deleting"]


def test_who_saw_something_else_deletes_nothing(desk: Desk) -> None:
    late = desk.ask("DELETE", path(desk), "house both", headers={"If-Match": '"x"'})
    assert (late.status_code, desk.hand_in().status_code) == (412, 201)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "text/plain", 415),
        (b"", "application/json", 411),
        (b"[]", "application/json", 400),
        (b'{"name": "a", "name": "b"}', "application/json", 400),
        (b'{"contact": "\\u0000"}', "application/json", 400),
        (b'{"contact": "\\ud800"}', "application/json", 400),
        (b'{"keep_delivered_days": 1e999}', "application/json", 400),
        (b'{"name": "' + 300_000 * b"a" + b'"}', "application/json", 413),
        (b"[" * 60_000, "application/json", 400),
    ],
)
def test_a_body_is_one_object_that_can_be_read_in_one_way(desk: Desk, body: bytes, kind: str, status: int) -> None:
    assert desk.ask("PATCH", path(desk), data=body, content_type=kind).status_code == status


def test_a_body_without_a_length(desk: Desk) -> None:
    headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    answer = desk.ask("PATCH", path(desk), headers=headers, input_stream=None)
    assert answer.status_code == 411


def test_a_body_that_is_not_what_it_hashes_to(desk: Desk) -> None:
    digest = "sha-256=:" + 43 * "A" + "=:"
    answer = desk.ask("PATCH", path(desk), json={"name": "x"}, headers={"Content-Digest": digest})
    assert (answer.status_code, answer.json and answer.json["type"]) == (
        400,
        "/docs/problems#digest-mismatched-values",
    )


def test_nobody_is_let_in_by_what_is_sent(desk: Desk) -> None:
    assert desk.ask("PATCH", path(desk), None, data=b"x").status_code == 401
    assert desk.ask("PATCH", path(desk), "read", data=b"x").status_code == 403
    assert desk.ask("PATCH", path(desk), "their both", data=b"x").status_code == 404
