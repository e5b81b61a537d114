"""Uploads in lists, and what can still be done about one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest

from app.config import Settings
from app.database import Database, utcnow
from app.records.models import Attempt, Upload
from app.records.states import State
from app.tenants.vault import Vault
from tests.api.conftest import PNG, Desk
from tests.api.documents import Documents, documents, redelivering
from tests.api.test_uploads import certificate

Change = Callable[..., None]


@pytest.fixture
def shelf(desk: Desk, vault: Vault) -> Documents:
    return documents(desk, vault)


def listed(desk: Desk, query: str = "", token: str = "both") -> list[str]:  # noqa: S107 - a kind of token
    answer = desk.ask("GET", f"/api/v1/organizations/{desk.mine.slug}/uploads{query}", token)
    assert answer.status_code == 200, answer.json
    assert answer.json
    return [one["id"] for one in answer.json["items"]]


def handed_in(desk: Desk, count: int = 1, **parts: Any) -> list[str]:
    """Ids of so many uploads, the newest first."""
    found: list[str] = []
    for _ in range(count):
        answer = desk.hand_in(**parts, file=("logo.png", PNG))
        assert answer.json
        found.insert(0, answer.json["id"])
    return found


def put(desk: Desk, upload_id: str, **values: Any) -> None:
    with desk.database.transaction(desk.mine.organization.id) as session:
        row = session.get_one(Upload, UUID(upload_id))
        for name, value in values.items():
            setattr(row, name, value)


def of(desk: Desk, upload_id: str, what: str, token: str = "both") -> Any:  # noqa: S107
    return desk.ask("POST", f"/api/v1/uploads/{upload_id}/{what}", token)


def test_a_list_shows_each_as_it_is_shown_alone(desk: Desk) -> None:
    (made,) = handed_in(desk, external_id="7", metadata='{"a": 1}')
    answer = desk.ask("GET", f"/api/v1/organizations/{desk.mine.slug}/uploads")
    alone = desk.ask("GET", f"/api/v1/uploads/{made}").json
    assert answer.json
    (shown,) = answer.json["items"]
    assert alone
    times = {"created_at", "attempts"}
    assert {name: value for name, value in shown.items() if name not in times} == {
        name: value for name, value in alone.items() if name not in times
    }


def test_pages_neither_repeat_nor_miss_anything_that_was_there(desk: Desk) -> None:
    made = handed_in(desk, 5)
    seen, query = [], "?limit=2"
    while query:
        answer = desk.ask("GET", f"/api/v1/organizations/{desk.mine.slug}/uploads{query}")
        assert answer.json
        seen += [one["id"] for one in answer.json["items"]]
        handed_in(desk)  # what comes in meanwhile is before the first page
        query = f"?limit=2&cursor={answer.json['next']}" if answer.json["next"] else ""
    assert seen == made


def test_many_of_one_moment_are_all_listed(desk: Desk) -> None:
    made, moment = handed_in(desk, 4), utcnow()
    for one in made:
        put(desk, one, created_at=moment)
    first = desk.ask("GET", f"/api/v1/organizations/{desk.mine.slug}/uploads?limit=3").json
    assert first
    rest = listed(desk, f"?limit=3&cursor={first['next']}")
    assert sorted([one["id"] for one in first["items"]] + rest) == sorted(made)


def test_filters(desk: Desk, shelf: Documents) -> None:
    logo, named = handed_in(desk)[0], handed_in(desk, external_id="a%_b c")[0]
    document = shelf.hand_in().json
    assert document
    put(desk, named, state=State.FAILED, created_at=utcnow() - timedelta(days=3))
    yesterday = quote((utcnow() - timedelta(days=1)).isoformat())
    everything = [document["id"], logo, named]
    for query, found in {
        "": everything,
        "?state=failed": [named],
        "?operation=codat/file": [document["id"]],
        "?connection=facturapi": [logo, named],
        "?connection=nothing": [],
        f"?external_id={quote('a%_b c')}": [named],
        "?external_id=a": [],
        f"?since={yesterday}": [document["id"], logo],
        f"?until={yesterday}": [named],
        f"?until={yesterday}&state=delivered": [],
        "?state=delivered&connection=facturapi": [logo],
    }.items():
        assert listed(desk, query) == found, query


@pytest.mark.parametrize("query", ["state=lost", "since=yesterday", "since=2026-11-21T14:05:00", "colour=red"])
def test_what_is_not_asked(desk: Desk, query: str) -> None:
    answer = desk.ask("GET", f"/api/v1/organizations/{desk.mine.slug}/uploads?{query}")
    assert (answer.status_code, answer.json and answer.json["type"]) == (422, "/docs/problems#not-valid")


def test_a_cursor_is_of_one_list_with_its_filters(desk: Desk) -> None:
    handed_in(desk, 2)
    path = f"/api/v1/organizations/{desk.mine.slug}/uploads?limit=1"
    first = desk.ask("GET", path).json
    assert first
    assert desk.ask("GET", f"{path}&cursor={first['next']}").status_code == 200
    assert desk.ask("GET", f"{path}&state=delivered&cursor={first['next']}").status_code == 422


def test_nobody_lists_anothers(desk: Desk) -> None:
    handed_in(desk)
    theirs = f"/api/v1/organizations/{desk.mine.slug}/uploads"
    assert desk.ask("GET", theirs, "their both").status_code == 404
    assert desk.ask("GET", theirs, "write").status_code == 403
    assert len(listed(desk, token="house both")) == 1


def test_attempts(desk: Desk) -> None:
    (made,) = handed_in(desk)
    answer = desk.ask("GET", f"/api/v1/uploads/{made}/attempts")
    assert answer.json
    (tried,) = answer.json["items"]
    assert (tried["number"], tried["outcome"], tried["provider_http_status"]) == (1, "delivered", 200)
    assert tried["started_at"] <= tried["completing_at"] <= tried["ended_at"]
    assert desk.ask("GET", f"/api/v1/uploads/{made}/attempts", "their both").status_code == 404


def test_what_failed_is_sent_again(
    desk: Desk, shelf: Documents, worker: Database, vault: Vault, settings: Settings
) -> None:
    desk.sandbox.fault(provider="codat", action="status", status=422, method="POST")
    failed = shelf.hand_in()
    assert (failed.status_code, failed.json and failed.json["status"]) == (424, 424)
    assert failed.json
    upload_id = failed.json["upload"]
    answer = of(desk, upload_id, "retry")
    assert (answer.status_code, answer.json["state"]) == (202, "waiting")
    with redelivering(worker, vault, settings) as redeliverer:
        assert redeliverer.next(desk.mine.organization.id)
    assert desk.upload(upload_id)[0].state == "delivered"
    assert len(shelf.arrived()) == 2  # the one that was refused came whole, too
    again = of(desk, upload_id, "retry")
    assert (again.status_code, again.json["type"]) == (409, "/docs/problems#nothing-to-retry")


def test_what_may_be_there_is_sent_again_by_who_says_so(desk: Desk, shelf: Documents) -> None:
    desk.sandbox.fault(provider="codat", action="status", status=422, method="POST")
    failed = shelf.hand_in().json
    assert failed
    put(desk, failed["upload"], state=State.UNKNOWN)
    assert of(desk, failed["upload"], "retry").json["type"] == "/docs/problems#may-be-there"
    assert of(desk, failed["upload"], "retry?may_be_there=true").status_code == 202


def test_what_was_not_kept_cannot_be_sent_again(desk: Desk) -> None:
    desk.fault("status", status=422)
    failed = desk.hand_in().json
    assert failed
    answer = of(desk, failed["upload"], "retry")
    assert (answer.status_code, answer.json["type"]) == (409, "/docs/problems#copy-lost")


def test_what_waits_is_cancelled_once(desk: Desk, shelf: Documents, settings: Settings) -> None:
    waiting = shelf.hand_in(query="?wait=0")
    assert (waiting.status_code, waiting.json and waiting.json["state"]) == (202, "waiting")
    assert waiting.json
    upload_id = waiting.json["id"]
    kept = settings.instance_dir / "spool"
    assert list(kept.rglob(f"*{upload_id}*"))
    answer = of(desk, upload_id, "cancel")
    assert (answer.status_code, answer.json["state"]) == (200, "cancelled")
    assert not list(kept.rglob(f"*{upload_id}*"))
    again = of(desk, upload_id, "cancel")
    assert (again.status_code, again.json["type"]) == (409, "/docs/problems#nothing-to-cancel")
    assert shelf.arrived() == []


def test_what_is_unknown_is_asked_after(desk: Desk) -> None:
    """It arrived, and its answer was lost."""
    made = desk.hand_in(desk.mine.to_certificate, **certificate()).json
    assert made
    put(desk, made["id"], state=State.UNKNOWN)
    with desk.database.transaction(desk.mine.organization.id) as session:
        session.query(Attempt).filter_by(upload_id=UUID(made["id"])).update({"outcome": "unknown"})
    answer = of(desk, made["id"], "reconcile")
    assert (answer.status_code, answer.json["state"]) == (200, "delivered"), answer.json
    assert of(desk, made["id"], "reconcile").json["state"] == "delivered"


@pytest.mark.parametrize("what", ["retry", "cancel", "reconcile"])
def test_who_may_do_something_about_one(desk: Desk, what: str) -> None:
    (made,) = handed_in(desk)
    before = desk.upload(made)[0].updated_at
    for token, status in ((None, 401), ("revoked", 401), ("read", 403), ("their both", 404)):
        assert desk.ask("POST", f"/api/v1/uploads/{made}/{what}", token).status_code == status, token
    assert of(desk, str(uuid4()), what).status_code == 404
    assert desk.upload(made)[0].updated_at == before
    for token in ("both", "house both"):
        assert of(desk, made, what, token).status_code == (200 if what == "reconcile" else 409)
