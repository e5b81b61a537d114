"""An organization whose uploads wait, with a folder for their copies."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.config import Settings
from app.database import Database
from app.local import processes
from app.local.place import ROOT
from app.records.models import Process
from app.records.processes import DEAD_AFTER
from app.tenants.vault import Vault
from tests.queue.waiting import NOWHERE, Queue
from tests.relay.house import House
from tests.servers import Sandbox, Server, environment_of
from tests.tenancy import becomes

Start = Callable[[], processes.Child]

#: Longer than any wait here takes, on a machine that has much else to do.
PATIENT_SECONDS = 60.0


@pytest.fixture
def waiting(
    clean: None,
    database: Database,
    worker: Database,
    vault: Vault,
    sandbox: Sandbox,
    settings: Settings,
    tmp_path: Path,
) -> Iterator[Queue]:
    """Whose uploads wait, in a queue in which there is nothing else."""
    sandbox.clear()
    made = Queue.build(database, worker, vault, sandbox, settings, tmp_path / "spool")
    yield made
    for redeliverer in made.redeliverers:
        redeliverer.close()
    sandbox.clear()


def own(waiting: Queue) -> dict[str, str]:
    """What processes are told that share the queue's spool."""
    allowed = ",".join((*waiting.settings.egress_allow, NOWHERE))
    return {"SPOOL_URL": str(waiting.folder), "EGRESS_ALLOW": allowed, "CONNECT_SECONDS": "2"}


def alive(waiting: Queue) -> int:
    with waiting.worker.doors() as session:
        count = select(func.count()).select_from(Process)
        return session.scalar(count.where(Process.kind == "worker", Process.beat_at > func.now() - DEAD_AFTER)) or 0


@pytest.fixture
def start(waiting: Queue, place: Path) -> Iterator[Start]:
    """Starts workers as the Procfile does, each in a folder of its own, and waits until one is at work."""
    children: list[tuple[processes.Child, Path]] = []
    environment = environment_of(waiting.settings) | own(waiting)

    def start() -> processes.Child:
        folder = place / f"worker-{secrets.token_hex(4)}"
        folder.mkdir()
        before = alive(waiting)
        command = processes.procfile(ROOT / "Procfile")["worker"]
        with (folder / "worker.log").open("wb") as log:
            child = processes.start("worker", command, folder, environment, output=log)
        children.append((child, folder))
        assert becomes(lambda: alive(waiting) > before, PATIENT_SECONDS), (folder / "worker.log").read_text()
        return child

    yield start
    for child, folder in children:
        processes.stop([child], folder)


@pytest.fixture
def house(waiting: Queue, place: Path, sandbox: Sandbox, database: Database, vault: Vault) -> Iterator[House]:
    """An organization that hands in through a gateway, which keeps copies in the same spool."""
    command = [*processes.procfile(ROOT / "Procfile")["web"], "--bind", "fd://{fd}"]
    environment = environment_of(waiting.settings) | own(waiting) | {"PUBLIC_URL": "{url}"}
    name = f"web-{secrets.token_hex(4)}"
    with Server.running(name, command, place, environment, ready="/readyz") as server:
        yield House.build(server, sandbox, database, vault)
