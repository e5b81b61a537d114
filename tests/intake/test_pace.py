from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from app.config import Settings
from app.intake.errors import TooSlow
from app.intake.pace import Deadlines, Pace, PacedSocket
from tests.watch import Watch

DEADLINES = Deadlines(idle=20.0, minimum_rate=100, grace=5.0)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        yield ours, theirs


def wait(pace: Pace, watch: Watch, seconds: float) -> float:
    """Wait for so long; the seconds that there were for it."""
    with pace.waiting() as patience:
        watch.now += seconds
    return patience


def test_a_silent_client_has_the_grace(watch: Watch) -> None:
    pace = Pace(DEADLINES, watch)
    assert wait(pace, watch, 4.0) == 5.0
    assert wait(pace, watch, 1.0) == 1.0
    with pytest.raises(TooSlow):
        wait(pace, watch, 0.0)


def test_only_waiting_for_the_client_takes_of_its_time(watch: Watch) -> None:
    pace = Pace(DEADLINES, watch)
    assert wait(pace, watch, 1.0) == 5.0
    watch.now += 1000.0
    assert wait(pace, watch, 0.0) == 4.0


def test_each_byte_pays_in_time_at_the_minimum_rate(watch: Watch) -> None:
    pace = Pace(DEADLINES, watch)
    pace.arrived(300)
    assert wait(pace, watch, 0.0) == 8.0


def test_a_client_at_the_minimum_rate_may_go_on_for_ever(watch: Watch) -> None:
    pace = Pace(DEADLINES, watch)
    for _ in range(10_000):
        assert wait(pace, watch, 1.0) > 0
        pace.arrived(100)


def test_a_client_below_the_minimum_rate_may_not(watch: Watch) -> None:
    pace = Pace(DEADLINES, watch)
    with pytest.raises(TooSlow):
        for _ in range(60):
            wait(pace, watch, 1.0)
            pace.arrived(90)
    assert 40 <= watch.now - 1000.0 <= 51  # the grace of 5 s, and what 90 bytes pay each second


def test_nobody_is_waited_for_longer_than_the_idle_time_however_much_came_before(watch: Watch) -> None:
    pace = Pace(DEADLINES, watch)
    pace.arrived(1 << 30)
    assert wait(pace, watch, 20.0) == 20.0
    with pytest.raises(TooSlow):
        wait(pace, watch, 0.0)


def test_bytes_sent_fast_do_not_pay_for_dribbling(watch: Watch) -> None:
    pace = Pace(DEADLINES, watch)
    pace.arrived(1 << 30)
    wait(pace, watch, 19.0)
    pace.arrived(1)
    assert wait(pace, watch, 0.0) == pytest.approx(1.01)


def test_a_grace_longer_than_the_idle_time_is_kept(watch: Watch) -> None:
    pace = Pace(Deadlines(idle=2.0, minimum_rate=100, grace=5.0), watch)
    assert wait(pace, watch, 2.0) == 2.0
    pace.arrived(1)
    assert wait(pace, watch, 2.0) == 2.0
    pace.arrived(1)
    assert wait(pace, watch, 0.0) == pytest.approx(1.02)


def test_deadlines_come_from_the_settings() -> None:
    settings = Settings.model_construct(
        idle_seconds=1.0, minimum_rate=2, rate_grace_seconds=3.0, drain_bytes=4, drain_seconds=6.0
    )
    assert Deadlines.from_settings(settings) == Deadlines(
        idle=1.0, minimum_rate=2, grace=3.0, drain_bytes=4, drain_seconds=6.0
    )


def test_the_defaults_are_those_of_the_settings() -> None:
    defaults = {name: field.default for name, field in Settings.model_fields.items() if not field.is_required()}
    assert Deadlines.from_settings(Settings.model_construct(**defaults)) == Deadlines()


def test_what_is_there_is_received_even_too_late(pair: tuple[socket.socket, socket.socket], watch: Watch) -> None:
    ours, theirs = pair
    theirs.sendall(b"hello")
    pace = Pace(DEADLINES, watch)
    wait(pace, watch, 6.0)
    assert PacedSocket(ours, pace).recv(3) == b"hel"
    pace.arrived(97)
    with pytest.raises(TooSlow):
        wait(pace, watch, 0.0)


def test_what_comes_meanwhile_is_received(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    sending = threading.Timer(0.02, theirs.sendall, (b"hello",))
    sending.start()
    assert PacedSocket(ours, Pace(DEADLINES)).recv(9) == b"hello"
    sending.join()


def test_a_wait_ends(pair: tuple[socket.socket, socket.socket]) -> None:
    with pytest.raises(TooSlow) as caught:
        PacedSocket(pair[0], Pace(Deadlines(idle=0.01))).recv(1)
    assert caught.value.__context__ is None


def test_no_wait_begins_when_the_time_is_over(pair: tuple[socket.socket, socket.socket], watch: Watch) -> None:
    pace = Pace(DEADLINES, watch)
    wait(pace, watch, 6.0)
    with pytest.raises(TooSlow):
        PacedSocket(pair[0], pace).recv(1)
