"""From the hand-in to the provider: what is answered 202 is delivered once, and its page says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from app.providers import registry
from app.providers.operation import Mode
from tests.queue.conftest import PATIENT_SECONDS, Start
from tests.relay.ending import order
from tests.relay.house import House
from tests.relay.samples import BY_OPERATION, Sample
from tests.relay.sending import ask
from tests.tenancy import becomes

pytestmark = pytest.mark.live

SAMPLES = [BY_OPERATION[one.slug] for one in registry.operations(Mode.DURABLE)]
FAULTS: Mapping[str, Mapping[str, Any]] = {
    "busy": {"action": "status", "status": 429, "headers": {"Retry-After": "1"}},
    "error": {"action": "status", "status": 500},
    "reset": {"action": "reset", "after_bytes": 1000},
}


def hand_in(house: House, sample: Sample) -> str:
    """Hand in what is not delivered at once, of a size of its own; where its outcome stands."""
    file = sample.file((4 << 20) + 1000 * SAMPLES.index(sample))
    with sample.sending(house, file, query="") as sending:
        answer = sending.give().answer()
    assert (answer.status, answer.body["state"]) == (202, "waiting")
    return answer.headers["location"].removeprefix(house.gateway.url)


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_accepted_is_delivered_once(house: House, start: Start, fault: str) -> None:
    places = {}
    for sample in SAMPLES:
        house.sandbox.fault(**order(house, sample), **FAULTS[fault])
        places[sample.operation] = hand_in(house, sample)
    start()

    def told() -> list[dict[str, Any]]:
        return [ask(house, "GET", place).body for place in places.values()]

    assert becomes(lambda: {one["state"] for one in told()} == {"delivered"}, PATIENT_SECONDS), told()
    for one in told():
        ledger = house.sandbox.ledger(one["operation"].partition("/")[0], complete=True)
        taken = [entry for entry in ledger if one["sha256"] in hashes(entry) and entry["status"] < 400]
        assert len(taken) == 1, one["operation"]


def hashes(entry: Mapping[str, Any]) -> set[str]:
    """Of what a request brought."""
    return {entry["sha256"], *(part["sha256"] for part in entry["parts"] or ())}
