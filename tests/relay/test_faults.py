"""Whatever the provider or the way to it does wrong, with whatever is handed in: each ends in its own state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest

from app.providers import registry
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
    #: Of what is relayed: a look at what the provider holds settles what its answer left open.
    relayed: State
    #: Of what is handed in from memory: a look that finds nothing new proves nothing without an answer.
    direct: State
    #: Status codes of the API's answer.
    answers: frozenset[int]


FAULTS: Final = (
    Fault(
        id="reset",
        order={"action": "reset", "after_bytes": 1000},
        relayed=State.FAILED,
        direct=State.UNKNOWN,
        answers=frozenset({502, 504, 424}),
    ),
    Fault(
        id="stall",
        order={"action": "stall", "after_bytes": 1000},
        relayed=State.FAILED,
        direct=State.UNKNOWN,
        answers=frozenset({502, 504, 424}),
    ),
    Fault(
        id="truncated-answer",
        order={"action": "truncate"},
        relayed=State.DELIVERED,
        direct=State.DELIVERED,
        answers=frozenset({201}),
    ),
    Fault(
        id="dropped-answer",
        order={"action": "drop_answer"},
        relayed=State.DELIVERED,
        direct=State.DELIVERED,
        answers=frozenset({201}),
    ),
    Fault(
        id="429",
        order={"action": "status", "status": 429, "headers": {"Retry-After": "7"}},
        relayed=State.FAILED,
        direct=State.FAILED,
        answers=frozenset({503}),
    ),
    Fault(
        id="500",
        order={"action": "status", "status": 500},
        relayed=State.FAILED,
        direct=State.FAILED,
        answers=frozenset({424, 502}),
    ),
    Fault(
        id="slow",
        order={"action": "delay", "seconds": 0.7},
        relayed=State.DELIVERED,
        direct=State.DELIVERED,
        answers=frozenset({201}),
    ),
)
MATRIX: Final = [(operation, fault) for operation in registry.operations() for fault in FAULTS]


def test_the_matrix_is_whole() -> None:
    assert len(MATRIX) == 9 * 7
    assert {operation.slug for operation, _ in MATRIX} == set(BY_OPERATION)


@pytest.mark.parametrize(
    ("sample", "direct", "fault"),
    [(BY_OPERATION[operation.slug], operation.modes[0] == "direct", fault) for operation, fault in MATRIX],
    ids=[f"{operation.slug}-{fault.id}" for operation, fault in MATRIX],
)
def test_fault(house: House, sample: Sample, direct: bool, fault: Fault) -> None:
    order = {"provider": sample.connection, "method": sample.method, "path": sample.target(house)}
    house.sandbox.fault(**order, **fault.order)
    answer = sample.hand_in(house)
    upload = upload_of(house, answer)
    assert upload["state"] == (fault.direct if direct else fault.relayed), (answer, upload)
    assert answer.status in fault.answers, answer
    if fault.id == "429":
        assert answer.headers["retry-after"] == "7"
    assert house.sandbox.control("GET", "/faults")["faults"] == []
    once = [one for one in sample.arrivals(house) if one["complete"]]
    assert len(once) <= 1


def upload_of(house: House, answer: Answered) -> Any:
    """The record that an answer names."""
    named = answer.body.get("id") or answer.body.get("upload")
    return ask(house, "GET", f"/api/v1/uploads/{named}").body
