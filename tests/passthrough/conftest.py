"""A gateway whose patience is short, in front of every provider, and a token that is let through to them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config import Settings
from app.database import Database
from app.local import processes
from app.local.place import ROOT
from app.tenants.vault import Vault
from tests.passthrough.desk import Desk
from tests.servers import Sandbox, Server, environment_of

#: Long enough for a machine that is busy, short enough to wait for.
PATIENCE = {"CONNECT_SECONDS": "2", "ANSWER_SECONDS": "3", "TOTAL_SECONDS": "12", "DRAIN_SECONDS": "3"}


@pytest.fixture(scope="session")
def stage() -> int:
    """Port of a provider that a test plays by hand."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def passing(place: Path, settings: Settings, stage: int) -> Iterator[Server]:
    """The gateway with the Procfile's settings, which does not wait long for a provider."""
    allowed = (*settings.egress_allow, f"http://127.0.0.1:{stage}")
    command = [*processes.procfile(ROOT / "Procfile")["web"], "--bind", "fd://{fd}"]
    environment = environment_of(settings) | {"PUBLIC_URL": "{url}", "EGRESS_ALLOW": ",".join(allowed), **PATIENCE}
    with Server.running("passing", command, place, environment, ready="/readyz") as server:
        yield server


@pytest.fixture
def desk(passing: Server, sandbox: Sandbox, database: Database, vault: Vault) -> Iterator[Desk]:
    """An organization of this test's own, and nothing on the providers' side that is not its."""
    sandbox.clear()
    yield Desk.build(passing, sandbox, database, vault)
    sandbox.clear()
