"""When to try again: later and later, within bounds, and never before the provider said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.delivery import backoff

NOW = datetime(2026, 11, 21, 14, 5, tzinfo=UTC)
TRIES = st.integers(1, 10_000)
CHANCES = st.floats(0, 1, exclude_max=True)


@given(tries=TRIES, chance=CHANCES)
def test_full_jitter_is_spread_over_a_pause_that_doubles(tries: int, chance: float) -> None:
    pause = backoff.due(NOW, tries, chance=lambda: chance) - NOW
    longest = min(backoff.FIRST * 2 ** min(tries - 1, 30), backoff.MOST)
    assert timedelta() <= pause <= longest
    assert abs(pause - longest * chance) < timedelta(milliseconds=1)


@given(tries=TRIES, chance=CHANCES, asked=st.floats(0, 10_000_000))
def test_what_a_provider_asks_for_is_waited_for_within_bounds(tries: int, chance: float, asked: float) -> None:
    due = backoff.due(NOW, tries, asked, chance=lambda: chance)
    assert due - NOW >= min(timedelta(seconds=asked), backoff.LONGEST_ASKED)
    assert due - NOW <= backoff.LONGEST_ASKED + backoff.MOST


def test_chance_is_drawn_where_none_is_given() -> None:
    assert len({backoff.due(NOW, 8) for _ in range(10)}) > 1
