"""Webhook endpoints, as services look after them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select
from standardwebhooks import Webhook

from app.config import Settings
from app.database import Database, utcnow
from app.records.models import WebhookDelivery
from app.tenants.models import WebhookSecret
from tests.api.conftest import Desk
from tests.webhooks.receiver import Receiver, receiving, status

HOOKS = "https://hooks.example/v1"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def settings(settings: Settings, receiver: Receiver) -> Settings:
    """Those of a gateway that may go to the receiver."""
    return settings.model_copy(update={"egress_allow": (*settings.egress_allow, receiver.url)})


def root(desk: Desk) -> str:
    return f"/api/v1/organizations/{desk.mine.slug}/webhooks"


def made(desk: Desk, url: str = HOOKS, events: tuple[str, ...] = ()) -> tuple[str, str]:
    """Address and secret of a new one."""
    answer = desk.ask("POST", root(desk), json={"url": url, "events": list(events)})
    assert answer.status_code == 201, answer.json
    assert answer.json
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.headers["Location"], answer.json["secret"]


def delivered(desk: Desk, worker: Database, address: str, *kinds: dict[str, Any]) -> list[str]:
    """Let there be deliveries, the newest last; their ids."""
    now, found = utcnow(), []
    with worker.transaction(desk.mine.organization.id) as session:
        for number, kind in enumerate(kinds):
            row = WebhookDelivery(
                id=uuid4(),
                organization_id=desk.mine.organization.id,
                endpoint_id=UUID(address.rpartition("/")[2]),
                event_id=uuid4(),
                event="upload.failed",
                due_at=now,
                deadline_at=now,
                created_at=now + timedelta(seconds=number),
                **kind,
            )
            session.add(row)
            found.append(str(row.id))
    return found


def test_one_is_made_shown_and_listed(desk: Desk) -> None:
    address, secret = made(desk, events=("upload.failed", "upload.delivered", "upload.failed"))
    assert secret.startswith("whsec_")
    shown = desk.ask("GET", address)
    assert shown.json
    assert (shown.json["url"], shown.json["events"]) == (HOOKS, ["upload.delivered", "upload.failed"])
    other, _ = made(desk)
    listed = desk.ask("GET", f"{root(desk)}?limit=1").json
    assert listed
    rest = desk.ask("GET", f"{root(desk)}?limit=1&cursor={listed['next']}").json
    assert rest
    assert [one["id"] for one in listed["items"] + rest["items"]] == [
        one.rpartition("/")[2] for one in (address, other)
    ]
    for text in (shown.text, desk.ask("GET", root(desk)).text):
        assert "whsec_" not in text


@pytest.mark.parametrize(
    ("url", "slug"),
    [
        ("http://hooks.example/", "bad-value"),
        ("https://127.0.0.1/", "bad-value"),
        ("ftp://hooks.example/", "bad-value"),
        ("", "bad-value"),
        ("https://hooks.example/" + 500 * "x", "not-valid"),
    ],
)
def test_where_no_webhook_goes(desk: Desk, url: str, slug: str) -> None:
    address, _ = made(desk)
    for method, path in (("POST", root(desk)), ("PATCH", address)):
        answer = desk.ask(method, path, json={"url": url})
        assert (answer.status_code, answer.json and answer.json["type"]) == (422, f"/docs/problems#{slug}")


def test_what_is_no_event(desk: Desk) -> None:
    assert desk.ask("POST", root(desk), json={"url": HOOKS, "events": ["everything"]}).status_code == 422


def test_one_is_changed_by_who_saw_it(desk: Desk) -> None:
    address, _ = made(desk)
    seen = desk.ask("GET", address).headers["ETag"]
    changed = desk.ask("PATCH", address, json={"events": ["upload.failed"]}, headers={"If-Match": seen})
    assert (changed.status_code, changed.json and changed.json["events"]) == (200, ["upload.failed"])
    assert changed.json
    assert changed.json["url"] == HOOKS
    stale = desk.ask("PATCH", address, json={"url": "https://other.example/"}, headers={"If-Match": seen})
    assert (stale.status_code, stale.json and stale.json["type"]) == (412, "/docs/problems#changed-meanwhile")
    assert desk.ask("DELETE", address, headers={"If-Match": seen}).status_code == 412
    assert desk.ask("GET", address).json == changed.json


def test_one_is_disabled_and_enabled(desk: Desk, worker: Database) -> None:
    address, _ = made(desk)
    (due,) = delivered(desk, worker, address, {})
    disabled = desk.ask("PATCH", address, json={"disabled": True}).json
    assert disabled
    assert (disabled["disabled_because"], disabled["disabled_at"] is None) == ("operator", False)
    again = desk.ask("POST", f"{address}/redeliver")
    assert (again.status_code, again.json and again.json["type"]) == (409, "/docs/problems#webhook-disabled")
    enabled = desk.ask("PATCH", address, json={"disabled": False}).json
    assert enabled
    assert (enabled["disabled_because"], enabled["disabled_at"]) == (None, None)
    failed = desk.ask("GET", f"{address}/deliveries?failed=true").json
    assert failed
    assert [one["id"] for one in failed["items"]] == [due]


def test_a_try_says_what_is_answered(desk: Desk, receiver: Receiver) -> None:
    address, secret = made(desk, receiver.url)
    assert desk.ask("POST", f"{address}/test").json == {"arrived": True, "answer": "204"}
    assert Webhook(secret).verify(receiver.came[0].body, receiver.came[0].headers)["type"] == "webhook.test"
    receiver.answers.append(status(500))
    assert desk.ask("POST", f"{address}/test").json == {"arrived": False, "answer": "500"}


def test_a_new_secret_signs_beside_the_former(desk: Desk, receiver: Receiver) -> None:
    address, former = made(desk, receiver.url)
    answer = desk.ask("POST", f"{address}/rotate-secret?overlap_seconds=3600")
    assert answer.json
    assert answer.headers["Cache-Control"] == "no-store"
    desk.ask("POST", f"{address}/test")
    for secret in (former, answer.json["secret"]):
        assert Webhook(secret).verify(receiver.came[0].body, receiver.came[0].headers)
    assert desk.ask("POST", f"{address}/rotate-secret?overlap_seconds=-1").status_code == 422


def test_deliveries_are_listed_and_sent_again(desk: Desk, worker: Database) -> None:
    address, _ = made(desk)
    now = utcnow()
    ended: dict[str, Any] = {"ended_at": now}
    due, arrived, failed = delivered(desk, worker, address, {}, {**ended, "arrived": True}, {**ended, "answer": "500"})
    first = desk.ask("GET", f"{address}/deliveries?limit=2").json
    assert first
    rest = desk.ask("GET", f"{address}/deliveries?limit=2&cursor={first['next']}").json
    assert rest
    assert [one["id"] for one in first["items"] + rest["items"]] == [failed, arrived, due]
    again = desk.ask("POST", f"{address}/deliveries/{arrived}/redeliver")
    assert (again.status_code, again.json and again.json["ended_at"]) == (202, None)
    assert desk.ask("POST", f"{address}/redeliver").json == {"count": 1}
    assert desk.ask("POST", f"{address}/redeliver").json == {"count": 0}
    assert desk.ask("POST", f"{address}/deliveries/{uuid4()}/redeliver").status_code == 404


def test_one_is_forgotten_with_all_that_is_its(desk: Desk, worker: Database) -> None:
    address, _ = made(desk)
    other, _ = made(desk)
    delivered(desk, worker, address, {})
    (kept,) = delivered(desk, worker, other, {})
    answer = desk.ask("DELETE", address)
    assert (answer.status_code, answer.data) == (204, b"")
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/deliveries"), ("POST", "/test")):
        assert desk.ask(method, f"{address}{path}").status_code == 404
    with desk.database.transaction(desk.mine.organization.id) as session:
        left = session.scalars(select(WebhookDelivery.id)).all()
        secrets = session.scalar(select(func.count()).select_from(WebhookSecret))
    assert ([str(one) for one in left], secrets) == ([kept], 1)
    log = desk.ask("GET", f"/api/v1/organizations/{desk.mine.slug}/audit?action=webhook_endpoint.removed").json
    assert log
    assert log["items"][0]["details"] == {"host": "hooks.example", "events": []}


def test_the_house_has_its_own(desk: Desk) -> None:
    house = "/api/v1/organizations/house/webhooks"
    answer = desk.ask("POST", house, "house both", json={"url": HOOKS})
    assert (answer.status_code, answer.headers["Location"].startswith(house)) == (201, True)
    address = answer.headers["Location"]
    assert desk.ask("GET", address, "house both").status_code == 200
    assert desk.ask("GET", address).status_code == 404
    assert desk.ask("GET", address.replace("house", desk.mine.slug), "house both").status_code == 404


def test_nobody_elses(desk: Desk) -> None:
    address, _ = made(desk)
    theirs = address.replace(desk.mine.slug, desk.theirs.slug)
    for path, token in ((address, "their both"), (theirs, "their both"), (theirs, "both")):
        for method, what in (("GET", ""), ("DELETE", ""), ("POST", "/test"), ("POST", "/rotate-secret")):
            assert desk.ask(method, path + what, token).status_code == 404
    assert desk.ask("GET", address).status_code == 200
