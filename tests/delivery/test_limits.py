"""Limits that providers state, kept in the database: no window of theirs ever holds more than they allow."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from sqlalchemy import Engine, text

from app.database import Database
from app.delivery import limits
from app.delivery.limits import HELD_SECONDS, Limits
from app.delivery.way import Way
from app.providers.base import RateLimit
from app.providers.wire import Outgoing

GET, POST = Outgoing(method="GET", path="/"), Outgoing(method="POST", path="/")
START = datetime(2026, 11, 21, 12, tzinfo=UTC)


@dataclass
class Hand:
    """A clock set by hand, that waiting moves."""

    now: datetime = START
    waits: list[float] = field(default_factory=list)

    def __call__(self) -> datetime:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += timedelta(seconds=seconds)


@dataclass
class Provider:
    limits: tuple[RateLimit, ...]


@dataclass
class Road:
    """As much of a Way as limits look at."""

    provider: Provider
    fingerprint: bytes = field(default_factory=lambda: secrets.token_bytes(8))


Ask = Callable[..., int | None]


def road(*limit: RateLimit) -> Way:
    return cast("Way", Road(Provider(limit)))


def ask(keeper: Limits, way: Way, outgoing: Outgoing = POST) -> int | None:
    """One request that is answered at once; seconds to wait where it is not let through."""
    with keeper.of(way) as admit:
        reply = admit(outgoing)
    if reply is None:
        return None
    assert (reply.status, reply.body) == (429, b"")
    return int(reply.headers["retry-after"])


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def keeper(database: Database, hand: Hand) -> Limits:
    return Limits(database, clock=hand, wait=hand.wait)


def test_a_window_holds_no_more_than_its_limit(keeper: Limits, hand: Hand) -> None:
    way = road(RateLimit(requests=3, seconds=60))
    assert [ask(keeper, way) for _ in range(4)] == [None, None, None, 60]
    hand.now += timedelta(seconds=50)
    assert ask(keeper, way) == 10


def test_one_that_is_free_soon_is_waited_for(keeper: Limits, hand: Hand) -> None:
    way = road(RateLimit(requests=1, seconds=4))
    assert ask(keeper, way) is None
    assert ask(keeper, way) is None
    assert hand.waits == [4.0]


def test_no_sliding_window_is_ever_exceeded(keeper: Limits, hand: Hand) -> None:
    """Whenever the provider counts a request: at its first byte, or at its answer."""
    way, told = road(RateLimit(requests=5, seconds=60)), []
    for step in range(200):
        hand.now += timedelta(seconds=(step * 7) % 11)
        with keeper.of(way) as admit:
            if admit(POST) is None:
                told.append((hand.now, hand.now + timedelta(seconds=step % 3)))
            hand.now += timedelta(seconds=step % 3)
    for counted in (
        [first for first, _ in told],
        [last for _, last in told],
        [pair[number % 2] for number, pair in enumerate(told)],
    ):
        for at in counted:
            assert sum(at <= other < at + timedelta(seconds=60) for other in counted) <= 5
    assert len(told) > 20, "and it is not the easy way of letting nobody through"


def test_a_slot_is_taken_until_the_answer(keeper: Limits, hand: Hand) -> None:
    way = road(RateLimit(requests=1, seconds=60))
    with keeper.of(way) as admit:
        assert admit(POST) is None
        hand.now += timedelta(seconds=300)
        assert ask(keeper, way) == 60, "a long upload still counts"
    hand.now += timedelta(seconds=56)
    assert ask(keeper, way) is None
    assert hand.waits == [4.0]


def test_the_next_request_of_a_delivery_gives_the_former_slot_back(keeper: Limits, hand: Hand) -> None:
    way = road(RateLimit(requests=1, seconds=4))
    with keeper.of(way) as admit:
        assert admit(POST) is None
        assert admit(POST) is None
    assert hand.waits == [4.0]


def test_what_the_dead_held_is_free_some_day(keeper: Limits, hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    way = road(RateLimit(requests=1, seconds=60))
    monkeypatch.setattr(Limits, "_give_back", lambda *_: None)
    assert ask(keeper, way) is None
    assert ask(keeper, way) == 60
    hand.now += timedelta(seconds=60 + HELD_SECONDS)
    assert ask(keeper, way) is None


def test_what_another_has_taken_over_is_not_given_back(keeper: Limits, hand: Hand) -> None:
    way = road(RateLimit(requests=1, seconds=60))
    slow, other = keeper.of(way), keeper.of(way)
    assert slow.__enter__()(POST) is None
    hand.now += timedelta(seconds=60 + HELD_SECONDS)
    assert other.__enter__()(POST) is None
    slow.__exit__(None, None, None)
    hand.now += timedelta(seconds=58)
    assert ask(keeper, way) == 60
    other.__exit__(None, None, None)


def test_methods_have_limits_of_their_own(keeper: Limits) -> None:
    way = road(RateLimit(requests=3, seconds=60), RateLimit(requests=1, seconds=60, methods=frozenset({"POST"})))
    assert [ask(keeper, way, one) for one in (POST, POST, GET, GET, GET)] == [None, 60, None, None, 60]


def test_a_credential_has_limits_of_its_own(keeper: Limits) -> None:
    limit = RateLimit(requests=1, seconds=60)
    assert [ask(keeper, road(limit)) for _ in range(3)] == [None, None, None]


def test_without_a_limit_nothing_is_asked(keeper: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Database, "doors", None)
    assert ask(keeper, road()) is None


def test_many_at_once_share_one_limit(database: Database, owner_engine: Engine) -> None:
    """By the database's own clock, as processes and nodes do."""
    way, keeper = road(RateLimit(requests=5, seconds=3600)), Limits(database, wait=lambda _: None)
    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(lambda _: ask(keeper, way), range(24), timeout=60))
    assert told.count(None) == 5
    with owner_engine.connect() as connection:
        kept = " ".join(map(str, connection.execute(text("SELECT key, number FROM slots"))))
    assert "fingerprint" not in kept


def test_who_finds_every_slot_taken_while_they_are_made_waits(
    keeper: Limits, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others made them and have them all in hand."""
    way, made = road(RateLimit(requests=1, seconds=60)), limits.MAKE
    monkeypatch.setattr(limits, "MAKE", text("SELECT :key, :now, :requests"))
    keeper_wait = hand.wait

    def wait(seconds: float) -> None:
        monkeypatch.setattr(limits, "MAKE", made)
        keeper_wait(seconds)

    again = Limits(keeper._db, clock=hand, wait=wait)
    assert ask(again, way) is None
    assert hand.waits == [0.01]


def test_a_way_tells_its_credential_by_fingerprints_alone() -> None:
    @dataclass
    class Sealed:
        field: str
        fingerprint: str

    def way(provider: str = "codat", environment: str = "live", **prints: str) -> bytes:
        connection: Any = dataclasses.make_dataclass("C", ["provider"])(provider)
        account: Any = dataclasses.make_dataclass("A", ["environment"])(environment)
        sealed: Any = [Sealed(name, value) for name, value in prints.items()]
        return Way(
            connection=connection, provider=cast("Any", None), account=account, credential={}, sealed=sealed
        ).fingerprint

    assert way(key="a") == way(key="a")
    assert len({way(key="a"), way(key="b"), way("factify", key="a"), way(environment="test", key="a")}) == 4
