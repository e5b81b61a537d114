"""A gateway that keeps copies in a folder of its own, and lets a provider go after a second."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.config import Settings
from app.database import Database
from app.intake.spool import Spool
from app.intake.spool.local import Folder
from app.tenants.vault import Vault
from tests.durable.shelf import Shelves
from tests.relay.house import House
from tests.servers import Sandbox, Server, running_gateway

#: Nothing but the grace ends what takes long.
PATIENCE = {"ANSWER_SECONDS": "50", "TOTAL_SECONDS": "50", "PROVIDER_GRACE_SECONDS": "1"}


@contextmanager
def keeping(name: str, place: Path, settings: Settings, **more: str) -> Iterator[Server]:
    """The gateway with the Procfile's settings, and a spool below its place."""
    own = {"SPOOL_URL": str(place / f"{name}.spool"), **PATIENCE, **more}
    with running_gateway(name, place, settings, **own) as server:
        yield server


@pytest.fixture(scope="session")
def patient(place: Path, settings: Settings) -> Iterator[Server]:
    with keeping("patient", place, settings) as server:
        yield server


@pytest.fixture(scope="session")
def cramped(place: Path, settings: Settings) -> Iterator[Server]:
    """One whose spool holds a megabyte."""
    with keeping("cramped", place, settings, SPOOL_QUOTA_BYTES="1000000") as server:
        yield server


@pytest.fixture
def house(patient: Server, sandbox: Sandbox, database: Database, vault: Vault) -> Iterator[House]:
    """An organization of this test's own, and nothing on the providers' side that is not its."""
    sandbox.clear()
    yield House.build(patient, sandbox, database, vault)
    sandbox.clear()


@pytest.fixture
def shelves(place: Path, house: House, vault: Vault) -> Shelves:
    """What the spool holds of the house's uploads."""
    return Shelves(house=house, vault=vault, spool=Spool(Folder(place / "patient.spool")))
