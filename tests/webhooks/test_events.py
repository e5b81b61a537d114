"""What others are told of: every move of an upload, by the log's order, and nothing written while it is made."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text
from standardwebhooks import Webhook

from app.database import HOUSE, Database
from app.delivery import renewals, retrying
from app.delivery.settling import pause
from app.providers.base import Ending, Outcome
from app.records import audit, events, showing, uploads
from app.records.sealing import seal
from app.records.states import State
from app.tenants import doors
from app.tenants.models import Connection, WebhookEndpoint
from app.webhooks import endpoints
from app.webhooks.endpoints import Because
from tests.tenancy import NOW, house, tenant
from tests.webhooks.conftest import Desk
from tests.webhooks.receiver import Receiver, status

UPLOADS = "received delivered failed rejected waiting unknown cancelled processed processing_failed"
REFUSED = Outcome(ending=Ending.CREDENTIAL, http_status=401, message="sk_live_secret is revoked")


def told(desk: Desk, endpoint: WebhookEndpoint) -> list[str]:
    """What it is to be told, in order, once all was sealed."""
    desk.seal()
    return [one.event for one in desk.deliveries(endpoint)]


def test_these_are_all() -> None:
    others = {"connection.paused", "connection.restored", "certificate.expiring"}
    assert set(events.EVENTS) == {f"upload.{name}" for name in UPLOADS.split()} | others


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        ("receiving delivering delivered", "received delivered"),
        ("receiving waiting delivering waiting unknown failed waiting delivered",
         "received waiting waiting unknown failed waiting delivered"),
        ("delivering rejected", "received rejected"),
        ("receiving cancelled", "received cancelled"),
        ("rejected", "rejected"),
        ("failed waiting", "failed waiting"),
        ("cancelled", "cancelled"),
    ],
)  # fmt: skip
def test_each_move_is_told_once(desk: Desk, moves: str, expected: str) -> None:
    endpoint = desk.add()
    first, *others = moves.split()
    upload = desk.begin(State(first))
    for to in others:
        desk.move(State(to), upload)
    assert told(desk, endpoint) == [f"upload.{name}" for name in expected.split()]
    assert told(desk, endpoint) == [f"upload.{name}" for name in expected.split()], "sealed once, told once"


@pytest.mark.parametrize("status", ["ready", "failed"])
def test_what_the_provider_does_afterwards(desk: Desk, status: str) -> None:
    endpoint = desk.add()
    desk.move(State.DELIVERED, provider_status="processing")
    with desk.database.transaction(desk.owner) as session:
        uploads.follow(session, desk.tenant.upload, status, facts={}, now=desk.now())
    after = {"ready": "upload.processed", "failed": "upload.processing_failed"}[status]
    assert told(desk, endpoint) == ["upload.delivered", after]


def test_only_what_it_asked_for(desk: Desk) -> None:
    some, everything = desk.add("upload.delivered"), desk.add()
    desk.move(State.WAITING)
    desk.move(State.DELIVERED)
    assert told(desk, some) == ["upload.delivered"]
    assert told(desk, everything) == ["upload.waiting", "upload.delivered"]


def test_what_came_before_it_and_while_it_is_disabled_it_is_not_told(desk: Desk) -> None:
    desk.move(State.WAITING)
    desk.seal()
    endpoint = desk.add()
    with desk.database.transaction(desk.owner) as session:
        endpoints.disable(session, endpoint, Because.OPERATOR, actor="tests", now=desk.now())
    desk.move(State.UNKNOWN)
    assert told(desk, endpoint) == []
    with desk.database.transaction(desk.owner) as session:
        endpoints.enable(session, endpoint, actor="tests", now=desk.now())
    desk.move(State.DELIVERED)
    assert told(desk, endpoint) == ["upload.delivered"]


def test_the_upload_is_the_one_that_the_api_shows(desk: Desk, receiver: Receiver) -> None:
    desk.add()
    given = {"metadata": "the caller's"}
    upload = desk.begin(State.DELIVERING, external_id="E-1", caller_metadata=given, parts=[
        {"name": "file", "filename": "año.pdf", "size": 3, "sha256": 64 * "a"},
    ])  # fmt: skip
    desk.seal()
    desk.turn()
    (came,) = receiver.came
    names = {"organization": desk.tenant.organization.slug, "connection": "facturapi"}
    assert came.said["data"] == showing.shown(upload, **names, attempts=[])
    assert came.said["data"]["metadata"] == given


def test_connections_that_pause_and_are_restored(desk: Desk, receiver: Receiver) -> None:
    desk.add()
    with desk.worker.transaction(desk.owner) as session:
        pause(session, session.get_one(Connection, desk.tenant.connection.id), REFUSED, desk.now())
    with desk.database.transaction(desk.owner) as session:
        connection = session.get_one(Connection, desk.tenant.connection.id)
        given: dict[str, Any] = {"organization_id": desk.owner, "actor": "tests", "now": desk.now()}
        audit.write(session, **given, action="connection.resumed", subject=connection)
        retrying.resume(session, connection, desk.now())
    desk.seal()
    desk.turn()
    assert receiver.types == ["connection.paused", "connection.restored"]
    data = receiver.came[0].said["data"]
    assert data["because"] == "credential-refused"
    assert (data["connection"], data["provider"]) == ("facturapi", "facturapi")
    assert b"sk_live_secret" not in receiver.came[0].body


def test_certificates_are_told_of_once_a_step(desk: Desk, receiver: Receiver) -> None:
    desk.add("certificate.expiring")
    ends = NOW + timedelta(days=20)
    desk.move(State.DELIVERED, facts={"not_after": ends.isoformat(), "number": "0001"})
    for day in (0, 1, 12, 13, 14, 19, 20, 25):
        now = NOW + timedelta(days=day)
        renewals.watch(desk.worker, desk.vault, now, days=(60, 30, 7, 1), by_mail=False)
    desk.seal()
    desk.turn(public_url="https://gateway.example")
    assert [came.said["data"]["days"] for came in receiver.came] == [30, 7, 1]
    data = receiver.came[0].said["data"]
    assert (data["number"], data["not_after"]) == ("0001", ends.isoformat())
    assert (data["operation"], data["upload"]) == ("facturapi/certificate", str(desk.tenant.upload.id))


def test_a_certificate_s_webhook_brings_a_link_that_is_kept_nowhere(desk: Desk, receiver: Receiver) -> None:
    endpoint = desk.add("certificate.expiring")
    desk.move(State.DELIVERED, facts={"not_after": (NOW + timedelta(days=20)).isoformat(), "number": "0001"})
    renewals.watch(desk.worker, desk.vault, NOW, days=(30,), by_mail=False)
    desk.seal()
    receiver.answers.append(status(500))
    desk.turn(public_url="https://gateway.example")
    desk.ahead += timedelta(hours=1)
    desk.turn(public_url="https://gateway.example")
    links = {came.said["data"]["link"] for came in receiver.came}
    assert len(receiver.came) == 2
    assert len(links) == 1, "sent again it is the same"
    token = links.pop().removeprefix("https://gateway.example/l/")
    found = doors.link(desk.database, token)
    assert found is not None
    assert found.organization_id == desk.owner
    (delivery,) = desk.deliveries(endpoint)
    assert token not in str(delivery.body)
    Webhook(desk.secret.get_secret_value()).verify(receiver.came[0].body, receiver.came[0].headers)


def test_the_house_is_told_of_all_and_organizations_of_their_own(desk: Desk, receiver: Receiver) -> None:
    other = tenant(desk.database, desk.vault, f"o-{secrets.token_hex(6)}")
    desk.seal()
    ours, whole = desk.add(), desk.add(house=True)
    lender = house(desk.database, desk.vault, f"house-{secrets.token_hex(6)}")
    desk.move(State.DELIVERED)
    with desk.database.transaction(other.id) as session:
        uploads.move(session, other.upload, State.FAILED, actor="tests", now=desk.now())
    with desk.worker.transaction(HOUSE) as session:
        pause(session, session.get_one(Connection, lender.id), REFUSED, desk.now())
    assert told(desk, ours) == ["upload.delivered"]
    assert sorted(told(desk, whole)) == ["connection.paused", "upload.delivered", "upload.failed"]
    assert desk.turn(house=True) == 3
    of = {came.type: came.said["data"]["organization"] for came in receiver.came}
    slug = desk.tenant.organization.slug
    assert of == {"connection.paused": None, "upload.delivered": slug, "upload.failed": other.organization.slug}
    with desk.database.transaction(HOUSE) as session:
        endpoints.disable(session, whole, Because.OPERATOR, actor="tests", now=desk.now())


def test_a_worker_that_dies_while_sealing_tells_nothing_and_the_next_everything(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    endpoint = desk.add()
    desk.move(State.DELIVERED)

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("app.records.events._deliveries", die)
        with pytest.raises(Killed):
            desk.seal()
    assert desk.deliveries(endpoint) == []
    assert told(desk, endpoint) == ["upload.delivered"]


@contextmanager
def counting(database: Database) -> Iterator[list[str]]:
    """What the gateway says to the database."""
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def test_a_hand_in_costs_no_statement_more_with_an_endpoint_or_without(desk: Desk) -> None:
    def hand_in() -> list[str]:
        with counting(desk.database) as said:
            desk.move(State.DELIVERED, desk.begin(State.DELIVERING))
        return said

    hand_in()  # whatever only the first one needs
    without = hand_in()
    desk.add()
    assert hand_in() == without
    assert not any("webhook" in statement for statement in without)


def test_sealing_costs_one_question_more_where_nobody_is_told(desk: Desk) -> None:
    desk.move(State.DELIVERED)
    with counting(desk.worker) as said:
        seal(desk.worker, desk.vault)
    about = [statement for statement in said if "webhook" in statement]
    assert about
    assert all(statement.startswith("SELECT") for statement in about)


def test_a_house_webhook_is_seen_by_no_organization(desk: Desk) -> None:
    whole = desk.add(house=True)
    desk.move(State.DELIVERED)
    desk.seal()
    with desk.database.transaction(desk.owner) as session:
        assert session.scalars(text("SELECT count(*) FROM webhook_deliveries")).one() == 0
        assert whole.id not in {one.id for one in endpoints.listing(session)}
    with desk.worker.transaction(desk.owner) as session:  # which reads where to, and not what
        assert session.scalars(text("SELECT count(*) FROM webhook_deliveries")).one() == 0
    with desk.database.transaction(HOUSE) as session:
        endpoints.disable(session, whole, Because.OPERATOR, actor="tests", now=desk.now())
