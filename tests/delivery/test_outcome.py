"""The table of outcomes, row by row."""

from __future__ import annotations

import pytest

from app.delivery.outcome import AT_ONCE, LOOKED, SPOOLED, Consequence, consequence
from app.providers.base import Ending
from app.providers.operation import Mode
from app.records.states import BEGINNINGS, TRANSITIONS, State


@pytest.mark.parametrize(
    ("ending", "state", "uses_link", "pauses", "rejects"),
    [
        (Ending.DELIVERED, State.DELIVERED, True, False, False),
        (Ending.FAILED, State.FAILED, False, False, False),
        (Ending.REJECTED, State.REJECTED, False, False, True),
        (Ending.CREDENTIAL, State.FAILED, False, True, False),
        (Ending.RETRY, State.FAILED, False, False, False),
        (Ending.UNKNOWN, State.UNKNOWN, True, False, False),
    ],
)
@pytest.mark.parametrize("mode", [Mode.DIRECT, Mode.RELAY])
def test_without_a_spool(
    ending: Ending, state: State, uses_link: bool, pauses: bool, rejects: bool, mode: Mode
) -> None:
    assert consequence(ending, mode) == Consequence(state=state, uses_link=uses_link, pauses=pauses, rejects=rejects)


@pytest.mark.parametrize("ending", Ending)
def test_with_one_only_what_may_get_better_waits(ending: Ending) -> None:
    waits = consequence(ending, Mode.DURABLE).state is State.WAITING
    assert waits == (ending in {Ending.RETRY, Ending.CREDENTIAL, Ending.UNKNOWN})
    assert consequence(ending, Mode.DURABLE).pauses == consequence(ending, Mode.RELAY).pauses


@pytest.mark.parametrize(("ending", "state"), [(Ending.DELIVERED, State.DELIVERED), (Ending.FAILED, State.FAILED)])
def test_a_later_look_settles_what_it_saw(ending: Ending, state: State) -> None:
    assert LOOKED[ending].state is state
    assert LOOKED[ending].uses_link == (state is State.DELIVERED)


@pytest.mark.parametrize("ending", [Ending.UNKNOWN, Ending.RETRY, Ending.CREDENTIAL, Ending.REJECTED])
def test_and_leaves_what_it_did_not(ending: Ending) -> None:
    assert LOOKED[ending].state is State.UNKNOWN
    assert LOOKED[ending].pauses == (ending is Ending.CREDENTIAL)


def test_every_ending_has_its_row_and_every_state_can_be_reached() -> None:
    for table in (AT_ONCE, SPOOLED, LOOKED):
        assert set(table) == set(Ending)
    assert {row.state for row in (*AT_ONCE.values(), *SPOOLED.values())} <= TRANSITIONS[State.DELIVERING]
    assert {row.state for row in LOOKED.values()} <= TRANSITIONS[State.UNKNOWN] | {State.UNKNOWN}
    unmarked = {AT_ONCE[ending].state for ending in Ending if ending not in {Ending.DELIVERED, Ending.UNKNOWN}}
    assert unmarked <= BEGINNINGS
