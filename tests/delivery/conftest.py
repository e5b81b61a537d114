"""A tenant whose connection leads to the sandbox's Facturapi, and a house that lends."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.config import Settings
from app.database import HOUSE, Database
from app.delivery.http import Http
from app.intake.spool import Spool
from app.intake.spool.local import Folder
from app.tenants import connections, organizations
from app.tenants.models import Connection, Environment
from app.tenants.vault import Vault
from tests.delivery.tenant import Tenant
from tests.servers import Sandbox


@pytest.fixture
def tenant(database: Database, vault: Vault, settings: Settings, sandbox: Sandbox, tmp_path: Path) -> Iterator[Tenant]:
    sandbox.clear()
    account, key = secrets.token_hex(12), f"sk_live_{secrets.token_hex(16)}"
    sandbox.seed(facturapi={"organizations": [{"id": account, "name": "Kemper", "live_keys": [key]}]})
    slug = f"t-{secrets.token_hex(6)}"
    organization = organizations.add(database, slug=slug, name="Kemper", rfc="EKU9003173C9", locale="es")
    with database.transaction(organization.id) as session:
        connection = connections.add(
            session,
            vault,
            organization_id=organization.id,
            provider="facturapi",
            name="facturapi",
            environment=Environment.SANDBOX,
            settings={"organization_id": account},
            credential={"key": SecretStr(key)},
        )
    made = Tenant(
        database=database,
        vault=vault,
        spool=Spool(Folder(tmp_path / "spool")),
        sandbox=sandbox,
        settings=settings,
        organization=organization,
        connection=connection,
        account=account,
        key=key,
    )
    yield made
    for deliverer in made.deliverers:
        deliverer.close()


@pytest.fixture
def house(database: Database, vault: Vault, sandbox: Sandbox) -> Connection:
    """A house connection with an account's key that the sandbox knows."""
    key = f"sk_user_{secrets.token_hex(16)}"
    sandbox.seed(facturapi={"user_keys": [key]})
    with database.transaction(HOUSE) as session:
        return connections.add(
            session,
            vault,
            organization_id=None,
            provider="facturapi",
            name=f"house-{secrets.token_hex(6)}",
            environment=Environment.SANDBOX,
            settings={},
            credential={"key": SecretStr(key)},
        )


@pytest.fixture
def opened() -> Iterator[list[Http]]:
    """Sessions that are closed at the end."""
    made: list[Http] = []
    yield made
    for one in made:
        one.close()
