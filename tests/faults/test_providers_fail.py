"""Whatever a provider does wrong with a hand-in that is durable: it is there once in the end, or nobody says it is."""

from __future__ import annotations

import random
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest

from tests.faults.handing import DURABLE, KIB, MIB, Kind, hand_in
from tests.faults.oracle import Handed, Oracle
from tests.faults.report import Report
from tests.faults.stream import told_later
from tests.faults.weather import BROKEN, BUSY, LOST_ANSWER, RESET
from tests.faults.world import World
from tests.relay.house import House
from tests.relay.samples import BY_OPERATION

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

FAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "reset": RESET,
    "stall": {"action": "stall", "after_bytes": 1000},
    "truncated answer": {"action": "truncate"},
    "dropped answer": LOST_ANSWER,
    "429": BUSY,
    "500": BROKEN,
    "slow answer": {"action": "delay", "seconds": 1.0},
}
#: What the short form tries: an answer that was lost is what doubles.
SHORT: Final = ("dropped answer", "reset")
SIZES: Final = (4 * KIB, 3 * MIB)


def test_each_is_there_once(world: World, oracle: Oracle, seed: int, long: bool, report: Report) -> None:
    faults = {name: fault for name, fault in FAULTS.items() if long or name in SHORT}
    sizes = SIZES if long else SIZES[:1]
    connections = list(dict.fromkeys(kind.connection for kind in DURABLE))
    houses = [world.house() for _ in connections]

    def all_of(connection: str, house: House) -> dict[tuple[str, str], list[Handed]]:
        """One after the other: a fault takes the next that comes to its provider."""
        return {
            (kind.operation, name): [_with(kind, house, fault, size) for size in sizes]
            for kind in DURABLE
            for name, fault in faults.items()
            if kind.connection == connection
        }

    def _with(kind: Kind, house: House, fault: Mapping[str, Any], size: int) -> Handed:
        sample = BY_OPERATION[kind.operation]
        method, path = (
            ("POST", "/documents")
            if kind.connection == "formkiq" and size < MIB  # the content comes with the record
            else (sample.method, sample.target(house))
        )
        world.sandbox.fault(provider=kind.connection, method=method, path=path, **fault)
        chance = random.Random(f"{seed} {kind.operation} {size}")  # noqa: S311
        return hand_in(house, Kind(operation=kind.operation, type=kind.type, sizes=(size,)), chance)

    with ThreadPoolExecutor(len(connections)) as threads:
        done = [one for found in threads.map(all_of, connections, houses) for one in found.items()]
    world.sandbox.control("DELETE", "/faults")
    rested = world.settle(houses, 300)
    handed = told_later(world, houses, [one for _, several in done for one in several])
    verdict = oracle.judge(handed)
    by_hash = {one.sha256: one for one in handed}
    for (operation, name), several in done:
        ends = ", ".join(f"told {one.status}, then {by_hash[one.sha256].told or 'nothing'}" for one in several)
        report.add("Providers that fail", f"{operation}: {name}", len(several), ends)
    report.judge("providers fail, one hand-in at a time", len(handed), verdict)
    assert rested, f"seed {seed}\n{verdict}"
    assert verdict.clean, f"seed {seed}\n{verdict}"
    assert {one.told for one in handed} <= {"delivered", "unknown"}, verdict
