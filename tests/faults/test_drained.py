"""Nodes and workers drain what waits, of many organizations and with providers that fail: each once, nobody last."""

from __future__ import annotations

import random
import time
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest

from app.database import utcnow
from app.delivery import retrying
from app.tenants.models import Connection
from tests.faults.handing import DURABLE, KIB, Kind, hand_in
from tests.faults.oracle import Handed, Oracle
from tests.faults.report import Report
from tests.faults.stream import told_later
from tests.faults.weather import BUSY, LOST_ANSWER, RESET, Weather
from tests.faults.world import World
from tests.relay.house import House
from tests.tenancy import becomes

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

#: A late tenant's upload begins to be delivered within this.
PROMPT_SECONDS = 2.0
#: How much of the rest is done when they come.
LATE = (0.1, 0.25, 0.4, 0.55, 0.7)


def pause(world: World, houses: Sequence[House]) -> None:
    """Pause every connection of those."""
    ids = [connection.id for house in houses for connection in house.connections.values()]
    with psycopg.connect(world.owner_url) as connection:
        connection.execute(
            "UPDATE connections SET paused_at = clock_timestamp(), paused_because = 'tests' WHERE id = ANY(%s)", [ids]
        )


def resume(world: World, house: House, providers: Collection[str]) -> None:
    """Let connections go on, as a person does it."""
    with world.database.transaction(house.organization.id) as session:
        for provider in providers:
            connection = session.get_one(Connection, house.connections[provider].id)
            assert retrying.resume(session, connection, utcnow())


def test_each_once_and_nobody_last(world: World, oracle: Oracle, seed: int, long: bool, report: Report) -> None:
    organizations, uploads = (50, 2000) if long else (4, 24)
    houses = [world.house() for _ in range(organizations)]
    late = [world.house() for _ in (LATE if long else LATE[:1])]
    pause(world, [*houses, *late])
    for worker in world.workers:
        worker.kill()  # as long as there is nothing for them to do
    handed = hand_in_all(houses, uploads, seed)
    small = [hand_in(house, SMALL, random.Random(seed)) for house in late]  # noqa: S311
    assert {one.status for one in (*handed, *small)} == {202}
    kinds = (BUSY, LOST_ANSWER, RESET)
    waits, behind = [], []
    with Weather(world.sandbox, seed=seed, kinds=kinds, every=1.0 if long else 0.3, most=uploads // 4) as weather:
        world.revive()
        began = time.monotonic()
        for house in houses:
            resume(world, house, {kind.connection for kind in DURABLE})
        for house, one, share in zip(late, small, LATE, strict=False):
            assert becomes(lambda share=share: delivered(world, houses) >= uploads * share, 300)  # type: ignore[misc]
            resume(world, house, {SMALL.connection})
            waits.append(time_until_taken_up(world, one))
            behind.append(uploads - delivered(world, houses))
        drained = world.settle([*houses, *late], 600 if long else 300)
    took = time.monotonic() - began
    verdict = oracle.judge(told_later(world, [*houses, *late], [*handed, *small]))
    what = (
        f"{uploads:,} uploads of {organizations} organizations, {len(world.nodes)} nodes, {len(world.workers)} workers"
    )
    report.judge(f"providers fail while a queue is drained: {what}", weather.ordered, verdict)
    report.add("A queue is drained", "all that fails while it is", weather.ordered, f"drained in {took:.0f} s")
    for seconds, others in zip(waits, behind, strict=True):
        seen = f"taken up after {seconds:.2f} s, before {others:,} others"
        report.add("A queue is drained", "a late small tenant's", 1, seen)
    assert drained, f"seed {seed}\n{verdict}"
    assert verdict.clean, f"seed {seed}\n{verdict}"
    assert behind[0] > 0
    if long:
        assert max(waits) < PROMPT_SECONDS


SMALL = Kind(operation="flatfile/file", type="csv", sizes=(3 * KIB,))


def hand_in_all(houses: Sequence[House], count: int, seed: int) -> list[Handed]:
    """So many small ones, in turn for each house and kind."""
    chance = random.Random(seed)  # noqa: S311

    def one(number: int) -> Handed:
        kind = DURABLE[(number // len(houses)) % len(DURABLE)]
        small = replace(kind, sizes=(3 * KIB, 20 * KIB))
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
