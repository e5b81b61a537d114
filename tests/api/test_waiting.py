"""How long a caller waits for what is kept to be delivered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from app.api import waiting
from app.config import Settings
from app.database import Database
from app.records import uploads
from app.records.models import Upload
from app.records.states import State
from app.services import services
from app.tenants.vault import Vault
from tests.api.conftest import Desk
from tests.api.documents import Documents, documents, redelivering
from tests.tenancy import becomes


@pytest.fixture
def docs(desk: Desk, vault: Vault) -> Documents:
    return documents(desk, vault)


@pytest.fixture
def deliver(desk: Desk, worker: Database, vault: Vault, settings: Settings) -> Callable[[], None]:
    """What a worker does."""

    def once() -> None:
        with redelivering(worker, vault, settings) as redeliverer:
            redeliverer.next(desk.mine.organization.id)

    return once


def states(desk: Desk) -> list[State]:
    return [one.state for one in desk.uploads()]


def slug(answer: TestResponse) -> str:
    assert answer.json
    return str(answer.json["type"]).partition("#")[2]


@pytest.mark.parametrize(
    ("query", "prefer", "applied"),
    [
        ("?wait=0", None, None),
        ("?wait=0", "respond-async, wait=60", None),
        ("", "respond-async", "respond-async"),
        ("", "Respond-Async; foo=1, handling=lenient", "respond-async"),
        ("", "respond-async, wait=0", "respond-async, wait=0"),
        ("", 'wait="0"', "wait=0"),
        ("", "wait=0, wait=60", "wait=0"),
    ],
)
def test_who_does_not_wait_hears_that_it_was_taken(
    docs: Documents, deliver: Callable[[], None], query: str, prefer: str | None, applied: str | None
) -> None:
    answer = docs.hand_in(query, headers={"Prefer": prefer} if prefer else {})
    assert answer.json
    assert (answer.status_code, answer.json["state"], answer.json["attempts"]) == (202, "waiting", [])
    assert answer.headers["Location"] == f"/api/v1/uploads/{answer.json['id']}"
    assert answer.headers.get("Preference-Applied") == applied
    assert docs.arrived() == []
    deliver()
    assert docs.arrived() == [answer.json["sha256"]]


@pytest.mark.parametrize("prefer", [None, "handling=lenient", "wait=soon", "wait=-1", "wait", ""])
def test_who_says_nothing_hears_what_the_provider_said(docs: Documents, prefer: str | None) -> None:
    answer = docs.hand_in(headers={} if prefer is None else {"Prefer": prefer})
    assert (answer.status_code, answer.headers.get("Preference-Applied")) == (201, None)


@pytest.mark.parametrize(
    ("headers", "query", "applied"),
    [({}, "?wait=60", None), ({"Prefer": "respond-async, wait=900"}, "", "wait=60")],
    ids=["asked", "preferred, and more than anybody waits"],
)
def test_who_waits_hears_that_it_was_delivered(
    docs: Documents, deliver: Callable[[], None], headers: dict[str, str], query: str, applied: str | None
) -> None:
    answers: list[TestResponse] = []
    caller = threading.Thread(target=lambda: answers.append(docs.hand_in(query, headers=headers)))
    caller.start()
    assert becomes(lambda: states(docs.desk) == [State.WAITING])
    deliver()
    caller.join(60)
    (answer,) = answers
    assert answer.json
    assert (answer.status_code, answer.json["state"], len(answer.json["attempts"])) == (201, "delivered", 1)
    assert answer.headers.get("Preference-Applied") == applied


def test_who_waits_hears_that_it_failed(docs: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(way: Any, upload_id: Any, seconds: float) -> Any:
        with docs.desk.database.transaction(way.destination.organization.id) as session:
            upload = session.get_one(Upload, upload_id)
            upload.state, upload.problem, upload.provider_message = State.FAILED, "provider-refused", "Not this one."
        return waiting.wait_for(way, upload_id, seconds, pause=_never)

    monkeypatch.setattr("app.api.handing_in.waiting", _Waiting(fails))
    answer = docs.hand_in("?wait=60")
    assert answer.json
    assert (answer.status_code, slug(answer)) == (424, "provider-refused")
    assert answer.json["errors"][0]["detail"] == "Not this one."


def test_it_waits_no_longer_than_it_said(docs: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    now, waited = [0.0], list[float]()

    def pause(seconds: float) -> None:
        waited.append(seconds)
        now[0] += seconds

    def patient(way: Any, upload_id: Any, seconds: float) -> Any:
        assert services().shedding.under_way == 1  # it takes up a thread, and counts for that
        return waiting.wait_for(way, upload_id, seconds, clock=lambda: now[0], pause=pause)

    monkeypatch.setattr("app.api.handing_in.waiting", _Waiting(patient))
    assert docs.hand_in("?wait=7").status_code == 202
    assert sum(waited) == pytest.approx(7.0)
    assert max(waited) == waiting.LAST_PAUSE


def test_what_was_taken_stays_so_although_nobody_can_look(docs: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(100))

    def away(*_: Any) -> Any:
        raise OperationalError(None, None, Exception("away"))

    def patient(way: Any, upload_id: Any, seconds: float) -> Any:
        monkeypatch.setattr(uploads, "get", away)
        return waiting.wait_for(way, upload_id, seconds, clock=lambda: next(now), pause=lambda _: None)

    monkeypatch.setattr("app.api.handing_in.waiting", _Waiting(patient))
    answer = docs.hand_in("?wait=7")
    assert answer.json
    assert (answer.status_code, answer.json["state"]) == (202, "waiting")


@pytest.mark.parametrize("value", ["", "-1", "1.5", "soon", "61", "1e1", "٣"])
def test_what_is_no_wait(docs: Documents, value: str) -> None:
    answer = docs.hand_in(f"?wait={value}")
    assert (answer.status_code, slug(answer)) == (400, "bad-value")
    assert docs.desk.uploads() == []


def test_where_nothing_is_kept_there_is_no_other_way(docs: Documents) -> None:
    for answer in (docs.hand_in("?durable=0&wait=5"), docs.desk.hand_in(query="?wait=5")):
        assert (answer.status_code, slug(answer)) == (501, "wait-not-offered")
    preferring = docs.desk.hand_in(headers={"Prefer": "respond-async"})  # which nobody has to follow
    assert (preferring.status_code, preferring.headers.get("Preference-Applied")) == (201, None)


def _never(_: float) -> None:
    raise AssertionError("it has ended")


class _Waiting:
    """In the place of the module."""

    def __init__(self, wait_for: Callable[..., Any]) -> None:
        self.wait_for = wait_for
