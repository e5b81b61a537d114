"""Certificates that end soon: those in use, by what was delivered last through each connection."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.database import Database
from app.records import certificates, uploads
from app.records.states import State
from app.tenants.vault import Vault
from tests.tenancy import NOW, Tenant, tenant

SOON, LATER, PAST = (datetime(*date, tzinfo=UTC) for date in ((2026, 12, 1), (2029, 1, 1), (2026, 11, 1)))
MONTH = timedelta(days=30)

Deliver = Callable[..., None]


@pytest.fixture
def mine(database: Database, vault: Vault) -> Tenant:
    return tenant(database, vault, f"t-{secrets.token_hex(6)}")


@pytest.fixture
def deliver(database: Database, mine: Tenant) -> Deliver:
    """Hands a certificate in that ends then."""
    minutes = iter(range(1000))

    def deliver(not_after: datetime, *, number: str = "1", to: State = State.DELIVERED, **changes: Any) -> None:
        now = NOW + timedelta(minutes=next(minutes))
        usual: dict[str, Any] = {
            "organization_id": mine.id,
            "connection_id": mine.connection.id,
            "operation": "facturapi/certificate",
            "mode": "direct",
            "state": State.DELIVERING,
            "process_id": mine.upload.process_id,
            "actor": "tests",
            "now": now,
            "facts": {"not_after": not_after.isoformat(), "number": number},
        }
        with database.transaction(mine.id) as session:
            uploads.move(session, uploads.begin(session, **usual | changes), to, actor="tests", now=now)

    return deliver


def ending(database: Database, mine: Tenant) -> list[tuple[str, str | None, datetime]]:
    with database.transaction(mine.id) as session:
        return [(one.operation, one.number, one.not_after) for one in certificates.ending(session, NOW + MONTH)]


def test_what_ends_soon_or_has_ended(database: Database, mine: Tenant, deliver: Deliver) -> None:
    assert ending(database, mine) == []
    deliver(SOON)
    deliver(PAST, operation="facturapi/fiel", number="2")
    assert ending(database, mine) == [("facturapi/fiel", "2", PAST), ("facturapi/certificate", "1", SOON)]


def test_one_that_was_replaced_counts_no_more(database: Database, mine: Tenant, deliver: Deliver) -> None:
    deliver(SOON)
    deliver(LATER)
    assert ending(database, mine) == []
    deliver(PAST, number="3")
    assert ending(database, mine) == [("facturapi/certificate", "3", PAST)]


@pytest.mark.parametrize("to", [State.FAILED, State.UNKNOWN, State.REJECTED])
def test_what_did_not_arrive_is_not_in_use(database: Database, mine: Tenant, deliver: Deliver, to: State) -> None:
    deliver(SOON)
    deliver(LATER, to=to)
    assert ending(database, mine) == [("facturapi/certificate", "1", SOON)]


def test_another_organization_sees_none_of_it(database: Database, vault: Vault, mine: Tenant, deliver: Deliver) -> None:
    deliver(SOON)
    assert ending(database, tenant(database, vault, f"t-{secrets.token_hex(6)}")) == []
