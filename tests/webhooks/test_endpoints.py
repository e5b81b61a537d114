"""Endpoints: where they may be, what they are signed with, when they are disabled, and what is kept of it all."""

from __future__ import annotations

import secrets
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, func, insert, select, text
from sqlalchemy.exc import DBAPIError
from standardwebhooks import Webhook, WebhookVerificationError

from app.database import HOUSE, Database
from app.delivery.egress import Egress
from app.records import audit
from app.records.models import WebhookDelivery
from app.records.states import State
from app.tenants.errors import BadValue
from app.tenants.models import WebhookSecret
from app.tenants.vault import Vault
from app.webhooks import endpoints, jobs
from app.webhooks.endpoints import Because
from app.webhooks.errors import EndpointDisabled
from tests.tenancy import tenant
from tests.webhooks.conftest import Desk
from tests.webhooks.receiver import Receiver, status

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/v1",
        "https://user:word@hooks.example/v1",
        "ftp://hooks.example",
        "https://",
        "https://10.0.0.1/hooks",
        "https://[::1]/hooks",
        "https://169.254.169.254/latest",
        "not an address",
        "https://hooks.example/#part",
        "https://hooks.example/" + 500 * "x",
    ],
)
def test_where_no_webhook_goes(desk: Desk, url: str) -> None:
    with pytest.raises(BadValue):
        desk.add(url=url)


def test_where_one_goes(desk: Desk) -> None:
    assert desk.add(url="https://hooks.example/v1?key=x").url == "https://hooks.example/v1?key=x"


@pytest.mark.attack("ways out", "a webhook's endpoint in the inner network", "refused when it is gone to")
def test_a_private_address_is_refused_when_it_is_gone_to(desk: Desk, receiver: Receiver) -> None:
    """A name may lead anywhere, and somewhere else tomorrow: it is judged each time."""
    desk.egress = Egress()
    endpoint = desk.add(url=receiver.url.replace("http://127.0.0.1", "https://localhost"))
    desk.move(State.DELIVERED)
    desk.seal()
    desk.turn()
    assert desk.deliveries(endpoint)[0].answer == "egress"
    assert receiver.came == []


def test_an_event_that_there_is_not(desk: Desk) -> None:
    with pytest.raises(BadValue):
        desk.add("upload.delivering")


def test_the_secret_lies_sealed_and_is_in_no_log(desk: Desk, owner_engine: Engine) -> None:
    endpoint = desk.add()
    plain = desk.secret.get_secret_value()
    with owner_engine.connect() as connection:
        wanted = select(WebhookSecret.sealed).where(WebhookSecret.endpoint_id == endpoint.id)
        (sealed,) = connection.scalars(wanted)
    assert plain.encode() not in bytes(sealed)
    with desk.database.transaction(desk.owner) as session:
        assert [one.get_secret_value() for one in endpoints.secrets(session, desk.vault, endpoint, desk.now())] == [
            plain
        ]
        written = [repr((entry.action, entry.details)) for entry in audit.listing(session)]
    assert not any(plain in line or "of-the-url" in line for line in written)
    assert plain not in repr(endpoint)


def test_a_secret_that_was_moved_to_another_endpoint_does_not_open(
    desk: Desk, vault: Vault, owner_engine: Engine
) -> None:
    mine, other = desk.add(), desk.add()
    with owner_engine.begin() as connection:
        moved = text("UPDATE webhook_secrets SET endpoint_id = :there WHERE endpoint_id = :here")
        connection.execute(moved, {"here": mine.id, "there": other.id})
    with desk.database.transaction(desk.owner) as session, pytest.raises(Exception, match="does not open"):
        endpoints.secrets(session, vault, other, desk.now())


def test_while_a_secret_is_replaced_both_sign(desk: Desk, receiver: Receiver) -> None:
    endpoint = desk.add()
    former = desk.secret.get_secret_value()
    with desk.database.transaction(desk.owner) as session:
        given = {"actor": "tests", "now": desk.now()}
        new = endpoints.rotate_secret(session, desk.vault, endpoint, **given).get_secret_value()  # type: ignore[arg-type]
    desk.move(State.WAITING)
    desk.seal()
    desk.turn()
    for secret in (former, new):
        assert Webhook(secret).verify(receiver.came[0].body, receiver.came[0].headers)
    desk.ahead += timedelta(hours=25)
    desk.move(State.DELIVERED)
    desk.seal()
    desk.turn()
    assert receiver.came[1].headers["webhook-signature"].count("v1,") == 1
    assert jobs.forget_old(desk.worker, 30 * DAY, desk.now()) == 0
    with desk.database.transaction(desk.owner) as session:
        count = select(func.count()).where(WebhookSecret.endpoint_id == endpoint.id)
        assert session.scalars(count).one() == 1, "the former is forgotten"


def test_without_an_overlap_the_former_signs_no_more(desk: Desk, receiver: Receiver) -> None:
    endpoint, former = desk.add(), desk.secret.get_secret_value()
    with desk.database.transaction(desk.owner) as session:
        endpoints.rotate_secret(session, desk.vault, endpoint, actor="tests", now=desk.now(), overlap=timedelta())
    desk.move(State.DELIVERED)
    desk.seal()
    desk.turn()
    with pytest.raises(WebhookVerificationError):
        Webhook(former).verify(receiver.came[0].body, receiver.came[0].headers)


def test_disabled_once_and_enabled_once(desk: Desk) -> None:
    endpoint, told = desk.add(), {"actor": "tests", "now": desk.now()}
    with desk.database.transaction(desk.owner) as session:
        assert endpoints.disable(session, endpoint, Because.OPERATOR, **told)  # type: ignore[arg-type]
        assert not endpoints.disable(session, endpoint, Because.OPERATOR, **told)  # type: ignore[arg-type]
        assert endpoints.enable(session, endpoint, **told)  # type: ignore[arg-type]
        assert not endpoints.enable(session, endpoint, **told)  # type: ignore[arg-type]
    names = ["enabled", "disabled", "added"]
    assert desk.actions(endpoint) == [f"webhook_endpoint.{name}" for name in names]


def test_what_failed_is_sent_again_under_its_own_id(desk: Desk, receiver: Receiver) -> None:
    endpoint = desk.add()
    receiver.answers.append(status(410))
    desk.move(State.DELIVERED)
    desk.seal()
    desk.turn()
    now = desk.now()
    with desk.database.transaction(desk.owner) as session:
        with pytest.raises(EndpointDisabled):
            endpoints.redeliver(session, desk.current(endpoint), actor="tests", now=now)
        endpoints.enable(session, desk.current(endpoint), actor="tests", now=now)
    with desk.database.transaction(desk.owner) as session:
        assert len(endpoints.deliveries(session, endpoint, failed=True)) == 1
        assert endpoints.redeliver(session, desk.current(endpoint), actor="tests", now=now) == 1
    assert desk.turn() == 1
    first, second = receiver.came
    assert (first.id, first.body) == (second.id, second.body)
    (delivery,) = desk.deliveries(endpoint)
    assert delivery.arrived
    with desk.database.transaction(desk.owner) as session:
        assert endpoints.redeliver(session, endpoint, actor="tests", now=now) == 0, "nothing failed"
        assert endpoints.redeliver(session, endpoint, delivery_id=uuid4(), actor="tests", now=now) == 0
        assert endpoints.redeliver(session, endpoint, delivery_id=delivery.id, actor="tests", now=now) == 1
    assert desk.turn() == 1


def test_what_ended_long_ago_is_forgotten(desk: Desk, receiver: Receiver) -> None:
    endpoint = desk.add()
    receiver.answers.extend([status(204), status(500)])
    desk.move(State.WAITING)
    desk.move(State.DELIVERED)
    desk.seal()
    desk.turn()
    desk.ahead += 29 * DAY
    jobs.forget_old(desk.worker, 30 * DAY, desk.now())
    assert len(desk.deliveries(endpoint)) == 2
    desk.ahead += 2 * DAY
    assert jobs.forget_old(desk.worker, 30 * DAY, desk.now(), batch=1) >= 1
    assert [one.ended_at for one in desk.deliveries(endpoint)] == [None], "what is still to be sent stays"


def test_whoever_has_something_due_is_woken_and_nobody_else(clean: None, database: Database, desk: Desk) -> None:
    woken = text("SELECT args ->> 'owner' FROM procrastinate_jobs WHERE task_name = 'post' AND status = 'todo'")

    def owners() -> set[str]:
        with desk.worker.doors() as session:
            return set(session.scalars(woken))

    desk.add()
    jobs.wake_all(desk.worker, desk.now())
    assert owners() == set()
    whole = desk.add(house=True)
    desk.move(State.DELIVERED)
    desk.seal()
    for _ in range(2):
        jobs.wake_all(desk.worker, desk.now())
    assert owners() == {str(desk.owner), "house"}
    with database.transaction(HOUSE) as session:
        endpoints.disable(session, whole, Because.OPERATOR, actor="tests", now=desk.now())


def test_deliveries_are_read_page_by_page(desk: Desk) -> None:
    endpoint = desk.add()
    for to in (State.WAITING, State.UNKNOWN, State.FAILED):
        desk.move(to)
    desk.seal()
    with desk.database.transaction(desk.owner) as session:
        (newest,) = endpoints.deliveries(session, endpoint, limit=1)
        others = endpoints.deliveries(session, endpoint, before=(newest.created_at, newest.id))
    assert [one.event for one in (newest, *others)] == ["upload.failed", "upload.unknown", "upload.waiting"]


def test_a_worker_writes_nobody_elses_to_the_house(desk: Desk, database: Database, vault: Vault) -> None:
    whole, other = desk.add(house=True), tenant(database, vault, f"o-{secrets.token_hex(6)}")
    given = {"endpoint_id": whole.id, "event": "x", "due_at": desk.now(), "deadline_at": desk.now()}

    def write(about: UUID) -> None:
        with desk.worker.transaction(desk.owner) as session:
            row = {"id": uuid4(), "organization_id": None, "about_id": about, "event_id": uuid4()}
            session.execute(insert(WebhookDelivery), [given | row])

    write(desk.owner)
    with pytest.raises(DBAPIError, match="row-level security"):
        write(other.id)
    with database.transaction(HOUSE) as session:
        endpoints.disable(session, whole, Because.OPERATOR, actor="tests", now=desk.now())


def test_a_delivery_says_what_it_is_of(desk: Desk) -> None:
    endpoint = desk.add()
    desk.move(State.DELIVERED)
    desk.seal()
    (delivery,) = desk.deliveries(endpoint)
    with desk.database.transaction(desk.owner) as session:
        (entry, *_) = audit.listing(session, subject=desk.tenant.upload)
    assert (delivery.event_id, delivery.about_id) == (entry.id, desk.owner)
    assert isinstance(delivery, WebhookDelivery)
