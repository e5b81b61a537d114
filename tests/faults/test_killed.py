"""Processes are killed under a stream of uploads, at every step of the journey and whenever it happens."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

import pytest

from tests.faults.handing import DURABLE, RELAYED_AND_DIRECT, RESUMABLE, Kind
from tests.faults.oracle import Oracle
from tests.faults.points import POINTS, UNKEPT, Point, Role
from tests.faults.report import Report
from tests.faults.stream import Stream, told_later
from tests.faults.weather import BUSY, LOST_ANSWER, Weather
from tests.faults.world import World
from tests.tenancy import becomes

#: Longest wait for a point to be reached, and for all of those in a worker at a wave's end: what a dead process had in
#: hand is found only after its silence.
POINT_SECONDS, WAVE_SECONDS = 60.0, 90.0
#: Between two kills so many are accepted. Where it takes longer than that, the next one comes without.
ACCEPTED_BETWEEN, PEACE_SECONDS = 2, 30.0
LONG: Final = os.environ.get("FAULTS") == "long"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordeal:
    """How often each of which points is hit, how many processes are killed without looking, and what is handed in."""

    id: str
    waves: int = 0
    kills: int = 0
    points: tuple[Point, ...] = POINTS
    #: No kill more after that: the run is bounded, and says how far it came.
    seconds: float = 330.0
    kinds: tuple[Kind, ...] = (*DURABLE, *RESUMABLE)


#: What the short form tries: what comes before and after the mark, in a node and in a worker.
FEW: Final = frozenset({"mark-not-committed", "mark-committed", "worker-claimed", "worker-mark-committed"})
ORDEALS: Final = (
    (
        Ordeal(id="with a copy, at every point", waves=5, seconds=480.0),
        Ordeal(
            id="without a copy, at every point",
            waves=5,
            seconds=100.0,
            points=tuple(point for point in POINTS if point.name in UNKEPT),
            kinds=RELAYED_AND_DIRECT,
        ),
        Ordeal(
            id="of all kinds, at random",
            kills=200,
            seconds=480.0,
            kinds=(*DURABLE, *RESUMABLE, *RELAYED_AND_DIRECT),
        ),
    )
    if LONG
    else (Ordeal(id="short", waves=1, kills=3, points=tuple(point for point in POINTS if point.name in FEW)),)
)
#: Who is killed, and how often beside the others.
VICTIMS: Final[Mapping[str, tuple[int, Callable[[World, random.Random], None]]]] = {
    "one process of a node": (6, lambda world, chance: chance.choice(world.nodes).kill_one(chance.randrange(9))),
    "a worker": (4, lambda world, chance: chance.choice(world.workers).kill()),
    "a node": (2, lambda world, chance: chance.choice(world.nodes).kill()),
    "a session of PostgreSQL": (2, lambda world, chance: world.kill_backend(chance.randrange(99))),
    "PostgreSQL": (2, lambda world, _: world.kill_postgres()),
    "everything": (1, lambda world, _: kill_all(world)),
}


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_a_point_is_in_the_gateway(point: Point) -> None:
    assert callable(point.resolve())


def test_a_point_whose_function_is_gone_is_noticed() -> None:
    with pytest.raises(AttributeError):
        Point(name="x", function="app.delivery.journal:Journal.gone", at=POINTS[0].at).resolve()


@pytest.mark.live
@pytest.mark.timeout(900)
@pytest.mark.parametrize("ordeal", ORDEALS, ids=lambda ordeal: ordeal.id)
def test_killed(world: World, oracle: Oracle, seed: int, long: bool, report: Report, ordeal: Ordeal) -> None:
    chance = random.Random(f"{seed} {ordeal.id}")  # noqa: S311 - the same again by the same seed
    houses = [world.house() for _ in range(3)]
    hits: Counter[str] = Counter()
    with (
        Stream(world, houses, seed=seed, kinds=ordeal.kinds) as stream,
        Weather(world.sandbox, seed=seed, kinds=(BUSY, BUSY, LOST_ANSWER), every=0.3),
    ):
        until = time.monotonic() + ordeal.seconds
        for _ in range(ordeal.waves):
            hits += wave(world, chance, stream, ordeal.points, until)
        killed = kill_at_random(world, chance, stream, ordeal.kills, until)
        world.revive()  # before the stream ends: who goes on with a file waits for a node that is there
    world.wait_ready()
    rested = world.settle(houses, 300)
    verdict = oracle.judge(told_later(world, houses, stream.handed))
    for name, times in hits.items():
        report.add(f"Killed at a named point ({ordeal.id})", name, times, "")
    for name, times in killed.items():
        report.add(f"Killed whenever it was ({ordeal.id})", name, times, "")
    report.judge(f"killed {ordeal.id}", hits.total() + killed.total(), verdict)
    assert rested, f"seed {seed}\n{verdict}"
    assert verdict.clean, f"seed {seed}\n{verdict}"
    assert {point.name: hits[point.name] for point in ordeal.points if hits[point.name] < ordeal.waves} == {}
    assert killed.total() == ordeal.kills
    if long:
        assert verdict.accepted > hits.total() + killed.total(), "there was too little to lose"


def wave(world: World, chance: random.Random, stream: Stream, points: Sequence[Point], until: float) -> Counter[str]:
    """Have somebody die at every point once, and let something be accepted in between; how often it was.

    A node's points are taken one by one. A worker's are ordered beside them, and waited for at the end.
    """
    before = Counter({point.name: world.hits(point.name) for point in points})

    def missing(*wanted: Point) -> set[str]:
        world.revive()
        return {point.name for point in wanted if world.hits(point.name) == before[point.name]}

    def reached(seconds: float, *wanted: Point) -> bool:
        return becomes(lambda: not missing(*wanted), min(seconds, until - time.monotonic()))

    in_node, in_worker = ([point for point in points if point.role is role] for role in Role)
    for one, other in zip_longest(in_node, in_worker):
        peace(world, stream)
        for point in (one, other):
            if point is not None:
                world.order(point.name, chance.randrange(3) if point.often else 0)
        if one is not None:
            reached(POINT_SECONDS, one)
        if time.monotonic() > until:
            break
    reached(WAVE_SECONDS, *points)
    world.withdraw()
    return Counter({point.name: world.hits(point.name) for point in points}) - before


def kill_at_random(world: World, chance: random.Random, stream: Stream, times: int, until: float) -> Counter[str]:
    """Kill so many, and start them again; how often each was it. In between something is accepted."""
    killed: Counter[str] = Counter()
    while killed.total() < times and time.monotonic() < until:
        peace(world, stream)
        time.sleep(chance.uniform(0.0, 0.3))  # whenever it is: nothing is waited for
        (name,) = chance.choices(list(VICTIMS), [weight for weight, _ in VICTIMS.values()])
        VICTIMS[name][1](world, chance)
        killed[name] += 1
    return killed


def peace(world: World, stream: Stream) -> None:
    """Start what is dead, and wait until something was accepted since."""
    enough = stream.accepted + ACCEPTED_BETWEEN

    def accepted() -> bool:
        world.revive()
        return stream.accepted >= enough

    becomes(accepted, PEACE_SECONDS)


def kill_all(world: World) -> None:
    """Everything but the providers, at once."""
    world.kill_postgres()
    for member in world.members:
        member.kill()
