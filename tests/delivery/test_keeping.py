"""What is kept while it is handed in: what is on record and in the spool at every moment, and what a fault comes to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest
from sqlalchemy import select
from uuid_utils.compat import uuid7

from app.checks import Policy, Rejected
from app.database import Database
from app.delivery import Destination, breaker
from app.delivery.journal import Journal
from app.delivery.spooling import Spooled
from app.delivery.way import NoWay, Way
from app.delivery.ways import Ways
from app.intake.errors import ClientGone
from app.intake.spool import SpoolAway
from app.providers import registry
from app.providers.base import Ending, Outcome
from app.providers.facturapi import LOGO
from app.providers.operation import Mode
from app.records import attempts, copies, uploads
from app.records.models import Copy, Upload
from app.records.states import State
from app.records.sweeper import sweep
from app.tenants import connections, doors, tokens
from app.tenants.models import Connection
from tests.delivery.streaming import Held, Played, streamed
from tests.delivery.tenant import Tenant
from tests.delivery.test_deliverer import Death, png

RETRY: Final = Outcome(ending=Ending.RETRY, problem="provider-busy", http_status=429, retry_after=60.0)
UNKNOWN: Final = Outcome(ending=Ending.UNKNOWN, problem="unconfirmed", code="reset")

Door = Callable[[], Destination | None]


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    """A provider whose operation may be kept."""
    provider = Played()
    monkeypatch.setitem(registry.PROVIDERS, "facturapi", provider)
    return provider


@pytest.fixture(params=["known", "looked up"])
def door(request: pytest.FixtureRequest, tenant: Tenant) -> Door:
    """What was found where somebody came in: a token's destination, or nothing, as by a form."""
    if request.param == "looked up":
        return lambda: None
    with tenant.database.transaction(tenant.organization.id) as session:
        owner = tenant.organization.id
        _, token = tokens.create(session, organization_id=owner, name="t", scopes=[tokens.WRITE])

    def found() -> Destination | None:
        admitted = doors.admit(tenant.database, token, slug=tenant.organization.slug, connection="facturapi")
        assert admitted is not None
        return tenant.deliverer().destination(admitted, "facturapi")

    return found


def keep(tenant: Tenant, file: Held | None = None, *, link: Any = None, at: Destination | None = None) -> Any:
    given, origin = streamed(file or Held(png())), tenant.origin(link)
    return tenant.deliverer().stream(origin, LOGO, given, policy=Policy(), mode=Mode.DURABLE, destination=at)


def copy(tenant: Tenant, upload: Upload) -> Copy | None:
    with tenant.database.transaction(tenant.organization.id) as session:
        return copies.find(session, upload.id)


def rows(tenant: Tenant) -> Sequence[Copy]:
    with tenant.database.transaction(tenant.organization.id) as session:
        return session.scalars(select(Copy)).all()


def held(tenant: Tenant) -> int:
    """Objects in the spool, whole or not."""
    return len(list(tenant.spool.place.listing()))


def only(tenant: Tenant) -> Upload:
    (upload,) = tenant.uploads()
    return upload


def test_it_is_on_record_before_a_byte_is_kept_and_its_copy_with_the_mark(
    tenant: Tenant, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    mark = Journal.mark

    def marked(journal: Journal, baseline: Any) -> None:
        seen.append((only(tenant).state, len(rows(tenant)), held(tenant)))
        mark(journal, baseline)
        seen.append((only(tenant).state, len(rows(tenant)), held(tenant)))

    monkeypatch.setattr(Journal, "mark", marked)
    result = keep(tenant, Held(png(), at=lambda: seen.append((only(tenant).state, len(rows(tenant)), held(tenant)))))
    assert seen == [("delivering", 0, 1), ("delivering", 0, 1), ("delivering", 1, 1)]
    assert (result.state, rows(tenant), held(tenant)) == (State.DELIVERED, [], 0)


@pytest.mark.parametrize(
    ("ending", "state", "keeps"),
    [
        (Ending.DELIVERED, State.DELIVERED, False),
        (Ending.RETRY, State.WAITING, True),
        (Ending.CREDENTIAL, State.WAITING, True),
        (Ending.UNKNOWN, State.WAITING, True),
        (Ending.FAILED, State.FAILED, True),
    ],
)
def test_what_an_ending_does_to_upload_and_copy(
    tenant: Tenant, played: Played, ending: Ending, state: State, keeps: bool
) -> None:
    played.ending, played.looked = Outcome(ending=ending, problem="x"), UNKNOWN
    assert keep(tenant).state is state
    upload = only(tenant)
    row = copy(tenant, upload)
    assert (upload.state, row is not None, held(tenant)) == (state, keeps, int(keeps))
    if row is not None:
        assert (row.keep_until is not None) is (state is State.FAILED)
        assert upload.parts[0]["sha256"]
    if state is State.WAITING:
        assert upload.due_at is not None
        assert upload.tries == 1


def test_a_pause_that_was_asked_for_is_kept(tenant: Tenant, played: Played) -> None:
    played.ending = RETRY
    keep(tenant)
    upload = only(tenant)
    assert upload.due_at is not None
    assert upload.due_at >= upload.created_at + timedelta(seconds=60)


@pytest.mark.parametrize(
    ("looked", "state", "attempt"),
    [
        (Outcome(ending=Ending.DELIVERED, reference="r"), State.DELIVERED, "delivered"),
        (Outcome(ending=Ending.FAILED, problem="provider-error"), State.WAITING, "retry"),
        (UNKNOWN, State.WAITING, "unknown"),
    ],
)
def test_a_doubt_is_looked_into_at_once_and_never_fails(
    tenant: Tenant, played: Played, looked: Outcome, state: State, attempt: str
) -> None:
    played.ending, played.looked = replace(UNKNOWN, http_status=500), looked
    assert keep(tenant).state is state
    assert tenant.attempt(only(tenant).id).outcome == attempt


@pytest.mark.parametrize("why", [ClientGone(), SpoolAway()], ids=["cancelled", "failed"])
def test_what_breaks_off_keeps_nothing(tenant: Tenant, played: Played, why: Any) -> None:
    with pytest.raises(type(why)):
        keep(tenant, Held(png(), raises=why))
    assert only(tenant).state is (State.CANCELLED if isinstance(why, ClientGone) else State.FAILED)
    assert (rows(tenant), held(tenant)) == ([], 0)


def test_a_fault_of_ours_before_the_tail_waits_for_another_try(
    tenant: Tenant, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_(*_: object) -> None:
        raise ValueError("a secret")

    monkeypatch.setattr(Journal, "mark", break_)
    assert keep(tenant).state is State.WAITING
    assert copy(tenant, only(tenant)) is not None
    assert not tenant.requests("PUT")


@pytest.mark.parametrize("at", ["mark", "end"])
def test_a_process_that_dies_leaves_a_row_for_what_is_whole(
    tenant: Tenant, played: Played, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    def die(*_: object) -> None:
        raise Death

    if at == "end":
        monkeypatch.setattr(Journal, "end", die)
    else:
        monkeypatch.setattr(copies, "add", die)
    with pytest.raises(Death):
        keep(tenant)
    assert only(tenant).state is State.DELIVERING
    assert len(rows(tenant)) == (at == "end")
    assert held(tenant) == 1  # without a row it is swept


def test_who_was_only_slow_says_when_it_is_tried_again(
    tenant: Tenant, played: Played, worker: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was taken for dead after its mark, and knows better than the sweeper, who could only doubt."""
    played.ending, end = RETRY, Journal.end

    def late(journal: Journal, *given: Any) -> State:
        sweep(worker)
        upload = only(tenant)
        assert (upload.state, tenant.attempt(upload.id).outcome) == (State.WAITING, "unknown")
        return end(journal, *given)

    monkeypatch.setattr(Journal, "end", late)
    assert keep(tenant).state is State.WAITING
    upload = only(tenant)
    assert tenant.attempt(upload.id).outcome == "retry"
    assert upload.due_at is not None
    assert upload.due_at >= upload.created_at + timedelta(seconds=60)
    assert (upload.tries, len(rows(tenant)), held(tenant)) == (1, 1, 1)


def test_who_was_taken_for_dead_ends_no_attempt_of_anothers(
    tenant: Tenant, played: Played, worker: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    played.ending, end, other = Outcome(ending=Ending.FAILED, problem="provider-refused"), Journal.end, uuid7()

    def late(journal: Journal, *given: Any) -> State:
        sweep(worker)
        now = tenant.clock()
        with worker.transaction(tenant.organization.id) as session:
            upload = uploads.lock(session, journal.id)
            uploads.change(session, upload, State.DELIVERING, actor="tests", now=now)
            attempts.start(session, upload, process_id=other, now=now)
        return end(journal, *given)

    monkeypatch.setattr(Journal, "end", late)
    result = keep(tenant)
    upload = only(tenant)
    assert (result.state, upload.state, upload.process_id) == (State.DELIVERING, State.DELIVERING, other)
    assert [attempt.outcome for attempt in result.record.attempts] == ["unknown", None]
    assert (len(rows(tenant)), held(tenant)) == (1, 1), "the other needs it"


def test_who_was_taken_for_dead_before_its_mark_sends_no_whole_file(
    tenant: Tenant, played: Played, worker: Database
) -> None:
    def swept() -> None:
        sweep(worker)

    result = keep(tenant, Held(png(), at=swept))
    upload = only(tenant)
    assert (result.state, upload.state, upload.problem) == (State.FAILED, State.FAILED, "interrupted")
    assert (tenant.requests("PUT"), rows(tenant), held(tenant)) == ([], [], 0)


@pytest.mark.parametrize("how", ["paused", "broken"])
def test_where_nothing_may_leave_it_is_received_and_waits(tenant: Tenant, played: Played, door: Door, how: str) -> None:
    with tenant.database.transaction(tenant.organization.id) as session:
        connection = session.get_one(Connection, tenant.connection.id)
        if how == "paused":
            connections.pause(session, connection, "credential-refused", tenant.clock())
        for _ in range(breaker.FAILURES if how == "broken" else 0):
            breaker.note(session, connection.id, False, tenant.clock())
    seen = []
    result = keep(tenant, Held(png(), at=lambda: seen.append(only(tenant).state)), at=door())
    upload = only(tenant)
    assert (seen, result.state, upload.tries) == ([State.RECEIVING], State.WAITING, 0)
    assert result.record.attempts == ()
    assert (len(rows(tenant)), held(tenant)) == (1, 1)
    assert upload.problem == {"paused": "connection-paused", "broken": "provider-unreachable"}[how]
    assert not tenant.requests("PUT")


def test_what_was_found_at_the_door_is_not_looked_up_again(
    tenant: Tenant, played: Played, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, looked, plain = door(), [], Ways.open

    def look(*given: Any) -> Way | NoWay:
        looked.append(given)
        return plain(*given)

    monkeypatch.setattr(Ways, "open", look)
    assert keep(tenant, at=at).state is State.DELIVERED
    assert len(looked) == (0 if at else 1)


def test_failures_open_the_breaker_and_a_delivery_closes_it(tenant: Tenant, played: Played, door: Door) -> None:
    played.ending = Outcome(ending=Ending.RETRY, problem="provider-unreachable", code="reset")
    for _ in range(breaker.FAILURES):
        keep(tenant, at=door())
    asked = len(tenant.requests("PUT"))
    keep(tenant, at=door())
    assert len(tenant.requests("PUT")) == asked == breaker.FAILURES
    played.ending = Outcome(ending=Ending.DELIVERED)
    tenant.clock.ahead += timedelta(minutes=1)
    assert [keep(tenant, at=door()).state for _ in range(2)] == [State.DELIVERED] * 2


def test_a_link_is_used_by_what_waits(tenant: Tenant, played: Played) -> None:
    link = tenant.link()
    played.ending = RETRY
    keep(tenant, link=link)
    assert tenant.uses(link) == 1


def test_a_link_is_given_back_by_what_is_refused(tenant: Tenant, played: Played) -> None:
    link = tenant.link()
    with pytest.raises(Rejected):
        keep(tenant, Held(png()[:-4] + b"nope"), link=link)
    assert tenant.uses(link) == 0
    assert (rows(tenant), held(tenant)) == ([], 0)


# What lies in the spool already


def spooled(tenant: Tenant, content: bytes) -> Spooled:
    upload_id = uuid7()
    with tenant.database.transaction(tenant.organization.id) as session:
        cipher = tenant.vault.cipher(session, tenant.organization.id)
    stored = 0
    for segment, piece in enumerate((content[:100], content[100:])):
        with tenant.spool.write(cipher, tenant.organization.id, upload_id, segment) as writer:
            writer.feed(piece)
        stored += writer.stored
    return Spooled(
        upload_id=upload_id,
        name="file",
        filename="logo.png",
        content_type="image/png",
        size=len(content),
        stored=stored,
        segments=2,
    )


@pytest.mark.parametrize("by_link", [True, False])
def test_what_lies_there_is_judged_and_waits_to_be_sent_at_once(tenant: Tenant, played: Played, by_link: bool) -> None:
    given, link = spooled(tenant, png()), tenant.link()
    result = tenant.deliverer().accept(tenant.origin(link if by_link else None), LOGO, given, policy=Policy())
    upload = only(tenant)
    assert (result.upload_id, result.state, upload.id) == (given.upload_id, State.WAITING, given.upload_id)
    assert upload.due_at is not None
    assert upload.due_at <= tenant.clock()
    assert (upload.parts[0]["size"], upload.tries, tenant.uses(link)) == (len(png()), 0, by_link)
    (row,) = rows(tenant)
    assert (row.segments, row.size, row.stored) == (2, given.size, given.stored)
    assert not tenant.requests("PUT")
    again = tenant.deliverer().accept(tenant.origin(), LOGO, given, policy=Policy())
    assert (again.state, again.upload_id, len(rows(tenant))) == (State.WAITING, given.upload_id, 1)


def test_what_lies_there_and_is_refused_is_gone(tenant: Tenant, played: Played) -> None:
    with pytest.raises(Rejected) as caught:
        tenant.deliverer().accept(tenant.origin(), LOGO, spooled(tenant, png()[:-4] + b"nope"), policy=Policy())
    assert caught.value.upload_id == only(tenant).id
    assert only(tenant).state is State.REJECTED
    assert (rows(tenant), held(tenant)) == ([], 0)
