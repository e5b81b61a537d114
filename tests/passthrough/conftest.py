"""A gateway whose patience is short, in front of every provider, and a token that is let through to them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.database import Database
from app.tenants.vault import Vault
from tests.passthrough.desk import Desk
from tests.servers import Sandbox, Server


@pytest.fixture
def desk(brisk: Server, sandbox: Sandbox, database: Database, vault: Vault) -> Iterator[Desk]:
    """An organization of this test's own, and nothing on the providers' side that is not its."""
    sandbox.clear()
    yield Desk.build(brisk, sandbox, database, vault)
    sandbox.clear()
