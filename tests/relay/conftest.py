"""A gateway whose patience is short, in front of every provider."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.database import Database
from app.tenants.vault import Vault
from tests.relay.house import House
from tests.servers import Sandbox, Server


@pytest.fixture
def house(brisk: Server, sandbox: Sandbox, database: Database, vault: Vault) -> Iterator[House]:
    """An organization of this test's own, and nothing on the providers' side that is not its."""
    sandbox.clear()
    yield House.build(brisk, sandbox, database, vault)
    sandbox.clear()
