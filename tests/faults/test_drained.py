"""Nodes and workers drain what waits, of many organizations and with providers that fail: each once, nobody last."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.faults.oracle import Handed, Oracle
from tests.faults.report import Report
from tests.faults.stream import KIB, KINDS, Kind, hand_in, told_later
from tests.faults.weather import BUSY, LOST_ANSWER, RESET, Weather
from tests.faults.world import World
from tests.relay.house import House
from tests.tenancy import becomes

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("faults"), pytest.mark.timeout(900)]

#: A late tenant's upload begins to be delivered within this.
PROMPT_SECONDS = 2.0


def pause(world: World, houses: Sequence[House], *, paused: bool) -> None:
    """Pause every connection of those, or let them go on."""
    ids = [connection.id for house in houses for connection in house.connections.values()]
    change = (
        "paused_at = clock_timestamp(), paused_because = 'tests'"
        if paused
        else "paused_at = NULL, paused_because = NULL"
    )
    with psycopg.connect(world.owner_url) as connection:
        connection.execute(f"UPDATE connections SET {change} WHERE id = ANY(%s)", [ids])  # noqa: S608


def test_each_once_and_nobody_last(world: World, oracle: Oracle, seed: int, long: bool, report: Report) -> None:
    organizations, uploads = (50, 2000) if long else (4, 24)
    houses, late = [world.house() for _ in range(organizations)], world.house()
    pause(world, [*houses, late], paused=True)
    handed = hand_in_all(houses, uploads, seed)
    assert {one.status for one in handed} == {202}
    small = hand_in(late, small_kind(), random.Random(seed))  # noqa: S311
    kinds = (BUSY, LOST_ANSWER, RESET)
    with Weather(world.sandbox, seed=seed, kinds=kinds, every=1.0 if long else 0.3, most=uploads // 4) as weather:
        began = time.monotonic()
        pause(world, houses, paused=False)
        assert becomes(lambda: delivered(world, houses) >= uploads // 10, 120)
        pause(world, [late], paused=False)
        waited = time_until_taken_up(world, small)
        behind = uploads - delivered(world, houses)
        drained = world.settle([*houses, late], 600 if long else 300)
    took = time.monotonic() - began
    verdict = oracle.judge(told_later(world, [*houses, late], [*handed, small]))
    what = (
        f"{uploads:,} uploads of {organizations} organizations, {len(world.nodes)} nodes, {len(world.workers)} workers"
    )
    report.add("A queue is drained", what, weather.ordered, f"in {took:.0f} s; {verdict.summary}")
    report.add(
        "A queue is drained", "a late small tenant's", 1, f"taken up after {waited:.2f} s, before {behind:,} others"
    )
    assert drained, f"seed {seed}\n{verdict}"
    assert verdict.clean, f"seed {seed}\n{verdict}"
    assert behind > 0
    if long:
        assert waited < PROMPT_SECONDS


def small_kind() -> Kind:
    return Kind(operation="flatfile/file", type="csv", sizes=(3 * KIB,))


def hand_in_all(houses: Sequence[House], count: int, seed: int) -> list[Handed]:
    """So many small ones, in turn for each house and kind."""
    chance = random.Random(seed)  # noqa: S311

    def one(number: int) -> Handed:
        kind = KINDS[(number // len(houses)) % len(KINDS)]
        small = Kind(operation=kind.operation, type=kind.type, sizes=(3 * KIB, 20 * KIB))
        return hand_in(houses[number % len(houses)], small, chance)

    with ThreadPoolExecutor(4) as threads:
        return list(threads.map(one, range(count)))


def delivered(world: World, houses: Sequence[House]) -> int:
    ids = [house.organization.id for house in houses]
    query = "SELECT count(*) FROM uploads WHERE state = 'delivered' AND organization_id = ANY(%s)"
    with psycopg.connect(world.owner_url) as connection:
        row = connection.execute(query, [ids]).fetchone()
    assert row
    return int(row[0])


def time_until_taken_up(world: World, handed: Handed) -> float:
    """Seconds from now until somebody has it in hand, or is done with it."""
    began = time.monotonic()

    def taken_up() -> bool:
        with psycopg.connect(world.owner_url) as connection:
            row = connection.execute("SELECT state FROM uploads WHERE id = %s", [handed.id]).fetchone()
        return row is not None and row[0] != "waiting"

    assert becomes(taken_up, 120)
    return time.monotonic() - began
