"""Uploads, attempts and the audit log: what is written, in which transaction, and what is never overwritten."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError, IntegrityError, NoResultFound
from sqlalchemy.orm import Session

from app.database import Database
from app.records import attempts, audit, uploads
from app.records.jsonable import jsonable
from app.records.models import Upload
from app.records.states import IllegalTransition, State
from app.records.uploads import AlreadyHandedIn
from app.tenants import doors
from app.tenants.models import ApiToken
from app.tenants.vault import Vault
from tests.tenancy import NOW, Tenant, tenant

LATER = NOW + timedelta(seconds=1)

Begin = Callable[..., Upload]


def test_a_record_is_read_as_it_was_written(database: Database, mine: Tenant, begin: Begin) -> None:
    token, outcome_hash = uploads.new_outcome_token()
    known = uuid4()
    with database.transaction(mine.id) as session:
        begin(
            session,
            State.REJECTED,
            id=known,
            form_id=mine.form.id,
            link_id=mine.link.id,
            outcome_hash=outcome_hash,
            problem="expired",
            params={"date": NOW, "expected": "EKU9003173C9"},
            parts=[{"name": "cer", "filename": "a.cer", "size": 1, "sha256": "0" * 64}],
            facts={"not_after": NOW.isoformat(), "test": True},
            caller_metadata={"batch": 7},
            notice_version="2026-01",
            locale="es",
        )
    assert doors.outcome(database, token) == doors.Found(organization_id=mine.id, id=known)
    assert doors.outcome(database, token[:-1]) is None
    with database.transaction(mine.id) as session:
        read = uploads.get(session, known)
    assert read.state is State.REJECTED
    assert read.problem_params == {"date": NOW.isoformat(), "expected": "EKU9003173C9"}
    assert read.parts == [{"name": "cer", "filename": "a.cer", "size": 1, "sha256": "0" * 64}]
    assert read.facts == {"not_after": NOW.isoformat(), "test": True}
    assert (read.form_id, read.link_id, read.caller_metadata) == (mine.form.id, mine.link.id, {"batch": 7})
    assert (read.created_at, read.updated_at) == (NOW, NOW)


def test_outcome_tokens_have_more_than_128_random_bits() -> None:
    assert uploads.TOKEN_BYTES * 8 >= 128
    assert uploads.new_outcome_token()[0] != uploads.new_outcome_token()[0]


def test_nothing_begins_as_delivered(session: Session, begin: Begin) -> None:
    with pytest.raises(IllegalTransition):
        begin(session, State.DELIVERED)


def test_another_organizations_upload_is_not_there(database: Database, vault: Vault, session: Session) -> None:
    theirs = tenant(database, vault, f"theirs-{secrets.token_hex(4)}")
    with pytest.raises(NoResultFound):
        uploads.get(session, theirs.upload.id)
    with pytest.raises(NoResultFound):
        uploads.move(session, theirs.upload, State.FAILED, actor="x", now=NOW)


def test_moving_keeps_what_is_known_and_forgets_the_problem(session: Session, begin: Begin) -> None:
    upload = begin(session, facts={"rfc": "EKU9003173C9"})
    unknown = uploads.move(
        session, upload, State.UNKNOWN, actor="x", now=LATER, problem="unconfirmed", provider_message="boom"
    )
    assert (unknown.problem, unknown.provider_message, unknown.updated_at) == ("unconfirmed", "boom", LATER)
    delivered = uploads.move(
        session, upload, State.DELIVERED, actor="x", now=LATER, reference="ref", facts={"pending": [1]}
    )
    assert (delivered.problem, delivered.problem_params, delivered.provider_message) == (None, {}, None)
    assert (delivered.reference, delivered.facts) == ("ref", {"rfc": "EKU9003173C9", "pending": [1]})


def test_moving_goes_by_what_the_database_says_now(database: Database, mine: Tenant, begin: Begin) -> None:
    with database.transaction(mine.id) as session:
        stale = begin(session)
    with database.transaction(mine.id) as session:
        uploads.move(session, stale, State.DELIVERED, actor="x", now=LATER)
    assert stale.state is State.DELIVERING
    with pytest.raises(IllegalTransition), database.transaction(mine.id) as session:
        uploads.move(session, stale, State.FAILED, actor="x", now=LATER)


def test_of_two_at_the_same_time_one_moves(database: Database, mine: Tenant, begin: Begin) -> None:
    with database.transaction(mine.id) as session:
        upload = begin(session)

    def move(to: State) -> bool:
        try:
            with database.transaction(mine.id) as session:
                uploads.move(session, upload, to, actor="x", now=LATER)
        except IllegalTransition:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(move, [State.DELIVERED, State.REJECTED], timeout=30)) == [False, True]
    with database.transaction(mine.id) as session:
        assert len(audit.listing(session, subject=upload)) == 2


def test_a_change_and_its_entry_share_a_fate(database: Database, mine: Tenant, begin: Begin) -> None:
    with database.transaction(mine.id) as session:
        upload = begin(session)
    with pytest.raises(ZeroDivisionError), database.transaction(mine.id) as session:
        uploads.move(session, upload, State.DELIVERED, actor="x", now=LATER)
        raise ZeroDivisionError
    with database.transaction(mine.id) as session:
        assert uploads.get(session, upload.id).state is State.DELIVERING
        assert [entry.action for entry in audit.listing(session, subject=upload)] == ["upload.delivering"]


def test_an_entry_says_who_what_and_from_where(session: Session, mine: Tenant, begin: Begin) -> None:
    upload = begin(session)
    uploads.move(session, upload, State.FAILED, actor="system", now=LATER, problem="interrupted")
    entry = audit.listing(session, subject=upload)[0]
    assert (entry.organization_id, entry.at, entry.actor, entry.action) == (mine.id, LATER, "system", "upload.failed")
    assert (entry.subject_type, entry.subject_id) == ("upload", upload.id)
    assert entry.details == {"from": "delivering", "problem": "interrupted"}


def test_the_log_is_read_newest_first_and_page_by_page(session: Session, mine: Tenant) -> None:
    for number in range(5):
        audit.write(
            session,
            organization_id=mine.id,
            actor="x",
            action=f"link.{number}",
            subject=mine.link,
            now=NOW + timedelta(seconds=number // 2),
        )
    every = [entry.action for entry in audit.listing(session, subject=mine.link)]
    first = audit.listing(session, subject=mine.link, limit=3)
    rest = audit.listing(session, subject=mine.link, before=first[-1])
    assert [entry.action for entry in (*first, *rest)] == every
    assert len(every) == 5
    assert {entry.subject_type for entry in audit.listing(session)} >= {"upload", "link"}


def test_entries_are_only_added(session: Session, begin: Begin) -> None:
    entry = audit.listing(session, subject=begin(session))[0]
    for change in ("UPDATE audit_entries SET actor = 'nobody'", "DELETE FROM audit_entries"):
        with pytest.raises(DBAPIError, match="permission denied"), session.begin_nested():
            session.connection().exec_driver_sql(change)
    session.refresh(entry)


def test_subjects_have_plain_names() -> None:
    assert audit.subject_type(ApiToken) == "api_token"


@pytest.mark.parametrize("secret", [SecretStr("x"), b"x", {"a": [SecretStr("x")]}, object()])
def test_no_secret_gets_into_a_record(session: Session, mine: Tenant, secret: Any) -> None:
    with pytest.raises(TypeError, match="is not for a record"):
        audit.write(
            session, organization_id=mine.id, actor="x", action="x", subject=mine.link, details={"it": secret}, now=NOW
        )


def test_values_of_a_record() -> None:
    given = {
        "at": NOW,
        "day": date(2026, 11, 21),
        "id": (known := uuid4()),
        "state": State.FAILED,
        "n": (1, 2.5, None, True),
    }
    assert json.loads(json.dumps(jsonable(given))) == {
        "at": "2026-11-21T14:05:00+00:00",
        "day": "2026-11-21",
        "id": str(known),
        "state": "failed",
        "n": [1, 2.5, None, True],
    }


def test_an_attempt_from_start_to_end(session: Session, begin: Begin) -> None:
    upload, process = begin(session), uuid4()
    first = attempts.start(session, upload, process_id=process, now=NOW)
    assert (first.number, first.completing_at, first.ended_at, first.organization_id) == (
        1,
        None,
        None,
        upload.organization_id,
    )
    attempts.mark(session, first, now=LATER, baseline={"serial": "1", "updated_at": NOW})
    ended = attempts.end(
        session,
        first,
        outcome="failed",
        now=LATER,
        problem="provider-refused",
        http_status=400,
        code="x",
        message="no",
        log_id="log",
    )
    assert (ended.completing_at, ended.ended_at, ended.outcome) == (LATER, LATER, "failed")
    assert ended.baseline == {"serial": "1", "updated_at": NOW.isoformat()}
    assert (ended.provider_http_status, ended.provider_code, ended.provider_message, ended.provider_log_id) == (
        400,
        "x",
        "no",
        "log",
    )
    second = attempts.start(session, upload, process_id=process, now=LATER)
    assert [attempt.id for attempt in attempts.listing(session, upload.id)] == [first.id, second.id]
    assert second.number == 2
    session.refresh(upload)
    assert upload.process_id == process


def test_an_attempt_that_somebody_ended_does_not_go_on(database: Database, mine: Tenant, begin: Begin) -> None:
    with database.transaction(mine.id) as session:
        attempt = attempts.start(session, begin(session), process_id=uuid4(), now=NOW)
    with database.transaction(mine.id) as session:
        attempts.end(session, attempt, outcome="interrupted", now=LATER)
    with pytest.raises(attempts.AttemptLost), database.transaction(mine.id) as session:
        attempts.mark(session, attempt, now=LATER)
    with pytest.raises(attempts.AttemptLost), database.transaction(mine.id) as session:
        attempts.end(session, attempt, outcome="delivered", now=LATER)


def test_knowledge_takes_the_place_of_unknown(session: Session, begin: Begin) -> None:
    attempt = attempts.start(session, begin(session), process_id=uuid4(), now=NOW)
    attempts.end(session, attempt, outcome="unknown", now=NOW)
    assert attempts.end(session, attempt, outcome="delivered", now=LATER).outcome == "delivered"
    with pytest.raises(attempts.AttemptLost):
        attempts.end(session, attempt, outcome="failed", now=LATER)


def test_what_is_handed_in_again_under_the_same_token_is_said_to_be(
    database: Database, mine: Tenant, begin: Begin
) -> None:
    """And nothing else that the database does not take is mistaken for that."""
    _, outcome_hash = uploads.new_outcome_token()
    with database.transaction(mine.id) as session:
        known = begin(session, outcome_hash=outcome_hash)
    with pytest.raises(AlreadyHandedIn), database.transaction(mine.id) as session:
        begin(session, outcome_hash=outcome_hash)
    for wrong in ({"id": known.id}, {"connection_id": uuid4()}):
        with pytest.raises(IntegrityError), database.transaction(mine.id) as session:
            begin(session, **wrong)


def test_what_the_provider_works_on_is_told_of_once_it_is_done(session: Session, begin: Begin) -> None:
    upload = begin(session)
    uploads.move(session, upload, State.DELIVERED, actor="tests", now=NOW, reference="ref-1")
    told = [uploads.follow(session, upload, status, facts={}, now=LATER) for status in ("processing", "ready", "ready")]
    assert told == [True, True, False]
    session.refresh(upload)
    assert upload.provider_status == "ready"
    newest, before, *_ = audit.listing(session, subject=upload)
    assert (newest.action, before.action) == ("upload.processed", "upload.delivered")
    assert newest.details == {"reference": "ref-1"}
