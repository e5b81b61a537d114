"""When a connection was last used, and by what it last came to nothing."""

from __future__ import annotations

import secrets
from datetime import timedelta

import pytest

from app.database import Database
from app.records import attempts, in_use, uploads
from app.records.in_use import Use
from app.records.models import Attempt, Upload
from app.records.states import State
from app.tenants.vault import Vault
from tests.tenancy import NOW, Tenant, tenant

HOUR = timedelta(hours=1)


@pytest.fixture
def mine(database: Database, vault: Vault) -> Tenant:
    """Its connection has one attempt, which has not ended."""
    return tenant(database, vault, f"t-{secrets.token_hex(6)}")


def tried(database: Database, mine: Tenant, outcome: str, *, hours: int, **told: object) -> None:
    """Let another upload be tried, so many hours later."""
    now = NOW + hours * HOUR
    with database.transaction(mine.id) as session:
        upload = uploads.begin(
            session,
            organization_id=mine.id,
            connection_id=mine.connection.id,
            operation="facturapi/certificate",
            mode="direct",
            state=State.DELIVERING,
            process_id=mine.upload.process_id,
            actor="tests",
            now=now,
        )
        attempt = attempts.start(session, upload, process_id=mine.upload.process_id, now=now)
        attempts.end(session, attempt, outcome=outcome, now=now, **told)


def used(database: Database, mine: Tenant) -> Use:
    with database.overview() as session:
        return in_use.use(session, mine.connection.id)


def test_never(database: Database, mine: Tenant) -> None:
    with database.transaction(mine.id) as session:
        session.query(Attempt).update({"outcome": "delivered"})
    assert used(database, mine) == Use(last_used_at=NOW, last_failure=None, failing=False)


def test_the_last_failure_in_the_providers_words(database: Database, mine: Tenant) -> None:
    tried(database, mine, "failed", hours=1, problem="provider-refused", http_status=400, code="x", message="no")
    tried(database, mine, "retry", hours=2, problem="provider-unreachable")
    found = used(database, mine)
    assert (found.last_used_at, found.failing) == (NOW + 2 * HOUR, True)
    assert found.last_failure
    assert (found.last_failure.problem, found.last_failure.message) == ("provider-unreachable", None)
    tried(database, mine, "delivered", hours=3)
    found = used(database, mine)
    assert (found.last_used_at, found.failing) == (NOW + 3 * HOUR, False)
    assert found.last_failure
    assert found.last_failure.at == NOW + 2 * HOUR


def test_no_more_uploads_are_looked_at_than_those(
    database: Database, mine: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_use, "LOOKED_AT", 1)
    tried(database, mine, "failed", hours=1)
    tried(database, mine, "delivered", hours=2)
    assert used(database, mine).last_failure is None
    with database.transaction(mine.id) as session:
        assert session.query(Upload).count() == 3
