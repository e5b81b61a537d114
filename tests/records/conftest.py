"""An organization whose uploads the tests make."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from app.database import Database
from app.records import uploads
from app.records.models import Upload
from app.records.states import State
from app.tenants.vault import Vault
from tests.tenancy import NOW, Tenant, tenant


@pytest.fixture(scope="module")
def mine(database: Database, vault: Vault) -> Tenant:
    return tenant(database, vault, f"mine-{secrets.token_hex(4)}")


@pytest.fixture
def session(database: Database, mine: Tenant) -> Iterator[Session]:
    """A transaction of the organization."""
    with database.transaction(mine.id) as session:
        yield session


@pytest.fixture
def begin(mine: Tenant) -> Callable[..., Upload]:
    """Begins an upload of the organization."""

    def begin(session: Session, state: State = State.DELIVERING, **given: Any) -> Upload:
        usual: dict[str, Any] = {
            "organization_id": mine.id,
            "connection_id": mine.connection.id,
            "operation": "facturapi/certificate",
            "mode": "direct",
            "process_id": uuid4(),
            "actor": "tests",
            "now": NOW,
        }
        return uploads.begin(session, state=state, **usual | given)

    return begin
