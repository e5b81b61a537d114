"""Whatever the provider or the way to it does wrong, with whatever is handed in: each ends in its own state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest

from app.local.processes import wait_until
from app.providers import registry
from app.providers.operation import MIB
from app.records.states import State
from tests.relay.house import House
from tests.relay.samples import BY_OPERATION, Sample
from tests.relay.sending import Answered, ask

pytestmark = pytest.mark.live


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with the request that hands in, and the state in which that leaves the upload."""

    id: str
    order: Mapping[str, Any]
    #: Where not all of it could be handed to the network, or a look at what the provider holds settles the rest.
    state: State
    #: Where all was handed over before it went wrong: a look that finds nothing new proves nothing without an answer.
    handed_over: State
    #: Status codes of the API's answer.
    answers: frozenset[int]
    #: The provider has had the whole request although nothing was delivered.
    complete: bool = False


FAULTS: Final = (
    Fault(
        id="reset",
        order={"action": "reset", "after_bytes": 1000},
        state=State.FAILED,
        handed_over=State.UNKNOWN,
        answers=frozenset({502, 504, 424}),
    ),
    Fault(
        id="stall",
        order={"action": "stall", "after_bytes": 1000},
        state=State.FAILED,
        handed_over=State.UNKNOWN,
        answers=frozenset({502, 504, 424}),
    ),
    Fault(
        id="truncated-answer",
        order={"action": "truncate"},
        state=State.DELIVERED,
        handed_over=State.DELIVERED,
        answers=frozenset({201}),
    ),
    Fault(
        id="dropped-answer",
        order={"action": "drop_answer"},
        state=State.DELIVERED,
        handed_over=State.DELIVERED,
        answers=frozenset({201}),
    ),
    Fault(
        id="429",
        order={"action": "status", "status": 429, "headers": {"Retry-After": "7"}},
        state=State.FAILED,
        handed_over=State.FAILED,
        answers=frozenset({503}),
        complete=True,
    ),
    Fault(
        id="500",
        order={"action": "status", "status": 500},
        state=State.FAILED,
        handed_over=State.FAILED,
        answers=frozenset({424, 502}),
        complete=True,
    ),
    Fault(
        id="slow",
        order={"action": "delay", "seconds": 0.7},
        state=State.DELIVERED,
        handed_over=State.DELIVERED,
        answers=frozenset({201}),
    ),
)
MATRIX: Final = [(operation, fault) for operation in registry.operations() for fault in FAULTS]


def test_the_matrix_is_whole() -> None:
    assert len(MATRIX) == 9 * 7
    assert {operation.slug for operation, _ in MATRIX} == set(BY_OPERATION)


@pytest.mark.parametrize(
    ("sample", "fault"),
    [(BY_OPERATION[operation.slug], fault) for operation, fault in MATRIX],
    ids=[f"{operation.slug}-{fault.id}" for operation, fault in MATRIX],
)
def test_fault(house: House, sample: Sample, fault: Fault) -> None:
    order = {"provider": sample.connection, "method": sample.method, "path": sample.target(house)}
    house.sandbox.fault(**order, **fault.order)
    answer = in_two_halves(house, sample) if fault.id == "reset" and sample.streams else sample.hand_in(house)
    # What is small is all in the network's hands before a provider that reads no more can be noticed.
    handed_over = not sample.streams or (fault.id == "stall" and sample.size < MIB)
    upload = upload_of(house, answer)
    assert upload["state"] == (fault.handed_over if handed_over else fault.state), (answer, upload)
    assert answer.status in fault.answers, answer
    if fault.id == "429":
        assert answer.headers["retry-after"] == "7"
    assert house.sandbox.control("GET", "/faults")["faults"] == []
    whole = len(sample.arrivals(house, complete=True))
    assert whole == 1 if upload["state"] == "delivered" or fault.complete else whole == 0 or not sample.streams


def in_two_halves(house: House, sample: Sample) -> Answered:
    """Give the second half when the provider has been reset by the first."""
    with sample.sending(house) as sending:
        sending.give_share(0.5)
        assert wait_until(lambda: any(one["bytes"] >= 1000 for one in sample.arrivals(house)), 10.0)
        return sending.give().answer()


def upload_of(house: House, answer: Answered) -> Any:
    """The record that an answer names."""
    named = answer.body.get("id") or answer.body.get("upload")
    return ask(house, "GET", f"/api/v1/uploads/{named}").body
