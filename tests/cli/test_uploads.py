"""`flask upload`: what an operator can do about one."""

from __future__ import annotations

import secrets

import pytest

from app.database import Database
from app.records import uploads
from app.records.states import State
from app.tenants.vault import Vault
from tests.cli.conftest import Run
from tests.tenancy import NOW, Tenant, tenant


@pytest.fixture
def mine(database: Database, vault: Vault) -> Tenant:
    return tenant(database, vault, f"mine-{secrets.token_hex(4)}")


def test_what_is_under_way_is_cancelled_once(run: Run, database: Database, mine: Tenant) -> None:
    slug, upload_id = mine.organization.slug, str(mine.upload.id)
    assert run("upload", "cancel", slug, upload_id).output == "Cancelled.\n"
    with database.transaction(mine.id) as session:
        assert uploads.get(session, mine.upload.id).state == "cancelled"
    again = run("upload", "cancel", slug, upload_id)
    assert (again.exit_code, "nothing to cancel" in again.output) == (1, True)


def test_what_may_be_there_is_not(run: Run, database: Database, mine: Tenant) -> None:
    with database.transaction(mine.id) as session:
        session.merge(mine.attempt).completing_at = NOW
    done = run("upload", "cancel", mine.organization.slug, str(mine.upload.id))
    assert (done.exit_code, "may be at the provider" in done.output) == (1, True)
    with database.transaction(mine.id) as session:
        assert uploads.get(session, mine.upload.id).state is State.DELIVERING


def test_what_is_anothers_is_nothing(run: Run, acme: str, mine: Tenant) -> None:
    assert "has no such upload" in run("upload", "cancel", acme, str(mine.upload.id)).output
