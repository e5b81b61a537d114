"""An organization's end: what waits is held, then cancelled; what was sealed opens no more; what was proven stays."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import DBAPIError

from app.database import HOUSE
from app.delivery import ending
from app.delivery.redelivery import Claim
from app.intake.spool import CopyLost
from app.records import audit, uploads, verifying
from app.records.models import (
    Copy,
    IdempotencyKey,
    OutcomeMail,
    Resumable,
    ResumableKind,
    WebhookDelivery,
    tenants,
)
from app.records.sealing import seal
from app.records.signing import Keys
from app.records.states import State
from app.tenants import connections, doors, links, organizations, people, tokens, user_sessions, ways_in
from app.tenants.errors import CredentialMissing, Deleting, NameTaken
from app.tenants.models import Connection, Credential, DataKey, Environment, Link, WebhookEndpoint, WebhookSecret
from app.tenants.roles import Role
from app.tenants.user_models import Invitation, PasswordReset, User, UserSession
from app.tenants.user_sessions import Lives
from tests.queue.waiting import Queue

GRACE = timedelta(days=30)
PASSWORD = SecretStr("a word that is long enough")
#: Of these nothing of a deleted organization stays.
GONE = (
    Copy,
    Credential,
    DataKey,
    IdempotencyKey,
    OutcomeMail,
    Resumable,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookSecret,
)


def suspend(waiting: Queue) -> None:
    with waiting.database.transaction(waiting.organization.id) as session:
        ending.suspend(organizations.get(session, waiting.organization.id), waiting.clock())


def lift(waiting: Queue) -> None:
    with waiting.database.transaction(waiting.organization.id) as session:
        ending.lift(session, organizations.get(session, waiting.organization.id), waiting.clock())


def delete(waiting: Queue, grace: timedelta = GRACE) -> None:
    with waiting.database.transaction(waiting.organization.id) as session:
        ending.delete(organizations.get(session, waiting.organization.id), waiting.clock(), grace)


def shred(waiting: Queue) -> int:
    return ending.shred_ended(waiting.worker, waiting.spool, waiting.clock())


def of(owner_engine: Engine, table: type, organization_id: UUID) -> int:
    with owner_engine.connect() as connection:
        owned = select(func.count()).select_from(table).where(table.organization_id == organization_id)  # type: ignore[attr-defined]
        return int(connection.scalar(owned) or 0)


def deleted_at(waiting: Queue) -> object:
    with waiting.database.transaction(waiting.organization.id) as session:
        return organizations.get(session, waiting.organization.id).deleted_at


def test_what_waits_of_one_that_is_suspended_is_held_and_goes_on_afterwards(waiting: Queue) -> None:
    one = waiting.leave()
    suspend(waiting)
    assert not waiting.redeliverer().next(waiting.organization.id)
    with waiting.worker.doors() as session:
        due = session.scalars(select(func.ventanilla_find_due(waiting.clock()))).all()
    assert waiting.organization.id not in due
    assert waiting.state(one) is State.WAITING
    lift(waiting)
    assert waiting.redeliverer().next(waiting.organization.id)
    assert waiting.state(one) is State.DELIVERED


def test_what_a_worker_has_in_hand_gets_no_mark(waiting: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was taken up before; it goes back to the others, and the provider never has all of it."""
    one, redeliverer = waiting.leave(), waiting.redeliverer()
    claimed = redeliverer._claim

    def claim(organization_id: UUID) -> Claim | None:
        found = claimed(organization_id)
        suspend(waiting)
        return found

    monkeypatch.setattr(redeliverer, "_claim", claim)
    assert redeliverer.next(waiting.organization.id)
    assert waiting.state(one) is State.WAITING
    assert waiting.outcomes(one) == ["interrupted"]
    assert waiting.lies(one)
    assert [sent for sent in waiting.deliveries("codat/file") if sent["complete"]] == []


def test_before_its_time_nothing_is_destroyed_and_it_can_be_restored(waiting: Queue) -> None:
    one = waiting.leave()
    delete(waiting)
    waiting.clock.ahead = GRACE - timedelta(hours=1)
    shred(waiting)
    assert (deleted_at(waiting), waiting.state(one), waiting.lies(one)) == (None, State.WAITING, True)
    with pytest.raises(Deleting):
        lift(waiting)
    with waiting.database.transaction(waiting.organization.id) as session:
        assert ending.restore(organizations.get(session, waiting.organization.id))
    waiting.clock.ahead = 2 * GRACE
    shred(waiting)
    assert deleted_at(waiting) is None
    lift(waiting)
    assert waiting.redeliverer().next(waiting.organization.id)
    assert waiting.state(one) is State.DELIVERED


def test_what_was_not_suspended_goes_on_as_it_was(waiting: Queue) -> None:
    one = waiting.leave()
    before = waiting.upload(one).due_at
    lift(waiting)
    assert waiting.upload(one).due_at == before


def test_what_was_not_deleted_is_not_restored(waiting: Queue) -> None:
    with waiting.database.transaction(waiting.organization.id) as session:
        assert not ending.restore(organizations.get(session, waiting.organization.id))


def test_afterwards_nothing_that_was_sealed_opens(waiting: Queue, owner_engine: Engine) -> None:
    delivered, left = waiting.leave(), waiting.leave()
    waiting.redeliverer().next(waiting.organization.id)
    whose, connection = waiting.organization.id, waiting.connections["codat"]
    furnish(waiting, delivered)
    with waiting.database.transaction(whose) as session:
        cipher = waiting.vault.cipher(session, whose)
        _, token = tokens.create(session, organization_id=whose, name="x", scopes=[])
    assert all(of(owner_engine, table, whose) for table in GONE)
    (freed,) = [one for one in (delivered, left) if waiting.state(one) is State.WAITING]
    delete(waiting)
    waiting.clock.ahead = GRACE
    shred(waiting)
    assert deleted_at(waiting) is not None
    assert {table.__name__: of(owner_engine, table, whose) for table in GONE} == {one.__name__: 0 for one in GONE}
    assert (waiting.state(freed), waiting.lies(freed)) == (State.CANCELLED, False)
    with pytest.raises(CopyLost):
        list(waiting.spool.read(cipher, whose, freed, 1))
    with waiting.database.transaction(whose) as session:
        found = session.get_one(Connection, connection.id)
        assert (found.settings, found.paused_because) == ({}, "organization-deleted")
        with pytest.raises(CredentialMissing):
            connections.credential(session, waiting.vault, found)
        assert session.scalars(select(Link.recipient)).all() == [None]
        assert organizations.get(session, whose).contact is None
    assert doors.organization(waiting.database, waiting.organization.slug) is None
    admitted = doors.admit(waiting.database, token, slug=waiting.organization.slug)
    assert admitted
    assert (admitted.organization_id, admitted.is_good(waiting.clock())) == (None, False)


def test_nothing_new_is_sealed_for_it(waiting: Queue) -> None:
    delete(waiting, timedelta(0))
    shred(waiting)
    with pytest.raises(DBAPIError), waiting.database.transaction(waiting.organization.id) as session:
        connections.add(
            session,
            waiting.vault,
            organization_id=waiting.organization.id,
            provider="codat",
            name="later",
            environment=Environment.SANDBOX,
            settings={},
            credential={"key": SecretStr("x" * 20)},
        )


def test_what_was_proven_can_be_verified_as_before(waiting: Queue) -> None:
    one = waiting.leave()
    waiting.redeliverer().next(waiting.organization.id)
    seal(waiting.worker, waiting.vault)
    delete(waiting, timedelta(0))
    shred(waiting)
    seal(waiting.worker, waiting.vault)
    with waiting.database.transaction(waiting.organization.id) as session:
        actions = [entry.action for entry in audit.listing(session)]
        keys = Keys.load(session)
        assert verifying.receipt_chain(session, waiting.organization.id, keys).is_whole
        assert verifying.audit_log(session, waiting.organization.id, keys).is_whole
        assert uploads.get(session, one).state is State.DELIVERED
    assert "organization.deleted" in actions
    with waiting.database.transaction(HOUSE) as session:
        of_house = [entry.details for entry in audit.listing(session) if entry.action == "organization.deleted"]
    assert {"slug": waiting.organization.slug} in of_house


def test_its_slug_stays_taken(waiting: Queue) -> None:
    delete(waiting, timedelta(0))
    shred(waiting)
    with pytest.raises(NameTaken):
        organizations.add(waiting.database, slug=waiting.organization.slug, name="Another")


def test_what_is_still_on_its_way_is_waited_for(waiting: Queue) -> None:
    one = waiting.leave()
    with waiting.database.transaction(waiting.organization.id) as session:
        uploads.move(session, uploads.get(session, one), State.DELIVERING, actor="tests", now=waiting.clock())
    delete(waiting, timedelta(0))
    shred(waiting)
    assert deleted_at(waiting) is None
    with waiting.database.transaction(waiting.organization.id) as session:
        uploads.move(session, uploads.get(session, one), State.FAILED, actor="tests", now=waiting.clock())
    shred(waiting)
    assert deleted_at(waiting) is not None


def test_what_may_have_arrived_is_not_called_cancelled(waiting: Queue) -> None:
    one = waiting.leave()
    waiting.attempted(one, "unknown")
    delete(waiting, timedelta(0))
    shred(waiting)
    assert waiting.state(one) is State.UNKNOWN


def test_others_keep_theirs(waiting: Queue, owner_engine: Engine) -> None:
    other = organizations.add(waiting.database, slug=f"t-{secrets.token_hex(6)}", name="Other")
    with waiting.database.transaction(other.id) as session:
        made = connections.add(
            session,
            waiting.vault,
            organization_id=other.id,
            provider="codat",
            name="codat",
            environment=Environment.SANDBOX,
            settings={},
            credential={"key": SecretStr("x" * 20)},
        )
    delete(waiting, timedelta(0))
    shred(waiting)
    with waiting.database.transaction(other.id) as session:
        assert connections.credential(session, waiting.vault, made)["key"].get_secret_value() == "x" * 20


def test_who_managed_it_goes_with_it_and_nobody_else(waiting: Queue) -> None:
    other = organizations.add(waiting.database, slug=f"t-{secrets.token_hex(6)}", name="Other")
    now = waiting.clock()
    lives = Lives(idle=timedelta(days=900), whole=timedelta(days=900))
    theirs: dict[UUID, tuple[UUID, UUID]] = {}
    with waiting.database.transaction(HOUSE) as session:
        for manages in (waiting.organization.id, other.id):
            said: dict[str, Any] = {"role": Role.MANAGER, "manages": manages, "locale": "es", "now": now}
            user = people.add(session, email=f"{manages}@x.example", name="Ana", password=PASSWORD, **said)
            user_sessions.begin(session, user, device="", address="", now=now, lives=lives)
            ways_in.reset(session, user, now)
            invited, _ = ways_in.invite(session, email="x@x.example", invited_by="test", life=lives.idle, **said)
            theirs[manages] = user.id, invited.id
    delete(waiting, timedelta(0))
    shred(waiting)

    def left(manages: UUID) -> list[bool]:
        user_id, invited_id = theirs[manages]
        with waiting.database.transaction(HOUSE) as session:
            user = session.get_one(User, user_id)
            begun = [
                session.scalar(select(func.count()).select_from(table).where(table.user_id == user_id))
                for table in (UserSession, PasswordReset)
            ]
            return [user.disabled_at is None, *map(bool, begun), session.get(Invitation, invited_id) is not None]

    assert left(waiting.organization.id) == [False] * 4
    assert left(other.id) == [True] * 4


def test_a_worker_comes_to_a_data_key_in_no_other_way(waiting: Queue) -> None:
    """Not before its time, whatever it asks for."""
    delete(waiting)
    with waiting.worker.doors() as session:
        asked = select(func.ventanilla_shred(waiting.organization.id, waiting.clock()))
        assert session.scalar(asked) is None
    assert deleted_at(waiting) is None


def furnish(waiting: Queue, upload_id: UUID) -> None:
    """A row in every table that is emptied."""
    whose, now = waiting.organization.id, waiting.clock()
    moments = {"created_at": now, "due_at": now, "deadline_at": now}
    with waiting.database.transaction(whose) as session:
        organizations.edit(organizations.get(session, whose), contact="ask@acme.example")
        token, _ = tokens.create(session, organization_id=whose, name="x", scopes=[])
        session.add(
            IdempotencyKey(
                organization_id=whose,
                api_token_id=token.id,
                key_hash=secrets.token_bytes(32),
                said=b"x",
                upload_id=upload_id,
                expires_at=now + 2 * GRACE,
            )
        )
        session.add(OutcomeMail(organization_id=whose, upload_id=upload_id, sealed=b"x", locale="es"))
        session.add(
            Resumable(
                organization_id=whose,
                kind=ResumableKind.PART,
                key_hash=secrets.token_bytes(32),
                sealed=b"x",
                expires_at=now + 2 * GRACE,
            )
        )
        endpoint = WebhookEndpoint(organization_id=whose, url="https://hooks.example", disabled_at=now)
        session.add(endpoint)
        session.flush()
        session.add(WebhookSecret(organization_id=whose, endpoint_id=endpoint.id, sealed=b"x"))
        form = tenants.Form(
            organization_id=whose,
            connection_id=waiting.connections["codat"].id,
            operation="codat/file",
            public_id=secrets.token_urlsafe(16),
        )
        session.add(form)
        session.flush()
        links.create(session, form=form, expires_at=now + GRACE, recipient="Ana")
    with waiting.worker.transaction(whose) as session:
        session.add(
            WebhookDelivery(
                organization_id=whose,
                endpoint_id=endpoint.id,
                about_id=whose,
                event_id=upload_id,
                event="upload.received",
                **moments,
            )
        )
