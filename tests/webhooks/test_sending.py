"""Webhooks on their way: what each answer leads to, who dies, who is slow, and whom that holds up."""

from __future__ import annotations

import socket
import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, update
from standardwebhooks import Webhook
from structlog.testing import capture_logs

from app.delivery.deadlines import Deadlines
from app.providers.wire import Reply
from app.records.events import PATIENCE
from app.records.states import State
from app.tenants.models import WebhookSecret
from app.webhooks import endpoints, payloads, sending, taking
from app.webhooks.endpoints import Because
from app.webhooks.sending import MOST_IN_DOUBT
from app.webhooks.taking import ENDPOINTS_AT_ONCE, IN_HAND
from tests.webhooks.conftest import Desk
from tests.webhooks.receiver import Answer, Receiver, hang_up, receiving, silent, status

#: So long nobody waits in life; what is silent is told so by it.
IMPATIENT = Deadlines(connect=20.0, answer=0.2, total=20.0)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Killed(BaseException):
    """The worker dies."""


def tell(desk: Desk, to: State = State.DELIVERED, **told: Any) -> None:
    """Let something happen that is told of."""
    desk.move(to, **told)
    desk.seal()


def test_it_arrives_signed_and_says_what_happened(desk: Desk, receiver: Receiver) -> None:
    endpoint = desk.add()
    tell(desk, reference="REF-1", facts={"number": "7"})
    assert desk.turn() == 1
    (came,) = receiver.came
    said = Webhook(desk.secret.get_secret_value()).verify(came.body, came.headers)
    assert came.path == "/hooks?key=of-the-url"
    assert came.headers["content-type"] == "application/json"
    assert said["type"] == "upload.delivered"
    assert said["timestamp"].endswith("Z")
    assert (said["data"]["id"], said["data"]["state"]) == (str(desk.tenant.upload.id), "delivered")
    assert said["data"]["organization"] == desk.tenant.organization.slug
    (delivery,) = desk.deliveries(endpoint)
    assert (delivery.arrived, delivery.answer, delivery.tries) == (True, "204", 1)
    assert desk.current(endpoint).delivered_at
    assert desk.turn() == 0


def test_in_the_order_of_the_log(desk: Desk, receiver: Receiver) -> None:
    desk.add()
    for to in (State.WAITING, State.UNKNOWN, State.WAITING, State.FAILED, State.WAITING, State.DELIVERED):
        desk.move(to)
    desk.seal()
    assert desk.turn() == 6
    told = ["waiting", "unknown", "waiting", "failed", "waiting", "delivered"]
    assert receiver.types == [f"upload.{state}" for state in told]
    assert len({came.id for came in receiver.came}) == 6


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (status(500), "500"),
        (status(404, b"not here"), "404"),
        (status(302, Location="/elsewhere"), "302"),
        (hang_up, "reset"),
    ],
    ids=["500", "404", "redirect", "dies"],
)
def test_what_is_no_yes_is_tried_again_until_it_is(desk: Desk, receiver: Receiver, answer: Answer, word: str) -> None:
    endpoint = desk.add()
    receiver.answers.extend([answer, answer])
    tell(desk)
    assert desk.turn() == 1
    (delivery,) = desk.deliveries(endpoint)
    assert (delivery.arrived, delivery.ended_at, delivery.answer) == (False, None, word)
    assert desk.turn() == 0, "not at once"
    desk.ahead += timedelta(seconds=1)  # half of what the second pause can be
    assert desk.turn() == 1
    desk.ahead += timedelta(seconds=2)
    assert desk.turn() == 1
    assert desk.deliveries(endpoint)[0].arrived
    assert desk.current(endpoint).failures == 0
    assert [came.path for came in receiver.came] == 3 * ["/hooks?key=of-the-url"], "no redirect is followed"
    first, *others = receiver.came
    assert all((one.id, one.body) == (first.id, first.body) for one in others)


def test_who_is_not_there_is_tried_again(desk: Desk, receiver: Receiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    desk.egress = type(desk.egress)([receiver.url, url])
    endpoint = desk.add(url=url)
    tell(desk)
    assert desk.turn() == 1
    assert desk.deliveries(endpoint)[0].answer == "connect"
    desk.ahead += timedelta(seconds=1)
    assert desk.turn() == 1


def test_who_is_silent_is_waited_for_no_longer_than_that(desk: Desk, receiver: Receiver) -> None:
    endpoint, until = desk.add(), threading.Event()
    receiver.answers.append(silent(until))
    tell(desk)
    try:
        assert desk.turn(deadlines=IMPATIENT) == 1
    finally:
        until.set()
    assert desk.deliveries(endpoint)[0].answer == "timeout"


def test_an_address_that_may_not_be_gone_to_is_not_gone_to(desk: Desk, receiver: Receiver) -> None:
    endpoint = desk.add()
    tell(desk)
    desk.egress = type(desk.egress)([])
    assert desk.turn() == 1
    assert receiver.came == []
    assert desk.deliveries(endpoint)[0].answer == "egress"


def test_a_long_answer_is_a_yes_and_is_not_read(desk: Desk, receiver: Receiver) -> None:
    endpoint = desk.add()
    receiver.answers.append(status(200, bytes(8 << 20)))
    tell(desk)
    desk.turn()
    assert desk.deliveries(endpoint)[0].arrived


def test_retry_after_is_waited_for(desk: Desk, receiver: Receiver) -> None:
    endpoint = desk.add()
    receiver.answers.append(status(503, Retry_After="600"))
    tell(desk)
    desk.turn()
    desk.ahead += timedelta(seconds=599)
    assert desk.turn() == 0
    desk.ahead += timedelta(seconds=2)
    assert desk.turn() == 1
    assert desk.deliveries(endpoint)[0].arrived


def test_gone_is_gone(desk: Desk, receiver: Receiver) -> None:
    endpoint = desk.add()
    receiver.answers.append(status(410))
    desk.move(State.WAITING)
    tell(desk)
    with capture_logs() as lines:
        assert desk.turn() == 1
    current = desk.current(endpoint)
    assert (current.disabled_because, desk.actions(endpoint)[0]) == (Because.GONE, "webhook_endpoint.disabled")
    assert [line["because"] for line in lines if line["event"] == "webhook endpoint disabled"] == ["gone"]
    assert all(one.ended_at and not one.arrived for one in desk.deliveries(endpoint))
    desk.ahead += HOUR
    assert desk.turn() == 0


def test_after_a_day_it_has_failed(desk: Desk, receiver: Receiver) -> None:
    endpoint = desk.add()
    receiver.answers.extend([status(500)] * 3)
    tell(desk)
    desk.turn()
    desk.ahead += PATIENCE - timedelta(minutes=1)
    desk.turn()
    assert desk.deliveries(endpoint)[0].ended_at is None
    desk.ahead += timedelta(minutes=2)
    desk.turn()
    (delivery,) = desk.deliveries(endpoint)
    assert delivery.ended_at
    assert not delivery.arrived
    assert desk.current(endpoint).disabled_at is None


def test_days_without_anything_that_arrived_disable_it(desk: Desk, receiver: Receiver) -> None:
    endpoint = desk.add()
    upload = desk.begin(State.DELIVERING)
    desk.seal()
    assert desk.turn() == 1  # something arrived: it is not failing
    receiver.answers.extend([status(500)] * 3)
    desk.ahead += 6 * DAY
    tell(desk)
    desk.turn()
    assert desk.current(endpoint).disabled_at is None
    desk.ahead += 4 * DAY + HOUR
    desk.move(State.FAILED, upload)
    desk.seal()
    desk.turn()
    assert desk.current(endpoint).disabled_at is None
    desk.ahead += DAY
    desk.turn()
    assert desk.current(endpoint).disabled_because == Because.FAILING


def test_one_that_arrives_begins_those_days_anew(desk: Desk, receiver: Receiver) -> None:
    endpoint, upload = desk.add(), desk.begin(State.DELIVERING)
    receiver.answers.extend([status(500), status(204), status(500)])
    desk.seal()
    desk.turn()
    desk.ahead += timedelta(minutes=1)
    assert desk.turn() == 1
    desk.ahead += 6 * DAY
    desk.move(State.FAILED, upload)
    desk.seal()
    desk.turn()
    assert desk.deliveries(endpoint)[-1].answer == "500"
    assert desk.current(endpoint).disabled_at is None


def test_what_is_in_hand_is_nobody_elses_though_its_endpoint_was_let_go(desk: Desk) -> None:
    """As by a worker that was taken for dead, and comes back."""
    endpoint = desk.add()
    tell(desk)
    for ahead, is_free in ((timedelta(), True), (timedelta(), False), (IN_HAND + timedelta(seconds=1), True)):
        desk.ahead += ahead
        with desk.worker.transaction(desk.owner) as session:
            taken = taking.delivery(session, endpoint.id, desk.now(), lambda: 0.0)
            taking.let_go(session, endpoint.id)
        assert (taken is not None) is is_free


def test_a_worker_that_dies_between_sending_and_writing_down_sends_it_twice(
    desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = desk.add()
    tell(desk, State.WAITING)

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(sending.Messenger, "_conclude", die)
        patched.setattr(taking, "let_go", die)
        with pytest.raises(Killed):
            desk.turn()
    assert len(receiver.came) == 1
    assert desk.turn() == 0, "it is in hand"
    desk.move(State.DELIVERED)  # meanwhile more happens to it
    desk.ahead += IN_HAND + timedelta(seconds=2)
    assert desk.turn() == 1
    first, second = receiver.came
    assert (first.id, first.body) == (second.id, second.body)
    assert desk.deliveries(endpoint)[0].arrived


def test_a_worker_that_dies_before_sending_sends_it_once(
    desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.add()
    tell(desk)

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(payloads, "write", die)
        with pytest.raises(Killed):
            desk.turn()
    desk.ahead += IN_HAND + timedelta(seconds=2)
    assert desk.turn() == 1
    assert len(receiver.came) == 1


def test_one_that_is_never_taken_holds_up_no_other(desk: Desk, receiver: Receiver) -> None:
    endpoint = desk.add()
    receiver.answers.append(status(500))
    desk.move(State.WAITING)
    tell(desk)
    desk.turn()
    receiver.answers.append(status(204))
    desk.ahead += timedelta(seconds=1)
    while desk.turn():
        desk.ahead += timedelta(seconds=1)
    assert all(one.arrived for one in desk.deliveries(endpoint))


def test_a_slow_endpoint_holds_up_no_other(desk: Desk, receiver: Receiver) -> None:
    """While one is being waited for, another of the same owner is told."""
    until = threading.Event()
    with receiving() as slow:
        desk.egress = type(desk.egress)([receiver.url, slow.url])
        slow.answers.append(silent(until))
        behind = desk.add(url=slow.url)
        tell(desk)
        desk.add()
        desk.move(State.WAITING, desk.begin(State.RECEIVING))
        desk.seal()
        first = threading.Thread(target=desk.turn)
        first.start()
        try:
            while not slow.came:
                first.join(0.01)
            assert desk.turn() == 2
            assert receiver.types == ["upload.received", "upload.waiting"]
            assert desk.turn() == 0, "the slow one is in hand, and is another's"
        finally:
            until.set()
            first.join()
        assert desk.deliveries(behind)[0].answer == "reset"


@pytest.mark.parametrize("doubt", ["failed", "slow"])
def test_those_in_doubt_take_up_no_more_than_their_room(desk: Desk, receiver: Receiver, doubt: str) -> None:
    messenger = desk.messenger(slow_seconds=20.0 if doubt == "failed" else 0.0)
    doubtful = desk.add()
    receiver.answers.append(status(500 if doubt == "failed" else 204))
    tell(desk, State.WAITING)
    assert messenger.turn(desk.owner) == 1
    desk.ahead += timedelta(seconds=10)
    well = desk.add()
    tell(desk)
    room = messenger._room_for_doubt
    for _ in range(MOST_IN_DOUBT):
        assert room.acquire(blocking=False)
    assert messenger.turn(desk.owner) == 1
    assert [one.arrived for one in desk.deliveries(well)] == [True]
    assert messenger.turn(desk.owner) == 0, "no room"
    room.release()
    assert messenger.turn(desk.owner) == (2 if doubt == "failed" else 1)
    assert all(one.arrived for one in desk.deliveries(doubtful))
    assert room.acquire(blocking=False), "given back"


def test_what_cannot_be_written_holds_up_no_other_and_ends(
    desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = desk.add()
    desk.move(State.WAITING)
    tell(desk)
    write = payloads.write

    def stumble(session: Any, entry: Any, event: str) -> str:
        if event == "upload.waiting":
            raise KeyError(event)
        return write(session, entry, event)

    monkeypatch.setattr(payloads, "write", stumble)
    assert [desk.turn() for _ in range(2)] == [1, 1]
    assert receiver.types == ["upload.delivered"]
    assert [one.answer for one in desk.deliveries(endpoint)] == ["internal", "204"]
    desk.ahead += PATIENCE
    desk.turn()
    assert all(one.ended_at for one in desk.deliveries(endpoint))
    assert desk.current(endpoint).failures == 0, "it is no fault of the endpoint's"


def test_of_one_owner_only_so_many_endpoints_are_in_hand(desk: Desk) -> None:
    for _ in range(ENDPOINTS_AT_ONCE + 1):
        desk.add()
    tell(desk)

    def take() -> object:
        with desk.worker.transaction(desk.owner) as session:
            return taking.endpoint(session, desk.now())

    taken = [take() for _ in range(ENDPOINTS_AT_ONCE + 1)]
    assert [one is not None for one in taken] == [True] * ENDPOINTS_AT_ONCE + [False]
    desk.ahead += IN_HAND + timedelta(seconds=1)
    assert take(), "whoever had it is dead"


def test_a_disabled_endpoint_is_sent_nothing_more_within_a_turn(desk: Desk, receiver: Receiver) -> None:
    endpoint = desk.add()

    def disable(handler: Any) -> None:
        with desk.database.transaction(desk.owner) as session:
            endpoints.disable(session, endpoint, Because.OPERATOR, actor="tests", now=desk.now())
        status(204)(handler)

    receiver.answers.append(disable)
    desk.move(State.WAITING)
    tell(desk)
    assert desk.turn() == 1
    assert [one.arrived for one in desk.deliveries(endpoint)] == [True, False]


def test_a_worker_that_is_told_to_stop_begins_nothing_more(desk: Desk, receiver: Receiver) -> None:
    endpoint, messenger = desk.add(), desk.messenger()

    def stop(handler: Any) -> None:
        messenger.stop()
        status(204)(handler)

    receiver.answers.append(stop)
    desk.move(State.WAITING)
    tell(desk)
    assert messenger.turn(desk.owner) == 1
    assert [one.arrived for one in desk.deliveries(endpoint)] == [True, False]
    assert desk.turn() == 1, "another worker goes on"


def test_what_does_not_open_is_in_nobody_elses_way(desk: Desk, receiver: Receiver, owner_engine: Engine) -> None:
    broken = desk.add()
    tell(desk)
    with owner_engine.begin() as connection:
        connection.execute(update(WebhookSecret).where(WebhookSecret.endpoint_id == broken.id).values(sealed=b"x"))
    assert desk.turn() == 0
    desk.add()
    desk.begin(State.DELIVERING)
    desk.seal()
    assert desk.turn() == 1
    assert len(receiver.came) == 1
    assert desk.current(broken).quiet_until


def test_a_try_tells_of_nothing_and_is_signed(desk: Desk, receiver: Receiver) -> None:
    endpoint = desk.add()
    answer = desk.messenger().try_out(desk.owner, endpoint.id, actor="tests")
    assert isinstance(answer, Reply)
    (came,) = receiver.came
    assert Webhook(desk.secret.get_secret_value()).verify(came.body, came.headers)["type"] == "webhook.test"
    assert desk.actions(endpoint)[0] == "webhook_endpoint.tested"
    assert desk.deliveries(endpoint) == []
