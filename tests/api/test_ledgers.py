"""Receipts, the audit log and usage, as services read them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest

from app.database import Database, utcnow
from app.records import receipts
from app.records.models import Upload
from app.records.sealing import seal
from app.records.signing import Keys
from app.records.states import State
from app.tenants.models import Organization
from app.tenants.vault import Vault
from tests.api.conftest import PNG, Desk


@pytest.fixture
def seal_all(worker: Database, vault: Vault) -> Callable[[], None]:
    def seal_all() -> None:
        seal(worker, vault)

    return seal_all


def at(desk: Desk, what: str) -> str:
    return f"/api/v1/organizations/{desk.mine.slug}/{what}"


def handed_in(desk: Desk) -> str:
    made = desk.hand_in().json
    assert made
    return str(made["id"])


def items(desk: Desk, what: str, token: str = "both") -> list[dict[str, Any]]:  # noqa: S107 - a kind of token
    answer = desk.ask("GET", at(desk, what), token)
    assert answer.status_code == 200, answer.json
    assert answer.json
    found: list[dict[str, Any]] = answer.json["items"]
    return found


def test_receipts_are_listed_newest_first_and_given(desk: Desk, seal_all: Callable[[], None]) -> None:
    made = [handed_in(desk) for _ in range(3)]
    assert items(desk, "receipts") == []
    seal_all()
    first = desk.ask("GET", at(desk, "receipts?limit=2")).json
    assert first
    found = first["items"] + items(desk, f"receipts?limit=2&cursor={first['next']}")
    assert [one["upload"] for one in found] == made[::-1]
    assert [one["number"] for one in found] == [3, 2, 1]
    given = desk.ask("GET", at(desk, f"receipts/{found[0]['id']}"))
    same = desk.ask("GET", f"/api/v1/uploads/{made[-1]}/receipt")
    assert (given.status_code, given.data) == (200, same.data)
    with desk.database.doors() as session:
        body = receipts.check(given.data, Keys.load(session))
    says = body["delivery"] | {"handed_in_at": body["upload"]["handed_in_at"]}
    for name in ("connection", "operation", "reference"):
        assert found[0][name] == says[name]
    for name in ("handed_in_at", "delivered_at"):
        assert datetime.fromisoformat(found[0][name]) == datetime.fromisoformat(says[name])


def test_nobody_reads_anothers_receipt(desk: Desk, seal_all: Callable[[], None]) -> None:
    handed_in(desk)
    seal_all()
    (one,) = items(desk, "receipts")
    theirs = f"/api/v1/organizations/{desk.theirs.slug}/receipts/{one['id']}"
    for path, token in ((at(desk, f"receipts/{one['id']}"), "their both"), (theirs, "their both"), (theirs, "both")):
        assert desk.ask("GET", path, token).status_code == 404
    assert desk.ask("GET", at(desk, f"receipts/{uuid4()}")).status_code == 404
    assert items(desk, "receipts", "house both") == [one]


def test_the_log_tells_who_did_what(desk: Desk, seal_all: Callable[[], None]) -> None:
    made = handed_in(desk)
    found = items(desk, "audit?action=upload.*")
    assert [one["action"] for one in found] == ["upload.delivered", "upload.delivering"]
    assert {one["subject_id"] for one in found} == {made}
    assert {one["number"] for one in found} == {None}
    assert all(one["actor"].startswith("token:") for one in found)
    seal_all()
    numbers = [one["number"] for one in items(desk, "audit")]
    assert numbers == sorted(numbers, reverse=True)
    assert None not in numbers


def test_the_log_is_filtered_and_paged(desk: Desk) -> None:
    one, two = handed_in(desk), handed_in(desk)
    (actor,) = {entry["actor"] for entry in items(desk, "audit?subject_type=upload")}
    soon = quote((utcnow() + timedelta(hours=1)).isoformat())
    for query, count in {
        "action=upload.delivered": 2,
        "action=upload.*": 4,
        "action=upload.deliver": 0,
        "action=upload%": 0,
        "action=%.*": 0,
        f"subject_id={one}": 2,
        f"subject_id={one}&action=upload.delivered": 1,
        f"subject_id={uuid4()}": 0,
        f"actor={actor}": 4,
        "actor=system": 0,
        f"since={soon}": 0,
        f"until={soon}&subject_type=upload": 4,
    }.items():
        assert len(items(desk, f"audit?{query}")) == count, query
    seen, query = [], "audit?subject_type=upload&limit=3"
    while query:
        answer = desk.ask("GET", at(desk, query)).json
        assert answer
        seen += [(entry["subject_id"], entry["action"]) for entry in answer["items"]]
        query = f"audit?subject_type=upload&limit=3&cursor={answer['next']}" if answer["next"] else ""
    assert seen == [(of, f"upload.{state}") for of in (two, one) for state in ("delivered", "delivering")]


def test_the_house_has_a_log_of_its_own(desk: Desk) -> None:
    handed_in(desk)
    answer = desk.ask("GET", "/api/v1/organizations/house/audit?subject_type=upload", "house both")
    assert (answer.status_code, answer.json and answer.json["items"]) == (200, [])
    assert desk.ask("GET", "/api/v1/organizations/house/audit").status_code == 404


def test_usage_counts_by_month_operation_and_state(desk: Desk) -> None:
    for created, state in (
        (datetime(2026, 10, 31, 23, 0, tzinfo=UTC), State.DELIVERED),
        (datetime(2026, 11, 1, 5, 59, 59, tzinfo=UTC), State.DELIVERED),  # still October in Mexico
        (datetime(2026, 11, 1, 6, 0, tzinfo=UTC), State.DELIVERED),
        (datetime(2026, 11, 30, 12, 0, tzinfo=UTC), State.FAILED),
    ):
        made = UUID(handed_in(desk))
        with desk.database.transaction(desk.mine.organization.id) as session:
            row = session.get_one(Upload, made)
            row.created_at, row.state = created, state
    desk.set(Organization, desk.mine.organization.id, timezone="America/Mexico_City")
    mine = {"organization": desk.mine.slug}
    october = {**mine, "month": "2026-10", "operation": "facturapi/logo", "state": "delivered"}
    november = {**mine, "month": "2026-11", "operation": "facturapi/logo"}
    expected = [
        {**october, "uploads": 2, "bytes": 2 * len(PNG)},
        {**november, "state": "delivered", "uploads": 1, "bytes": len(PNG)},
        {**november, "state": "failed", "uploads": 1, "bytes": len(PNG)},
    ]
    for query, found in {
        "?since=2026-10&until=2026-11": expected,
        "?since=2026-10&until=2026-10": expected[:1],
        "?until=2026-11": expected,
        "?since=2026-12&until=2026-11": [],
        "?since=2027-01": [],
    }.items():
        assert items(desk, f"usage{query}") == found, query
    assert items(desk, "usage?until=2026-11", "house both") == expected


def test_usage_is_of_every_organization_that_the_token_sees(desk: Desk) -> None:
    handed_in(desk)
    theirs = desk.hand_in(desk.theirs.to_logo, "their both")
    assert theirs.status_code == 201
    seen = {}
    for token in ("both", "their both", "house both"):
        answer = desk.ask("GET", "/api/v1/usage", token).json
        assert answer
        seen[token] = {one["organization"]: one["uploads"] for one in answer["items"]}
    mine, other = desk.mine.slug, desk.theirs.slug
    assert seen == {"both": {mine: 1}, "their both": {other: 1}, "house both": {mine: 1, other: 1}}
    assert desk.ask("GET", "/api/v1/usage", "read").status_code == 403


def test_usage_ends_with_this_month(desk: Desk) -> None:
    handed_in(desk)
    (one,) = items(desk, "usage")
    assert (one["uploads"], one["bytes"]) == (1, len(PNG))


@pytest.mark.parametrize("query", ["since=2026-13", "since=2026", "until=0000-01", "month=2026-01"])
def test_what_is_no_month(desk: Desk, query: str) -> None:
    assert desk.ask("GET", at(desk, f"usage?{query}")).status_code == 422


@pytest.mark.parametrize("what", ["receipts", "audit", "usage"])
def test_who_may_read(desk: Desk, what: str) -> None:
    for token, status in ((None, 401), ("revoked", 401), ("read", 403), ("their both", 404), ("house read", 403)):
        assert desk.ask("GET", at(desk, what), token).status_code == status, token
    assert desk.ask("GET", at(desk, what), "house both").status_code == 200
