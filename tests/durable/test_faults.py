"""Whatever the provider or the way to it does wrong with what is kept: what is not delivered waits, whole."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pytest

from app.providers import registry
from app.providers.operation import Mode
from app.records.states import State
from tests.durable.shelf import Shelves
from tests.relay.ending import order
from tests.relay.house import House
from tests.relay.samples import BY_OPERATION, Sample
from tests.relay.test_faults import FAULTS, Fault

pytestmark = pytest.mark.live

#: What comes of each fault: a look shows what had arrived, and what had not is tried again.
STATES: Final = {
    "reset": State.WAITING,
    "stall": State.WAITING,
    "truncated-answer": State.DELIVERED,
    "dropped-answer": State.DELIVERED,
    "429": State.WAITING,
    "500": State.WAITING,
    "slow": State.DELIVERED,
}
MATRIX: Final = [(BY_OPERATION[one.slug], fault) for one in registry.operations(Mode.DURABLE) for fault in FAULTS]


def test_the_matrix_is_whole() -> None:
    assert {fault.id for fault in FAULTS} == STATES.keys()
    assert len(MATRIX) == 5 * 7


@pytest.mark.parametrize(("sample", "fault"), MATRIX, ids=[f"{one.operation}-{fault.id}" for one, fault in MATRIX])
def test_fault(house: House, shelves: Shelves, sample: Sample, fault: Fault) -> None:
    house.sandbox.fault(**order(house, sample), **fault.order)
    content = sample.file()[2]
    filename, content_type, _ = sample.file(100)
    with sample.sending(house, (filename, content_type, content), query="") as sending:
        answer = sending.give().answer()
    upload, delivered = shelves.upload(), STATES[fault.id] is State.DELIVERED
    (attempt,) = shelves.tried(upload)
    assert upload.state is STATES[fault.id], (answer, attempt.outcome)
    assert answer.status == (201 if delivered else 202)
    assert house.sandbox.control("GET", "/faults")["faults"] == []
    assert shelves.is_empty() if delivered else shelves.keeps(upload, content)
    assert attempt.outcome == ("delivered" if delivered else "retry")
    whole = len(sample.arrivals(house, complete=True))
    assert whole == (1 if delivered or fault.complete else 0)
    if fault.id == "429":
        assert upload.due_at is not None
        assert upload.due_at - upload.updated_at >= timedelta(seconds=7)
