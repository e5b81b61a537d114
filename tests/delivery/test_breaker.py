"""The breaker: opens for a provider that fails, for longer and longer, and lets one probe pass at a time."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.database import Database
from app.delivery import breaker
from app.delivery.breaker import CLOSED, FAILURES, FIRST, MOST, PROBE, Position
from app.providers.base import Ending, Outcome
from app.tenants.vault import Vault
from tests.tenancy import Tenant, tenant

NOW = datetime(2026, 11, 21, 14, 5, tzinfo=UTC)
MOMENT = timedelta(milliseconds=1)


class Life(RuleBasedStateMachine):
    """Whatever happens, in whatever order."""

    def __init__(self) -> None:
        super().__init__()
        self.position = CLOSED
        self.now = NOW
        self.in_a_row = 0
        self.opened: datetime | None = None

    @rule(seconds=st.floats(0, 1000))
    def time_passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def somebody_asks(self) -> None:
        before = self.position
        allowed, self.position = before.asked(self.now)
        if before.open_until is None:
            assert allowed
            assert self.position == before
        if allowed and before.open_until is not None:
            assert self.now >= before.open_until
            assert self.position.asked(self.now)[0] is False, "one probe at a time"

    @rule()
    def it_goes_well(self) -> None:
        self.position = self.position.told(self.now, ok=True)
        assert self.position == CLOSED

    @rule()
    def it_fails(self) -> None:
        before = self.position
        self.position = before.told(self.now, ok=False)
        if before.open_until is not None and not before.probing:
            assert self.position == before, "who passed before it opened does not keep it open"

    @precondition(lambda self: self.position.open_until is not None and not self.position.probing)
    @rule()
    def a_probe_fails(self) -> None:
        opened = self.position
        self.now = max(self.now, opened.open_until or self.now)
        allowed, probing = opened.asked(self.now)
        assert allowed
        self.position = probing.told(self.now, ok=False)
        assert self.position.open_until is not None
        pause = self.position.open_until - self.now
        assert pause == min(FIRST * 2 ** min(opened.openings, 16), MOST)

    @invariant()
    def it_is_open_only_after_enough_failures(self) -> None:
        assert (self.position.open_until is not None) == (self.position.failures >= FAILURES)

    @invariant()
    def it_never_stays_shut(self) -> None:
        later = self.now + max(MOST, PROBE)
        assert self.position.asked(later)[0]


TestLife = Life.TestCase


@given(st.lists(st.booleans(), max_size=40))
def test_it_opens_after_so_many_in_a_row_and_not_before(answers: list[bool]) -> None:
    position, row = CLOSED, 0
    for ok in answers:
        position = position.told(NOW, ok=ok)
        row = 0 if ok else row + 1
        assert (position.open_until is not None) == (row >= FAILURES)


@pytest.mark.parametrize(
    ("outcome", "healthy"),
    [
        (Outcome(ending=Ending.DELIVERED), True),
        (Outcome(ending=Ending.FAILED, http_status=422), True),
        (Outcome(ending=Ending.CREDENTIAL, http_status=401), True),
        (Outcome(ending=Ending.RETRY, http_status=503), False),
        (Outcome(ending=Ending.UNKNOWN, http_status=500), False),
        (Outcome(ending=Ending.RETRY, code="connect"), False),
        (Outcome(ending=Ending.UNKNOWN, code="timeout"), False),
        (Outcome(ending=Ending.RETRY, http_status=429), None),
        (Outcome(ending=Ending.FAILED, code="egress"), None),
        (Outcome(ending=Ending.FAILED, code="withdrawn"), None),
        (Outcome(ending=Ending.RETRY, problem="spool-away"), None),
    ],
    ids=lambda value: (
        str(value) if not isinstance(value, Outcome) else f"{value.ending}-{value.http_status or value.code}"
    ),
)
def test_what_an_outcome_says_of_the_provider(outcome: Outcome, healthy: bool | None) -> None:
    assert breaker.health(outcome) is healthy


@pytest.fixture
def mine(database: Database, vault: Vault) -> Tenant:
    return tenant(database, vault, f"b-{secrets.token_hex(4)}")


def fail(database: Database, mine: Tenant, times: int, now: datetime = NOW) -> None:
    for _ in range(times):
        with database.transaction(mine.id) as session:
            breaker.note(session, mine.connection.id, False, now)


def allowed(database: Database, mine: Tenant, now: datetime) -> bool:
    with database.transaction(mine.id) as session:
        return breaker.allows(session, mine.connection.id, now)


def test_it_is_kept_for_all_nodes(database: Database, mine: Tenant) -> None:
    fail(database, mine, FAILURES - 1)
    assert allowed(database, mine, NOW)
    fail(database, mine, 1)
    assert not allowed(database, mine, NOW + FIRST - MOMENT)
    assert allowed(database, mine, NOW + FIRST)
    assert not allowed(database, mine, NOW + FIRST), "there is a probe already"
    fail(database, mine, 1, NOW + FIRST)
    assert not allowed(database, mine, NOW + 3 * FIRST - MOMENT)
    assert allowed(database, mine, NOW + 3 * FIRST)
    with database.transaction(mine.id) as session:
        breaker.note(session, mine.connection.id, True, NOW)
    assert allowed(database, mine, NOW)


def test_what_says_nothing_changes_nothing(database: Database, mine: Tenant) -> None:
    fail(database, mine, FAILURES - 1)
    with database.transaction(mine.id) as session:
        breaker.note(session, mine.connection.id, None, NOW)
    fail(database, mine, 1)
    assert not allowed(database, mine, NOW)


def test_failures_at_the_same_time_are_all_counted(database: Database, mine: Tenant) -> None:
    with ThreadPoolExecutor(FAILURES) as threads:
        list(threads.map(lambda _: fail(database, mine, 1), range(FAILURES)))
    assert not allowed(database, mine, NOW)


def test_of_several_that_ask_at_the_same_time_one_is_the_probe(database: Database, mine: Tenant) -> None:
    fail(database, mine, FAILURES)
    with ThreadPoolExecutor(4) as threads:
        asked = list(threads.map(lambda _: allowed(database, mine, NOW + FIRST), range(4)))
    assert sum(asked) == 1


def test_a_probe_that_nothing_is_heard_of_is_given_up() -> None:
    opened = Position(failures=FAILURES, openings=1, open_until=NOW)
    _, probing = opened.asked(NOW)
    assert not probing.asked(NOW + PROBE - MOMENT)[0]
    assert probing.asked(NOW + PROBE)[0]
    assert replace(probing, probing=False) != opened
