"""Every wait for a provider ends, by a clock that the test sets."""

from __future__ import annotations

import pytest

from app.config import Settings
from app.delivery.deadlines import LEAST, Deadlines, Exchange
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
