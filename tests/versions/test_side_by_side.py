"""Two releases work side by side, while tables are brought up and the master key is rotated; nothing is lost by it."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from app.database import Database, migrate
from app.records import rotation
from app.records.rotation import NotKnown
from app.tenants.keyset import KeysetFile
from tests.faults.handing import DURABLE, RELAYED_AND_DIRECT, RESUMABLE
from tests.faults.oracle import Oracle, files_below
from tests.faults.stream import Stream, told_later
from tests.faults.world import READY_SECONDS, Member, World
from tests.tenancy import becomes
from tests.versions import former

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

#: So much is accepted in each part.
ENOUGH = 6
PART_SECONDS = 120.0
#: Longest that a process that was told to end may have something in hand.
END_SECONDS = 90.0


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="ventanilla-versions-"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def world(folder: Path) -> Iterator[World]:
    (folder / "world").mkdir()
    with World.running(folder / "world", each=1) as world:
        yield world


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Where the second node is."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        yield listener


def end(members: Sequence[Member]) -> None:
    """Tell them to end, as a deployment does, and wait until they have."""
    for member in members:
        assert member.child
        member.child.process.terminate()
    for member in members:
        assert member.child
        member.child.process.wait(END_SECONDS)


def join(world: World, node: Member, *workers: Member) -> None:
    """Start them, and let clients come to the node once it is ready."""
    for member in (node, *workers):
        member.start()
    ready(node)
    world.nodes.append(node)
    world.workers.extend(workers)


def leave(world: World, node: Member, *workers: Member) -> None:
    """Let nobody come to the node any more, and end them."""
    world.nodes.remove(node)
    for worker in workers:
        world.workers.remove(worker)
    end([node, *workers])


def ready(node: Member) -> None:
    """Return when it answers and can work."""
    assert becomes(lambda: node.server.answers("/readyz"), READY_SECONDS), node.log.read_text()[-5000:]


def accepted(stream: Stream) -> None:
    """Return when more was accepted."""
    enough = stream.accepted + ENOUGH
    assert becomes(lambda: stream.accepted >= enough, PART_SECONDS)


def test_two_releases_side_by_side(folder: Path, world: World, listener: socket.socket) -> None:
    code = former.unpack(folder / "former")
    houses = [world.house() for _ in range(2)]
    (new_node,), (new_worker,) = world.nodes, world.workers
    second_node = former.another(new_node, "node-1", listener)
    old_node = former.of_code(second_node, code)
    old_worker = former.of_code(former.another(new_worker, "worker-1"), code)
    end(world.members)
    former.back_to_former(world.postgres.owner_url)
    world.nodes[:], world.workers[:] = [old_node], [old_worker]
    world.revive()
    world.wait_ready()
    kinds = (*DURABLE, *RESUMABLE, *RELAYED_AND_DIRECT)
    owner = Database(world.postgres.owner_url, pool=2)
    keyset = KeysetFile(path=world.folder / "keyset.json")
    before = keyset.read()
    with Stream(world, houses, seed=8, clients=3, kinds=kinds) as stream:
        accepted(stream)
        migrate(world.postgres.owner_url)
        accepted(stream)  # the former release, on this one's tables

        join(world, new_node, new_worker)
        accepted(stream)

        running = rotation.rotate(keyset, owner, actor="cli:tests", patience=3)
        assert next(running).what == "added"
        with pytest.raises(NotKnown) as caught:
            next(running)
        assert {one.keys for one in caught.value.missing} == {()}, "the former release does not say which keys it knows"

        leave(world, new_node, new_worker)  # back to the former release, which is all that it takes
        accepted(stream)

        join(world, new_node, new_worker)
        leave(world, old_node, old_worker)
        join(world, second_node)
        accepted(stream)

        steps = [step.what for step in rotation.rotate(keyset, owner, actor="cli:tests", patience=PART_SECONDS)]
        assert steps == ["promoted", "rewrapped", "retired"]
        accepted(stream)
    owner.dispose()
    assert world.settle(houses, 120)
    oracle = Oracle(database_url=world.owner_url, sandbox_url=world.sandbox.url, objects=files_below(world.spool))
    verdict = oracle.judge(told_later(world, houses, stream.handed))
    assert verdict.clean, str(verdict)
    assert verdict.accepted >= 6 * ENOUGH
    assert not set(before.numbers) & set(keyset.read().numbers)
