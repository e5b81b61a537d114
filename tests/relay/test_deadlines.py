"""Every wait has an end of its own, in its own words: for who sends, for the provider, and for all of it together."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pytest

from app.config import Settings
from app.database import Database
from app.local import processes
from app.local.place import ROOT
from app.local.processes import wait_until
from app.providers.operation import MIB
from app.tenants.models import Connection
from app.tenants.vault import Vault
from tests.relay.ending import KINDS, LARGE, SECONDS, WAYS, never_whole, order, taken_back, under_way
from tests.relay.house import House
from tests.relay.samples import BY_OPERATION, Sample
from tests.relay.sending import Answered, Sending, ask
from tests.relay.test_large import memory
from tests.servers import Sandbox, Server, environment_of

pytestmark = pytest.mark.live

IDLE: Final = 0.5
GRACE: Final = 2.5
#: A client may be silent for a moment, or slow for a little longer; so may a provider.
HASTY: Final = {
    "IDLE_SECONDS": str(IDLE),
    "RATE_GRACE_SECONDS": str(GRACE),
    "MINIMUM_RATE": "50000",
    "CONNECT_SECONDS": "0.5",
    "ANSWER_SECONDS": "1.5",
}
#: Nobody is too slow here, but all of it together may be.
BRIEF: Final = {"RELAY_TOTAL_SECONDS": "2"}
#: More than what is on the way holds when nobody takes it.
HUGE: Final = 48 * MIB
#: A gateway holds a block that is sent and one that is judged; the rest is room for what belongs to no upload.
MOST: Final = HUGE // 2

Way = pytest.mark.parametrize("way", WAYS)
Kind = pytest.mark.parametrize("way", KINDS)


@contextmanager
def gateway_with(name: str, place: Path, settings: Settings, patience: dict[str, str]) -> Iterator[Server]:
    command = [*processes.procfile(ROOT / "Procfile")["web"], "--bind", "fd://{fd}"]
    environment = environment_of(settings) | {"PUBLIC_URL": "{url}", "DRAIN_SECONDS": "1", **patience}
    with Server.running(name, command, place, environment, ready="/readyz") as server:
        yield server


@pytest.fixture(scope="module")
def nobody() -> Iterator[str]:
    """An address where connections are neither accepted nor refused: the queue is full."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        with socket.create_connection(deaf.getsockname()):
            yield "http://{}:{}".format(*deaf.getsockname())


@pytest.fixture(scope="module")
def hasty(place: Path, settings: Settings) -> Iterator[Server]:
    with gateway_with("hasty", place, settings, HASTY) as server:
        yield server


@pytest.fixture(scope="module")
def brief(place: Path, settings: Settings) -> Iterator[Server]:
    with gateway_with("brief", place, settings, BRIEF) as server:
        yield server


@pytest.fixture(scope="module")
def astray(place: Path, settings: Settings, nobody: str) -> Iterator[Server]:
    """A gateway whose sandbox is where nobody accepts."""
    away = {"SANDBOX_URL": nobody, "EGRESS_ALLOW": nobody}
    with gateway_with("astray", place, settings, HASTY | away) as server:
        yield server


@pytest.fixture
def at_hasty(hasty: Server, sandbox: Sandbox, database: Database, vault: Vault) -> Iterator[House]:
    sandbox.clear()
    yield House.build(hasty, sandbox, database, vault)
    sandbox.clear()


@pytest.fixture
def at_brief(brief: Server, sandbox: Sandbox, database: Database, vault: Vault) -> Iterator[House]:
    sandbox.clear()
    yield House.build(brief, sandbox, database, vault)
    sandbox.clear()


@pytest.fixture
def at_astray(astray: Server, sandbox: Sandbox, database: Database, vault: Vault, nobody: str) -> House:
    house = House.build(astray, sandbox, database, vault)
    with database.transaction(house.organization.id) as session:
        for name in ("flatfile", "formkiq"):  # whose address is a setting of theirs
            connection = session.get_one(Connection, house.connections[name].id)
            connection.settings = {**connection.settings, "base_url": nobody}
    return house


def ended(house: House, sample: Sample, answer: Answered, status: int, slug: str, state: str) -> None:
    """It ended so in the answer, on record, and at the provider."""
    assert (answer.status, answer.body["type"]) == (status, f"/docs/problems#{slug}"), answer
    assert answer.body["status"] == status
    assert answer.body["detail"]
    shown = ask(house, "GET", f"/api/v1/uploads/{answer.body['upload']}")
    assert shown.status == 200
    assert shown.body["state"] == state
    (attempt,) = shown.body["attempts"]
    assert attempt["problem"] == slug
    assert attempt["ended_at"]
    if sample is WAYS["presigned"] and state != "unknown" and sample.arrivals(house):
        assert taken_back(house)


def on_the_way(house: House, sample: Sample, sending: Sending, share: float = 0.5) -> set[tuple[int, int]]:
    """Hand over a part of the file; what carries it, once it has begun to arrive."""
    before = under_way(house, sample)
    sending.give_share(share)
    assert wait_until(lambda: any(one["bytes"] for one in sample.arrivals(house)), SECONDS)
    return set(under_way(house, sample) - before)


#: Of queue, pieces, pages, people and a server that leaves: nobody waits for them while a file passes. How long the
#: antivirus is waited for is `checks/test_antivirus.py`'s.
NO_DEADLINES = {
    "ANTIVIRUS_SECONDS",
    "INVITATION_SECONDS",
    "LEAVING_SECONDS",
    "QUEUE_AGE_SECONDS",
    "RESUMABLE_SECONDS",
    "SESSION_IDLE_SECONDS",
    "SESSION_SECONDS",
    "SETTLED_SECONDS",
}


def test_the_settings_are_all_of_them() -> None:
    """A deadline that is added has a test here."""
    seconds = {name.upper() for name in Settings.model_fields if name.endswith("_seconds")}
    tried = {*HASTY, *BRIEF}
    elsewhere = {"TOTAL_SECONDS", "DRAIN_SECONDS"}  # of what is not streamed, and of no upload
    assert seconds - tried == {*elsewhere, "PROVIDER_GRACE_SECONDS", *NO_DEADLINES}


# Who sends


@Way
def test_a_client_that_falls_silent(at_hasty: House, way: str) -> None:
    house, sample = at_hasty, WAYS[way]
    with sample.sending(house) as sending:
        sending.give_share(0.5)
        silent = time.monotonic()
        answer = sending.answer()
        assert time.monotonic() - silent < GRACE, "it was let be slow, and it was silent"
    ended(house, sample, answer, 408, "client-too-slow", "cancelled")
    assert never_whole(house, sample)


@pytest.mark.attack("waiting", "a file that comes too slowly, and never stops", "408; its provider has nothing whole")
@Kind
def test_a_client_that_is_never_silent_but_too_slow(at_hasty: House, way: str) -> None:
    house, sample = at_hasty, WAYS[way]
    with sample.sending(house) as sending:
        carries = on_the_way(house, sample, sending)
        began = time.monotonic()
        answer = dribble(sending, 100)
        assert time.monotonic() - began > IDLE
    ended(house, sample, answer, 408, "client-too-slow", "cancelled")
    assert never_whole(house, sample)
    assert wait_until(lambda: bool(carries - under_way(house, sample)), SECONDS)


def dribble(sending: Sending, count: int) -> Answered:
    """Hand over so many bytes each tenth of a second (this is what the client is) until there is an answer."""
    with suppress(ConnectionError):  # the gateway drops what it would not read
        while not select.select([sending.socket], [], [], 0.1)[0]:
            sending.give(sending.sent + count)
    return sending.answer()


# The provider


@Way
def test_a_provider_that_does_not_accept(at_astray: House, way: str) -> None:
    house, sample = at_astray, WAYS[way]
    with sample.sending(house) as sending:
        sending.give_share(0.5)
        answer = sending.answer()
    ended(house, sample, answer, 502, "provider-unreachable", "failed")
    assert sample.arrivals(house) == []


@pytest.mark.parametrize("way", LARGE)
def test_a_provider_that_takes_no_byte(at_hasty: House, way: str) -> None:
    house, sample = at_hasty, WAYS[way]
    house.sandbox.fault(**order(house, sample), action="stall", after_bytes=1000)
    with sample.sending(house) as sending:
        carries, handing = on_the_way(house, sample, sending, 0.01), handed_over(sending)
        answer = sending.answer()
        handing.join(SECONDS)
    ended(house, sample, answer, 502, "provider-too-slow", "failed")
    assert never_whole(house, sample)
    assert wait_until(lambda: bool(carries - under_way(house, sample)), SECONDS)


def handed_over(sending: Sending) -> threading.Thread:
    """Hand over the rest as fast as it is taken, beside whatever else."""

    def give() -> None:
        with suppress(OSError):
            while sending.sent < len(sending.body):
                sending.sent += sending.socket.send(sending.body[sending.sent : sending.sent + 65_536])

    thread = threading.Thread(target=give, daemon=True)
    thread.start()
    return thread


@Way
def test_a_provider_that_keeps_its_answer_is_looked_at(at_hasty: House, way: str) -> None:
    house, sample = at_hasty, WAYS[way]
    house.sandbox.fault(**order(house, sample), action="drop_answer", seconds=4)
    with sample.sending(house) as sending:
        answer = sending.give().answer()
    assert (answer.status, answer.body["state"]) == (201, "delivered"), answer
    assert len(sample.arrivals(house, complete=True)) == 1


@pytest.mark.parametrize("way", ["codat", "presigned"])
def test_a_provider_that_has_all_and_shows_nothing(at_hasty: House, way: str) -> None:
    house, sample = at_hasty, WAYS[way]
    house.sandbox.fault(**order(house, sample), action="stall", after_bytes=1 << 40)
    with sample.sending(house) as sending:
        answer = sending.give().answer()
    ended(house, sample, answer, 504, "unconfirmed", "unknown")
    assert answer.headers["location"] == f"/api/v1/uploads/{answer.body['upload']}"
    assert [one["status"] for one in sample.arrivals(house)] == [None]


@pytest.mark.parametrize("way", ["flatfile", "presigned"])
def test_a_provider_that_is_slow_slows_the_client_down(house: House, way: str) -> None:
    """What is sent waits with who sends it: the gateway holds no more than it does of any file."""
    sample = WAYS[way]
    house.sandbox.fault(**order(house, sample), action="stall", after_bytes=1000, seconds=2)
    assert BY_OPERATION["codat/file"].hand_in(house).status == 201  # what is only loaded once is now
    before = memory(house)
    with sample.sending(house, sample.file(HUGE)) as sending:
        on_the_way(house, sample, sending, 0.001)
        handing = handed_over(sending)
        held_up = wait_until(lambda: not select.select([], [sending.socket], [], 0.3)[1], SECONDS)
        sent, most = sending.sent, memory(house)
        (arrival,) = sample.arrivals(house)
        assert (arrival["bytes"], arrival["complete"]) == (1000, False), "it was measured while nothing was taken"
        assert held_up
        assert sent < HUGE // 2
        assert most - before < MOST
        handing.join(SECONDS)
        answer = sending.answer()
    assert (answer.status, answer.body["size"]) == (201, HUGE), answer
    (arrival,) = sample.arrivals(house)
    assert arrival["complete"]


# All of it together


@Kind
def test_a_client_that_is_merely_slow(at_brief: House, way: str) -> None:
    house, sample = at_brief, WAYS[way]
    with sample.sending(house) as sending:
        carries = on_the_way(house, sample, sending, 0.1)
        answer = dribble(sending, 20_000)
        assert sending.sent < len(sending.body)
    ended(house, sample, answer, 408, "took-too-long", "cancelled")
    assert never_whole(house, sample)
    assert wait_until(lambda: bool(carries - under_way(house, sample)), SECONDS)


@pytest.mark.parametrize("way", ["flatfile", "presigned"])
def test_a_provider_that_is_merely_slow(at_brief: House, way: str) -> None:
    """It could still take bytes for half a minute."""
    house, sample = at_brief, WAYS[way]
    house.sandbox.fault(**order(house, sample), action="stall", after_bytes=1000)
    with sample.sending(house) as sending:
        carries, handing = on_the_way(house, sample, sending, 0.01), handed_over(sending)
        answer = sending.answer()
        handing.join(SECONDS)
    ended(house, sample, answer, 502, "took-too-long", "failed")
    assert never_whole(house, sample)
    assert wait_until(lambda: bool(carries - under_way(house, sample)), SECONDS)


def test_an_answer_has_its_own_time(at_brief: House) -> None:
    """All of the file was sent in time; that its time then ends in the answer is no reason not to wait for that."""
    house, sample = at_brief, BY_OPERATION["flatfile/file"]
    slow: dict[str, Any] = {"action": "delay", "seconds": 2.5}
    house.sandbox.fault(**order(house, sample), **slow)
    with sample.sending(house) as sending:
        answer = sending.give().answer()
    assert (answer.status, answer.body["state"]) == (201, "delivered"), answer
