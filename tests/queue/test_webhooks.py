"""Real workers tell of what happens, and whatever kills them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, update
from standardwebhooks import Webhook

from app.config import Settings
from app.database import utcnow
from app.delivery.egress import Egress
from app.records.models import WebhookDelivery
from app.tenants.models import WebhookEndpoint
from app.webhooks import endpoints
from tests.queue.conftest import PATIENT_SECONDS, Start
from tests.queue.test_worker import kill
from tests.queue.waiting import Queue
from tests.tenancy import becomes
from tests.webhooks.receiver import Receiver, receiving, silent

pytestmark = pytest.mark.live


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def settings(settings: Settings, receiver: Receiver) -> Settings:
    """Those of workers that may go to the receiver."""
    return settings.model_copy(update={"egress_allow": (*settings.egress_allow, receiver.url)})


@pytest.fixture
def secret(waiting: Queue, receiver: Receiver) -> str:
    """That of the organization's endpoint."""
    with waiting.database.transaction(waiting.organization.id) as session:
        _, made = endpoints.add(
            session,
            waiting.vault,
            Egress([receiver.url]),
            organization_id=waiting.organization.id,
            url=receiver.url,
            actor="tests",
            now=utcnow(),
        )
    return made.get_secret_value()


def test_a_worker_tells_by_itself_in_order(waiting: Queue, start: Start, receiver: Receiver, secret: str) -> None:
    start()
    waiting.arrive(utcnow())
    assert becomes(lambda: len(receiver.came) == 2, PATIENT_SECONDS)
    assert receiver.types == ["upload.received", "upload.delivered"]
    for came in receiver.came:
        assert Webhook(secret).verify(came.body, came.headers)


def test_a_worker_that_is_killed_while_it_sends_leaves_it_to_another(
    waiting: Queue, start: Start, receiver: Receiver, secret: str, owner_engine: Engine
) -> None:
    until = threading.Event()
    receiver.answers.append(silent(until))
    first = start()
    waiting.arrive(utcnow())
    try:
        assert becomes(lambda: len(receiver.came) == 1, PATIENT_SECONDS)
        kill(first)
    finally:
        until.set()
    with owner_engine.begin() as connection:  # what it had in hand is taken up after a minute; that minute is over
        over = func.now() - timedelta(seconds=1)
        connection.execute(update(WebhookEndpoint).values(held_until=over))
        connection.execute(update(WebhookDelivery).values(due_at=over))
    start()
    assert becomes(lambda: len(receiver.came) == 3, PATIENT_SECONDS)
    assert receiver.types == ["upload.received", "upload.received", "upload.delivered"]
    once, again, _ = receiver.came
    assert (once.id, once.body) == (again.id, again.body)
    assert Webhook(secret).verify(again.body, again.headers)
