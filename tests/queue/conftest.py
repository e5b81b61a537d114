"""An organization whose uploads wait, with a folder for their copies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config import Settings
from app.database import Database
from app.local.postgres import Embedded
from app.tenants.vault import Vault
from tests.queue.waiting import Queue
from tests.servers import Sandbox


@pytest.fixture
def worker(postgres: Embedded) -> Iterator[Database]:
    """The database as a worker sees it."""
    found = Database(postgres.worker_url, pool=10)
    yield found
    found.dispose()


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
