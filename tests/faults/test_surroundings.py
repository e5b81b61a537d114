"""What the gateway stands on gives way: its disk, its database, its clock. It says so, and nothing is lost."""

from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import psutil
import pytest

from tests.faults.handing import DURABLE, KIB, MIB, Kind, hand_in
from tests.faults.oracle import Handed, Oracle, Verdict, files_below
from tests.faults.report import Report
from tests.faults.stream import Stream, told_later
from tests.faults.weather import HAND_INS
from tests.faults.world import World
from tests.intake.spool.gate import Asked, Cut, Fault, Gate, nothing, serving
from tests.relay.house import House
from tests.tenancy import becomes

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

SECTION: Final = "What the gateway stands on"
BUCKET: Final = "copies"
#: Of the disk that is filled.
DISK_BYTES: Final = 24 * MIB
#: Why it is not tried beside the other tests.
LONG_ONLY: Final = "takes minutes: `make faults` runs it"


def settled(world: World, oracle: Oracle, houses: Sequence[House], handed: Sequence[Handed]) -> Verdict:
    """What became of everything, once it came to rest."""
    rested = world.settle(list(houses), 300)
    verdict = oracle.judge(told_later(world, houses, handed))
    assert rested, verdict
    assert verdict.clean, verdict
    return verdict


def statuses(handed: Sequence[Handed]) -> str:
    """What clients were told, counted."""
    counted = Counter(str(one.status or "nothing") for one in handed)
    return ", ".join(f"{count} × {status}" for status, count in sorted(counted.items()))


@pytest.fixture
def small_disk(long: bool) -> Iterator[Path]:
    """A disk that is soon full."""
    if not long:
        pytest.skip(LONG_ONLY)
    folder = Path(tempfile.mkdtemp(prefix="ventanilla-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        folder.rmdir()
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
    folder.rmdir()


@pytest.fixture
def world_on_it(small_disk: Path) -> Iterator[World]:
    """A world whose spool lies there."""
    folder = Path(tempfile.mkdtemp(prefix="ventanilla-faults-"))
    with World.running(folder, each=1, spool=str(small_disk), environment={"SPOOL_HIGH_WATER": "1.0"}) as world:
        yield world
    shutil.rmtree(folder)


def test_a_full_disk_is_refused_and_what_was_taken_arrives(
    world_on_it: World, small_disk: Path, seed: int, report: Report
) -> None:
    world, house, chance = world_on_it, world_on_it.house(), random.Random(seed)  # noqa: S311
    oracle = Oracle(database_url=world.owner_url, sandbox_url=world.sandbox.url, objects=files_below(small_disk))
    for where in HAND_INS:
        world.sandbox.fault(**where, action="status", status=429, headers={"Retry-After": "600"}, times=1000)
    large = Kind(operation="flatfile/file", type="csv", sizes=(3 * MIB,))
    handed = [hand_in(house, large, chance) for _ in range(DISK_BYTES // (3 * MIB) + 3)]
    told = {one.status for one in handed}
    assert 507 in told, statuses(handed)
    assert told <= {202, 507}, statuses(handed)
    world.sandbox.control("DELETE", "/faults")
    world.ahead(700)
    verdict = settled(world, oracle, [house], handed)
    report.judge("the spool's disk is full", 1, verdict)
    report.add(SECTION, "the spool's disk is full", 1, f"told {statuses(handed)}")
    assert verdict.states["delivered"] == sum(one.status == 202 for one in handed)
    assert hand_in(house, large, chance).status == 201, "there is room again"


@pytest.fixture
def gate(long: bool, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """A server of buckets, and the environment that says where it is."""
    if not long:
        pytest.skip(LONG_ONLY)
    with serving() as gate:
        gate.make(BUCKET)
        for name, value in {
            "AWS_ENDPOINT": gate.url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "hunter2-of-the-bucket",
        }.items():
            monkeypatch.setenv(name, value)
        yield gate


@pytest.fixture
def world_on_bucket(gate: Gate) -> Iterator[World]:
    """A world whose spool is a bucket."""
    del gate  # whose address is in the environment
    folder = Path(tempfile.mkdtemp(prefix="ventanilla-faults-"))
    with World.running(folder, each=1, spool=f"s3://{BUCKET}/copies") as world:
        yield world
    shutil.rmtree(folder)


def cut(asked: Asked) -> None:
    """Break every connection to the bucket."""
    raise Cut(asked.what)


def test_a_bucket_that_refuses_is_told_and_what_was_taken_arrives(
    world_on_bucket: World, gate: Gate, seed: int, report: Report
) -> None:
    world, houses = world_on_bucket, [world_on_bucket.house() for _ in range(2)]
    oracle = Oracle(
        database_url=world.owner_url, sandbox_url=world.sandbox.url, objects=lambda: gate.objects(BUCKET).keys()
    )
    kinds = [replace(kind, sizes=(3 * KIB, 40 * KIB)) for kind in DURABLE]
    handed: list[Handed] = []

    def hand_in_some(count: int) -> list[Handed]:
        def one(number: int) -> Handed:
            chance = random.Random(f"{seed} {number}")  # noqa: S311
            return hand_in(chance.choice(houses), chance.choice(kinds), chance)

        with ThreadPoolExecutor(4) as threads:
            return list(threads.map(one, range(len(handed), len(handed) + count)))

    faults: dict[str, Fault] = {"refuses": lambda _: 503, "cuts off": cut}
    for name, fault in faults.items():
        handed += hand_in_some(12)
        gate.fault = fault
        refused = hand_in_some(4)
        gate.fault = nothing
        report.add(SECTION, f"the spool's bucket {name}", 1, f"told {statuses(refused)}")
        assert {one.status for one in refused} == {503}, statuses(refused)
        handed += refused
    handed += hand_in_some(12)
    verdict = settled(world, oracle, houses, handed)
    report.judge("the spool's bucket refuses, and cuts off", 2, verdict)
    assert verdict.accepted == 36, statuses(handed)


def gone(world: World) -> None:
    """Let the database be away for a while."""
    world.kill_postgres()
    threading.Event().wait(20)
    world.revive()


def jump(seconds: float) -> Callable[[World], None]:
    """Let the clock be another, all of a sudden."""

    def jumps(world: World) -> None:
        threading.Event().wait(1)
        world.ahead(seconds)
        threading.Event().wait(1)

    return jumps


def asleep(which: str) -> Callable[[World], None]:
    """Let processes stand still for longer than the others believe them to be alive, and then go on."""

    def sleeps(world: World) -> None:
        members = world.nodes[:1] if which == "node" else world.workers[:1]
        stopped = [one for member in members for one in _family(member.child)]
        for one in stopped:
            one.suspend()
        threading.Event().wait(16)
        for one in stopped:
            one.resume()

    return sleeps


def _family(child: Any) -> list[psutil.Process]:
    first = psutil.Process(child.process.pid)
    return [*first.children(recursive=True), first]


HAPPENINGS: Final[Mapping[str, Callable[[World], None]]] = {
    "the database is gone for a while": gone,
    "the clock jumps forward by an hour": jump(3600),
    "the clock jumps back by half an hour": jump(-1800),
    "a node's processes stand still for 16 s": asleep("node"),
    "a worker stands still for 16 s": asleep("worker"),
}


@pytest.mark.parametrize("what", HAPPENINGS)
def test_nothing_is_lost(world: World, oracle: Oracle, seed: int, long: bool, report: Report, what: str) -> None:
    if not long:
        pytest.skip(LONG_ONLY)
    houses = [world.house() for _ in range(2)]
    with Stream(world, houses, seed=seed) as stream:
        HAPPENINGS[what](world)
        world.wait_ready()
        before = stream.accepted
        assert becomes(lambda: stream.accepted >= before + 10, 180), "nothing is handed in any more"
    verdict = settled(world, oracle, houses, stream.handed)
    report.judge(what, 1, verdict)
    report.add(SECTION, what, 1, f"told {statuses(stream.handed)}")
