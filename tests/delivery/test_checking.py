"""Credentials are tried once a day, each at its own time; a refused one pauses, and is told of once."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from app.database import HOUSE, Database
from app.delivery import checking
from app.delivery.checking import EVERY, JITTER, Checker
from app.providers.base import Ending, Outcome, Verdict
from app.providers.outcomes import not_verified
from app.records import audit
from app.tenants.models import Connection
from app.tenants.vault import Vault
from tests.delivery.tenant import Tenant as Real
from tests.tenancy import NOW, Tenant, house, tenant

GOOD = Verdict(ok=True, detail="fine")
REFUSED = not_verified(Outcome(ending=Ending.CREDENTIAL, problem="credential-refused", http_status=401, message="No."))
AWAY = not_verified(Outcome(ending=Ending.RETRY, problem="provider-unreachable"))
MISTAKEN = Verdict(ok=False, detail="settings-wrong: another environment")


class Asked:
    """Says what it is told to, and remembers of whom."""

    def __init__(self) -> None:
        self.verdict = GOOD
        self.tried: list[UUID] = []

    def verify(self, organization_id: UUID | None, connection_id: UUID) -> Verdict:
        self.tried.append(connection_id)
        return self.verdict


class Watch:
    """A checker whose time and chance are the test's."""

    def __init__(self, worker: Database) -> None:
        self.now = NOW
        self.chance = 0.5
        self.asker = Asked()
        self.checker = Checker(worker, self.asker, lambda: self.now, chance=lambda: self.chance)

    def round(self) -> list[UUID]:
        self.asker.tried = []
        self.checker.check_due()
        return self.asker.tried


@pytest.fixture
def watching(clean: None, worker: Database) -> Watch:
    return Watch(worker)


@pytest.fixture
def mine(watching: Watch, database: Database, vault: Vault) -> Tenant:
    return tenant(database, vault, f"t-{secrets.token_hex(6)}")


def row(database: Database, owner: UUID | None, connection_id: UUID) -> Connection:
    with database.transaction(owner) as session:
        return session.get_one(Connection, connection_id)


def test_each_has_its_turn_within_a_day_and_then_every_day(watching: Watch, mine: Tenant) -> None:
    assert watching.round() == [], "it was tried when it was added"
    watching.now += EVERY * 0.5 - timedelta(seconds=1)
    assert watching.round() == []
    watching.now += timedelta(seconds=1)
    assert watching.round() == [mine.connection.id]
    assert watching.round() == []
    watching.now += EVERY
    assert watching.round() == [mine.connection.id]


@pytest.mark.parametrize("chance", [0.0, 0.999])
def test_what_was_added_together_does_not_stay_together(
    watching: Watch, database: Database, mine: Tenant, chance: float
) -> None:
    watching.round()
    watching.now, watching.chance = NOW + EVERY, chance
    assert watching.round() == [mine.connection.id]
    again = row(database, mine.id, mine.connection.id).next_check_at
    assert again
    assert abs(again - (NOW + 2 * EVERY + JITTER * (2 * chance - 1))) < timedelta(seconds=1)


def test_a_good_one_is_noted_without_a_word(watching: Watch, database: Database, mine: Tenant) -> None:
    due(watching, mine)
    assert row(database, mine.id, mine.connection.id).verified_at == watching.now
    assert entries(database, mine) == []


def test_a_refused_one_pauses_and_is_told_of_once(watching: Watch, database: Database, mine: Tenant) -> None:
    watching.asker.verdict = REFUSED
    due(watching, mine)
    found = row(database, mine.id, mine.connection.id)
    assert (found.paused_at, found.paused_because) == (watching.now, "credential-refused")
    watching.now += 2 * EVERY
    assert watching.round() == [], "somebody has to put it right first"
    (entry,) = entries(database, mine)
    assert (entry.action, entry.details["http_status"]) == ("connection.paused", 401)


@pytest.mark.parametrize("verdict", [AWAY, MISTAKEN])
def test_what_says_nothing_about_the_credential_changes_nothing(
    watching: Watch, database: Database, mine: Tenant, verdict: Verdict
) -> None:
    watching.asker.verdict = verdict
    due(watching, mine)
    found = row(database, mine.id, mine.connection.id)
    assert (found.paused_at, found.verified_at) == (None, None)
    assert entries(database, mine) == []


def test_the_house_has_its_turn_too(watching: Watch, database: Database, vault: Vault, mine: Tenant) -> None:
    lender = house(database, vault, name=f"house-{secrets.token_hex(6)}")
    due(watching, mine, lender)
    assert row(database, HOUSE, lender.id).verified_at


def test_one_round_does_so_much(watching: Watch, database: Database, vault: Vault, monkeypatch: Any) -> None:
    monkeypatch.setattr(checking, "AT_ONCE", 2)
    added = [tenant(database, vault, f"t-{secrets.token_hex(6)}").connection.id for _ in range(3)]
    watching.round()
    watching.now += EVERY
    rounds = [watching.round(), watching.round(), watching.round()]
    assert [len(one) for one in rounds] == [2, 1, 0]
    assert sorted(rounds[0] + rounds[1]) == sorted(added)


def test_a_providers_no_is_a_no(clean: None, worker: Database, database: Database, tenant: Real) -> None:
    """With the sandbox, by the way that deliveries take."""
    watching = Watch(worker)
    watching.checker = Checker(worker, tenant.deliverer(), lambda: watching.now)
    soon = update(Connection).values(next_check_at=NOW)
    with database.transaction(tenant.organization.id) as session:
        session.execute(soon)
    assert watching.checker.check_due() == 1
    assert row(database, tenant.organization.id, tenant.connection.id).verified_at == NOW
    tenant.sandbox.fault(action="status", method="GET", status=401)
    with database.transaction(tenant.organization.id) as session:
        session.execute(soon)
    assert watching.checker.check_due() == 1
    assert row(database, tenant.organization.id, tenant.connection.id).paused_because == "credential-refused"


def due(watching: Watch, mine: Tenant, *more: Connection) -> None:
    """Let everything have its turn."""
    watching.round()
    watching.now += EVERY
    assert sorted(watching.round()) == sorted([mine.connection.id, *(one.id for one in more)])


def entries(database: Database, mine: Tenant) -> Any:
    with database.transaction(mine.id) as session:
        return audit.listing(session, subject=mine.connection)
