"""What needs a person, and how providers do: seen when it is so, gone when it was put right, and of one's own alone."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, delete
from sqlalchemy.orm import Session

from app.database import Database
from app.records import attempts, needs, standing, uploads
from app.records.models import Process, TallyMark, Upload
from app.records.needs import Kind, Need
from app.records.states import State
from app.records.tallying import tally
from app.tenants.models import Connection, Link, WebhookEndpoint
from app.tenants.vault import Vault
from tests.tenancy import NOW, Tenant, tenant

Begin = Callable[..., Upload]
#: A while after what the tests hand in.
LATER = NOW + timedelta(minutes=10)


@pytest.fixture
def mine(database: Database, vault: Vault) -> Tenant:
    """One that only this test knows."""
    return tenant(database, vault, f"needs-{secrets.token_hex(4)}")


def found(db: Database, who: Tenant) -> dict[Kind, Need]:
    with db.transaction(who.id) as session:
        return {one.kind: one for one in needs.needs(session, LATER)}


def change(db: Database, who: Tenant, kind: Any, key: Any, **values: Any) -> None:
    with db.transaction(who.id) as session:
        row = session.get_one(kind, key)
        for name, value in values.items():
            setattr(row, name, value)


def test_a_paused_connection_until_it_is_resumed(database: Database, mine: Tenant) -> None:
    assert Kind.PAUSED not in found(database, mine)
    change(database, mine, Connection, mine.connection.id, paused_at=NOW, paused_because="credential-refused")
    (case,) = found(database, mine)[Kind.PAUSED].cases
    assert (case.organization, case.label, case.because) == (
        mine.organization.slug,
        "facturapi",
        "credential-refused",
    )
    change(database, mine, Connection, mine.connection.id, paused_at=None, paused_because=None)
    assert Kind.PAUSED not in found(database, mine)


def test_uploads_that_ended_badly(session: Session, begin: Begin, database: Database, mine: Tenant) -> None:
    parts = [{"name": "file", "filename": "a.pdf", "size": 1, "sha256": "0" * 64}]
    begin(session, State.FAILED, parts=parts, problem="provider-refused")
    begin(session, State.FAILED, now=LATER - timedelta(days=8))  # nobody speaks of it any more
    begin(session, State.REJECTED)
    unknown = begin(session)
    uploads.move(session, unknown, State.UNKNOWN, actor="tests", now=NOW)
    session.commit()
    told = found(database, mine)
    assert [(one.label, one.because) for one in told[Kind.FAILED].cases] == [("a.pdf", "provider-refused")]
    assert [one.id for one in told[Kind.UNKNOWN].cases] == [unknown.id]
    assert told[Kind.UNKNOWN].count == 1


def test_what_should_have_been_taken(session: Session, begin: Begin, database: Database, mine: Tenant) -> None:
    waiting = uploads.move(session, begin(session), State.WAITING, actor="tests", now=NOW)
    waiting.due_at = NOW
    session.commit()
    assert [one.id for one in found(database, mine)[Kind.OVERDUE].cases] == [waiting.id]
    change(database, mine, Connection, mine.connection.id, paused_at=NOW, paused_because="x")
    assert Kind.OVERDUE not in found(database, mine)  # it is the connection that needs somebody


def test_a_certificate_until_another_took_its_place(begin: Begin, database: Database, mine: Tenant) -> None:
    def deliver(ends: timedelta, **told: Any) -> None:
        facts = {"rfc": "EKU9003173C9", "not_after": (LATER + ends).isoformat()}
        with database.transaction(mine.id) as session:
            uploads.move(session, begin(session, **told), State.DELIVERED, actor="tests", now=NOW, facts=facts)

    deliver(timedelta(days=400))
    assert Kind.CERTIFICATE not in found(database, mine)
    deliver(timedelta(days=12), now=NOW + timedelta(seconds=1))
    (case,) = found(database, mine)[Kind.CERTIFICATE].cases
    assert (case.label, case.at) == ("EKU9003173C9", LATER + timedelta(days=12))
    deliver(timedelta(days=1_000), now=NOW + timedelta(seconds=2))
    assert Kind.CERTIFICATE not in found(database, mine)


def test_a_link_that_ends_unused_and_an_endpoint_that_nothing_reaches(database: Database, mine: Tenant) -> None:
    change(database, mine, WebhookEndpoint, mine.endpoint.id, disabled_because="failing")
    told = found(database, mine)
    assert [one.id for one in told[Kind.LINK].cases] == [mine.link.id]
    assert told[Kind.ENDPOINT].cases[0].label == "hooks.example"
    change(database, mine, Link, mine.link.id, uses=1)
    change(database, mine, WebhookEndpoint, mine.endpoint.id, disabled_because="operator")
    told = found(database, mine)
    assert Kind.LINK not in told
    assert Kind.ENDPOINT not in told


def test_so_many_and_no_more_are_shown(session: Session, begin: Begin, database: Database, mine: Tenant) -> None:
    for number in range(8):
        begin(session, State.FAILED, now=NOW + timedelta(seconds=number))
    session.commit()
    failed = found(database, mine)[Kind.FAILED]
    assert (failed.count, len(failed.cases), failed.capped) == (8, needs.SHOWN, False)
    assert [one.at for one in failed.cases] == [NOW + timedelta(seconds=number) for number in range(needs.SHOWN)]


def test_of_ones_own_alone(database: Database, vault: Vault, mine: Tenant) -> None:
    other = tenant(database, vault, f"needs-{secrets.token_hex(4)}")
    for one in (mine, other):
        change(database, one, Connection, one.connection.id, paused_at=NOW, paused_because="x")
    assert {case.organization for need in found(database, mine).values() for case in need.cases} == {
        mine.organization.slug
    }
    with database.overview() as session:
        (paused,) = (one for one in needs.needs(session, LATER) if one.kind is Kind.PAUSED)
    assert paused.count >= 2


def test_no_worker_until_one_beats(owner_engine: Engine, database: Database) -> None:
    far = NOW + timedelta(days=36_500)  # no other test's worker beats then
    with database.overview() as session:
        away = needs.worker_away(session, far)
    assert away is not None
    assert away.kind is Kind.WORKER
    with Session(owner_engine) as owner:
        process = Process(id=uuid4(), kind="worker", started_at=far, beat_at=far)
        owner.add(process)
        owner.commit()
        with database.overview() as session:
            assert needs.worker_away(session, far + timedelta(seconds=5)) is None
            assert needs.worker_away(session, far + timedelta(minutes=5)) is not None
        owner.delete(process)
        owner.commit()


def test_how_a_provider_does(
    session: Session, begin: Begin, database: Database, worker: Database, owner_engine: Engine, mine: Tenant
) -> None:
    uploads.move(session, begin(session), State.DELIVERED, actor="tests", now=NOW + timedelta(seconds=3))
    failed = begin(session)
    attempt = attempts.start(session, failed, process_id=uuid4(), now=NOW)
    ended = NOW + timedelta(seconds=9)
    attempts.end(session, attempt, outcome="failed", problem="provider-refused", http_status=422, now=ended)
    uploads.move(session, failed, State.FAILED, actor="tests", now=ended)
    session.commit()
    with owner_engine.begin() as owner:
        owner.execute(delete(TallyMark))
    tally(worker, LATER)
    with database.transaction(mine.id) as reading:
        (found,) = standing.standings(reading, LATER, mine.id)
    assert (found.provider, found.connections, found.paused, found.shut) == ("facturapi", 1, 0, 0)
    assert found.last_delivered_at == NOW + timedelta(seconds=3)
    assert (found.last_failure_at, found.last_problem) == (ended, "provider-refused")
