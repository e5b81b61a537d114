"""Every wait for a provider ends, by a clock that the test sets."""

from __future__ import annotations

import pytest

from app.config import Settings
from app.delivery.deadlines import LEAST, Deadlines, Exchange
from app.delivery.errors import HeldUp, TookTooLong
from tests.watch import Watch

DEADLINES = Deadlines(connect=5.0, answer=30.0, total=60.0)


@pytest.fixture
def exchange(watch: Watch) -> Exchange:
    return Exchange(deadlines=DEADLINES, until=1060.0, clock=watch)


def test_deadlines_come_from_the_settings() -> None:
    settings = Settings.model_construct(connect_seconds=1.0, answer_seconds=2.0, total_seconds=3.0)
    assert Deadlines.from_settings(settings) == Deadlines(connect=1.0, answer=2.0, total=3.0)


def test_the_defaults_are_those_of_the_settings() -> None:
    defaults = {name: field.default for name, field in Settings.model_fields.items() if not field.is_required()}
    assert Deadlines.from_settings(Settings.model_construct(**defaults)) == Deadlines()


def test_a_connection_comes_about_in_its_time(exchange: Exchange, watch: Watch) -> None:
    watch.now += 4.0
    assert exchange.patience() == 1.0
    watch.now += 1.0
    with pytest.raises(TimeoutError):
        exchange.patience()


def test_each_byte_that_is_sent_has_the_answers_time_anew(exchange: Exchange, watch: Watch) -> None:
    exchange.connected = True
    watch.now += 10.0
    assert exchange.patience() == 30.0


def test_an_answer_has_one_time_for_all_of_it(exchange: Exchange, watch: Watch) -> None:
    exchange.connected = True
    watch.now += 10.0
    exchange.answering()
    watch.now += 29.0
    assert exchange.patience() == 1.0
    watch.now += 1.0
    with pytest.raises(TimeoutError):
        exchange.patience()


def test_nothing_lasts_longer_than_the_whole_delivery(exchange: Exchange, watch: Watch) -> None:
    exchange.connected = True
    watch.now += 59.0
    assert exchange.patience() == 1.0
    watch.now += 1.0
    with pytest.raises(TimeoutError):
        exchange.patience()


def test_a_last_moment_is_not_taken_for_no_waiting(exchange: Exchange, watch: Watch) -> None:
    watch.now += 5.0 - LEAST / 10
    assert exchange.patience() == LEAST


def test_a_wait_that_ran_out_is_remembered_and_another_fault_is_not(exchange: Exchange) -> None:
    with pytest.raises(ConnectionResetError), exchange.waiting():
        raise ConnectionResetError
    assert exchange.late is False
    with pytest.raises(TimeoutError), exchange.waiting() as seconds:
        assert seconds == 5.0
        raise TimeoutError
    assert exchange.late is True


# A file that is sent while it arrives


@pytest.fixture
def streaming(watch: Watch) -> Exchange:
    exchange = Exchange(deadlines=Deadlines(answer=100.0), until=1060.0, clock=watch, streams=True)
    exchange.connected = True
    return exchange


@pytest.mark.parametrize(("provider", "refusal"), [(30.0, TookTooLong), (30.5, HeldUp)])
def test_who_was_waited_for_more_took_too_long(
    streaming: Exchange, watch: Watch, provider: float, refusal: type[TookTooLong]
) -> None:
    with streaming.waiting():
        watch.now += provider
    watch.now += 59.9 - provider
    streaming.go_on()
    watch.now += 0.1
    with pytest.raises(TookTooLong) as caught:
        streaming.go_on()
    assert type(caught.value) is refusal


def test_a_wait_that_all_of_the_time_ends_in_is_the_providers(streaming: Exchange, watch: Watch) -> None:
    with pytest.raises(HeldUp), streaming.waiting() as seconds:
        watch.now += seconds
        raise TimeoutError
    assert watch.now == 1060.0


def test_one_that_is_too_long_by_itself_is_a_timeout(streaming: Exchange, watch: Watch) -> None:
    streaming.until = 2000.0
    with pytest.raises(TimeoutError), streaming.waiting() as seconds:
        watch.now += seconds
        raise TimeoutError
    assert watch.now == 1100.0


def test_without_a_connection_nothing_was_on_its_way(streaming: Exchange, watch: Watch) -> None:
    streaming.connected = False
    with pytest.raises(TimeoutError), streaming.waiting():
        watch.now += 100.0
        raise TimeoutError


def test_the_answer_to_it_has_its_own_time(streaming: Exchange, watch: Watch) -> None:
    watch.now += 59.0
    streaming.answering()
    watch.now += 99.0
    streaming.go_on()
    assert streaming.patience() == 1.0


def test_what_was_whole_before_it_left_has_no_such_end(exchange: Exchange, watch: Watch) -> None:
    watch.now += 60.0
    exchange.go_on()


# A provider that is let go, because a copy is kept


def spared(watch: Watch, **more: float) -> Exchange:
    deadlines = Deadlines(answer=30.0, total=3600.0, grace=10.0, rate=1000)
    return Exchange(deadlines=deadlines, until=watch() + 3600.0, clock=watch, streams=True, connected=True, **more)  # type: ignore[arg-type]


def test_a_provider_that_takes_nothing_has_its_grace_and_no_more(watch: Watch) -> None:
    exchange = spared(watch)
    with exchange.waiting() as seconds:
        assert seconds == 10.0
        watch.now += 6.0
    with exchange.waiting() as seconds:
        assert seconds == 4.0
        watch.now += 4.0
    with pytest.raises(TimeoutError), exchange.waiting():
        pass
    assert exchange.late


def test_bytes_that_it_took_pay_for_its_time_up_to_the_grace(watch: Watch) -> None:
    exchange = spared(watch)
    with exchange.waiting():
        watch.now += 9.0
    exchange.took(3000)
    assert exchange.patience() == 4.0
    exchange.took(1_000_000)
    assert exchange.patience() == 10.0


def test_time_in_which_nobody_waits_for_it_costs_it_nothing(watch: Watch) -> None:
    exchange = spared(watch)
    watch.now += 600.0
    assert exchange.patience() == 10.0


def test_its_answer_has_its_own_time(watch: Watch) -> None:
    exchange = spared(watch)
    with exchange.waiting():
        watch.now += 9.0
    exchange.answering()
    assert exchange.patience() == 30.0


def test_it_is_let_go_where_others_would_be_held_up_and_a_client_still_takes_too_long(watch: Watch) -> None:
    held, idle = spared(watch), spared(watch)
    for _ in range(1000):
        with held.waiting():
            watch.now += 3.0
        held.took(100_000)
    watch.now += 600.0
    with pytest.raises(TimeoutError):
        held.go_on()
    assert held.late
    with pytest.raises(TookTooLong):
        idle.go_on()


def test_what_a_file_waits_behind_is_hurried_only_where_a_copy_is_kept() -> None:
    assert DEADLINES.hurried is DEADLINES
    assert Deadlines(answer=30.0, grace=10.0).hurried.answer == 10.0
    assert Deadlines(answer=3.0, grace=10.0).hurried.answer == 3.0
