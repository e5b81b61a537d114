"""The table of states, as the design has it, and a record that never leaves it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.database import Database
from app.records import audit, uploads
from app.records.models import Upload
from app.records.states import BEGINNINGS, MOVING, TRANSITIONS, IllegalTransition, State, check
from tests.tenancy import NOW, Tenant

STATES = st.sampled_from(State)

#: As the design writes it.
TABLE = """
receiving → delivering | waiting | failed | rejected | cancelled
delivering → delivered | failed | waiting | unknown | rejected | cancelled
waiting → delivering | delivered | failed | unknown | cancelled
unknown → delivered | waiting | failed
failed → waiting
"""


def test_the_table_is_the_designs() -> None:
    written = {
        before.strip(): {after.strip() for after in afters.split("|")}
        for before, afters in (line.split("→") for line in TABLE.strip().splitlines())
    }
    assert {before: afters for before, afters in TRANSITIONS.items() if afters} == written
    assert set(TRANSITIONS) == set(State)


def test_what_is_delivered_rejected_or_cancelled_stays_so() -> None:
    assert {state for state, afters in TRANSITIONS.items() if not afters} == {"delivered", "rejected", "cancelled"}


@given(before=st.none() | STATES, after=STATES)
def test_a_transition_is_in_the_table_or_raises(before: State | None, after: State) -> None:
    if after in (TRANSITIONS[before] if before else BEGINNINGS):
        check(before, after)
    else:
        with pytest.raises(IllegalTransition, match=f"^{before or 'nothing'} -> {after}$"):
            check(before, after)


def test_nothing_begins_as_if_the_provider_had_answered() -> None:
    assert {State.DELIVERED, State.UNKNOWN, State.WAITING}.isdisjoint(BEGINNINGS)


def test_from_where_a_process_has_it_every_end_can_be_reached() -> None:
    """The sweeper can end whatever a dead process left."""
    for state in MOVING:
        assert State.FAILED in TRANSITIONS[state]
    assert State.UNKNOWN in TRANSITIONS[State.DELIVERING]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(walk=st.lists(STATES, max_size=6))
def test_any_walk_keeps_record_and_audit_in_step(
    database: Database, mine: Tenant, begin: Callable[..., Upload], walk: list[State]
) -> None:
    """Whatever is asked for: states change as the table says, each change has its entry, a refusal none."""
    with database.transaction(mine.id) as session:
        upload = begin(session, State.RECEIVING)
        expected = [State.RECEIVING]
        for step, wanted in enumerate(walk):
            now = NOW + timedelta(seconds=step + 1)
            if wanted in TRANSITIONS[expected[-1]]:
                assert uploads.move(session, upload, wanted, actor="tests", now=now).state is wanted
                expected.append(wanted)
            else:
                with pytest.raises(IllegalTransition):
                    uploads.move(session, upload, wanted, actor="tests", now=now)
        assert uploads.get(session, upload.id).state is expected[-1]
        entries = [entry.action for entry in reversed(audit.listing(session, subject=upload))]
        assert entries == [f"upload.{state}" for state in expected]


def test_the_database_knows_no_other_state(database: Database, mine: Tenant) -> None:
    with pytest.raises(Exception, match="ck_uploads_state"), database.transaction(mine.id) as session:
        session.execute(text("UPDATE uploads SET state = 'lost'"))
