"""An organization in front of a gateway on a socket, for what the pages show of calls."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.database import Database
from app.tenants.vault import Vault
from tests.relay.house import House
from tests.servers import Sandbox, Server


@pytest.fixture
def house(gateway: Server, sandbox: Sandbox, database: Database, vault: Vault) -> Iterator[House]:
    sandbox.clear()
    yield House.build(gateway, sandbox, database, vault)
    sandbox.clear()
