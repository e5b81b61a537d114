"""Processes are killed under a stream of uploads, at every step of the journey and whenever it happens."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import pytest

from tests.faults.oracle import Oracle
from tests.faults.points import POINTS, Point, Role
from tests.faults.report import Report
from tests.faults.stream import Stream, told_later
from tests.faults.weather import Weather
from tests.faults.world import World
from tests.tenancy import becomes

#: Longest until each point was reached once: what a dead process had in hand is found only after its silence.
WAVE_SECONDS: Final = 150.0
#: Longest wait for something to be accepted between two kills.
PEACE_SECONDS: Final = 10.0
#: The short form waits no longer than this for the points in a worker; those of a node it has to reach.
SHORT_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordeal:
    """How often each point is hit, and how many processes are killed without looking."""

    id: str
    waves: int = 0
    kills: int = 0


ORDEALS: Final = (
    (Ordeal(id="at-points", waves=5), Ordeal(id="at-random", kills=200))
    if os.environ.get("FAULTS") == "long"
    else (Ordeal(id="short", waves=1, kills=4),)
)
#: Who is killed, and how often beside the others.
VICTIMS: Final[Mapping[str, tuple[int, Callable[[World, random.Random], None]]]] = {
    "one process of a node": (4, lambda world, chance: chance.choice(world.nodes).kill_one(chance.randrange(9))),
    "a node": (2, lambda world, chance: chance.choice(world.nodes).kill()),
    "a worker": (3, lambda world, chance: chance.choice(world.workers).kill()),
    "a session of PostgreSQL": (1, lambda world, chance: world.kill_backend(chance.randrange(99))),
    "PostgreSQL": (1, lambda world, _: world.kill_postgres()),
    "everything": (1, lambda world, _: kill_all(world)),
}


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_a_point_is_in_the_gateway(point: Point) -> None:
    assert callable(point.resolve())


def test_a_point_whose_function_is_gone_is_noticed() -> None:
    with pytest.raises(AttributeError):
        Point(name="x", function="app.delivery.journal:Journal.gone", at=POINTS[0].at).resolve()


@pytest.mark.live
@pytest.mark.xdist_group("faults")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("ordeal", ORDEALS, ids=lambda ordeal: ordeal.id)
def test_killed(world: World, oracle: Oracle, seed: int, long: bool, report: Report, ordeal: Ordeal) -> None:
    chance = random.Random(f"{seed} {ordeal.id}")  # noqa: S311 - the same again by the same seed
    houses = [world.house() for _ in range(3)]
    hits: dict[str, int] = {}
    with (
        Stream(world, houses, seed=seed, gap=0.1 if long else 0.02) as stream,
        Weather(world.sandbox, seed=seed, every=0.3),
    ):
        for _ in range(ordeal.waves):
            for name, times in wave(world, chance, WAVE_SECONDS if long else SHORT_SECONDS).items():
                hits[name] = hits.get(name, 0) + times
        killed = kill_at_random(world, chance, ordeal.kills, stream)
    world.revive()
    world.wait_ready()
    rested = world.settle(houses, 300)
    verdict = oracle.judge(told_later(world, houses, stream.handed))
    for name, times in hits.items():
        report.add("Killed at a named point", name, times, "hit")
    for name, times in killed.items():
        report.add("Killed whenever it was", name, times, "killed")
    report.add("What was seen of it", ordeal.id, sum(hits.values()) + sum(killed.values()), verdict.summary)
    assert rested, f"seed {seed}\n{verdict}"
    assert verdict.clean, f"seed {seed}\n{verdict}"
    if long and ordeal.waves:
        assert {name for name, times in hits.items() if times >= ordeal.waves} == {point.name for point in POINTS}


def wave(world: World, chance: random.Random, seconds: float) -> dict[str, int]:
    """Have somebody die at every point once, in the order in which they come there; how often it was.

    After so many seconds points in a worker are waited for no longer.
    """
    before = {point.name: world.hits(point.name) for point in POINTS}
    for point in POINTS:
        world.order(point.name, chance.randrange(3) if point.often else 0)
    until = time.monotonic() + seconds

    def missing() -> set[str]:
        world.revive()
        wanted = (point for point in POINTS if point.role is Role.WEB or time.monotonic() < until)
        return {point.name for point in wanted if world.hits(point.name) == before[point.name]}

    reached = becomes(lambda: not missing(), WAVE_SECONDS)
    world.withdraw()
    assert reached, f"not reached: {missing()}"
    return {name: times - before[name] for name in before if (times := world.hits(name)) > before[name]}


def kill_at_random(world: World, chance: random.Random, times: int, stream: Stream) -> dict[str, int]:
    """Kill so many, and start them again; how often each was it. In between something is accepted, if it can be."""
    killed: dict[str, int] = {}
    for _ in range(times):
        before = stream.accepted
        becomes(lambda before=before: stream.accepted > before, PEACE_SECONDS)  # type: ignore[misc]
        time.sleep(chance.uniform(0.1, 1.2))  # whenever it is: nothing is waited for
        (name,) = chance.choices(list(VICTIMS), [weight for weight, _ in VICTIMS.values()])
        VICTIMS[name][1](world, chance)
        killed[name] = killed.get(name, 0) + 1
        world.revive()
    return killed


def kill_all(world: World) -> None:
    """Everything but the providers, at once."""
    world.kill_postgres()
    for member in world.members:
        member.kill()
