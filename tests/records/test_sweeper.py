"""What dead processes left is ended once, truthfully, and what the living have in hand is left alone."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, select, text, update
from sqlalchemy.exc import OperationalError

from app.database import Database
from app.records import attempts, audit, copies, processes, sweeper, uploads
from app.records.models import Attempt, Process, Upload
from app.records.processes import DEAD_AFTER, Heartbeat, beat
from app.records.states import State
from app.records.sweeper import OVERDUE_AFTER, Swept, sweep
from app.tenants.vault import Vault
from tests.tenancy import NOW, Tenant, becomes, tenant

DEAD = NOW + DEAD_AFTER
MOMENT = timedelta(milliseconds=1)

Leave = Callable[..., Upload]


@pytest.fixture
def nobody(clean: None, database: Database, vault: Vault) -> None:
    """No upload but those of the test."""


@pytest.fixture
def mine(nobody: None, database: Database, worker: Database, vault: Vault) -> Tenant:
    made = tenant(database, vault, f"mine-{secrets.token_hex(4)}")
    sweep(worker, NOW)  # what it came with
    return made


@pytest.fixture
def leave(database: Database, mine: Tenant, begin: Callable[..., Upload]) -> Leave:
    """Leaves an upload as a process that dies now would."""

    def leave(
        process: UUID, *, state: State = State.DELIVERING, attempted: bool = True, marked: bool = False
    ) -> Upload:
        with database.transaction(mine.id) as session:
            upload = begin(session, state, process_id=process)
            if attempted:
                attempt = attempts.start(session, upload, process_id=process, now=NOW)
                if marked:
                    attempts.mark(session, attempt, now=NOW)
        return upload

    return leave


def state(db: Database, upload: Upload) -> tuple[State, str | None]:
    """State and problem, as they are now."""
    with db.transaction(upload.organization_id) as session:
        found = uploads.get(session, upload.id)
        return found.state, found.problem


def last_attempt(db: Database, upload: Upload) -> Attempt:
    """The upload's last attempt."""
    with db.transaction(upload.organization_id) as session:
        return attempts.listing(session, upload.id)[-1]


def test_with_the_mark_nobody_knows(database: Database, worker: Database, leave: Leave) -> None:
    upload = leave(uuid4(), marked=True)
    assert sweep(worker, NOW) == Swept(unknown=1)
    assert state(database, upload) == (State.UNKNOWN, "unconfirmed")
    ended = last_attempt(database, upload)
    assert (ended.outcome, ended.problem, ended.ended_at) == ("unknown", "unconfirmed", NOW)


def test_without_the_mark_the_provider_has_nothing(database: Database, worker: Database, leave: Leave) -> None:
    upload = leave(uuid4())
    assert sweep(worker, NOW) == Swept(failed=1)
    assert state(database, upload) == (State.FAILED, "interrupted")
    assert last_attempt(database, upload).outcome == "interrupted"


@pytest.mark.parametrize("left", [State.RECEIVING, State.DELIVERING])
def test_what_was_never_attempted_failed(database: Database, worker: Database, leave: Leave, left: State) -> None:
    upload = leave(uuid4(), state=left, attempted=False)
    assert sweep(worker, NOW) == Swept(failed=1)
    assert state(database, upload) == (State.FAILED, "interrupted")


def test_an_outcome_that_was_recorded_is_not_touched(
    database: Database, worker: Database, mine: Tenant, leave: Leave
) -> None:
    upload = leave(uuid4(), marked=True)
    with database.transaction(mine.id) as session:
        attempts.end(session, attempts.listing(session, upload.id)[0], outcome="delivered", now=NOW)
        uploads.move(session, upload, State.DELIVERED, actor="x", now=NOW)
    assert sweep(worker, DEAD) == Swept()
    assert state(database, upload) == (State.DELIVERED, None)


def test_an_attempt_that_ended_without_its_upload_leaves_doubt(
    database: Database, worker: Database, mine: Tenant, leave: Leave
) -> None:
    """It cannot be, for both are written at once; if it were, 'failed' might be a lie."""
    upload = leave(uuid4(), marked=True)
    with database.transaction(mine.id) as session:
        attempts.end(session, attempts.listing(session, upload.id)[0], outcome="delivered", now=NOW)
    assert sweep(worker, DEAD) == Swept(unknown=1)
    assert last_attempt(database, upload).outcome == "delivered"


def test_the_living_keep_theirs_until_they_are_silent_for_ten_seconds(
    database: Database, worker: Database, leave: Leave
) -> None:
    process = uuid4()
    beat(database, process, "web", NOW)
    upload = leave(process, marked=True)
    assert sweep(worker, DEAD - MOMENT) == Swept()
    beat(database, process, "web", NOW + MOMENT)
    assert sweep(worker, DEAD) == Swept()
    assert state(database, upload) == (State.DELIVERING, None)
    assert sweep(worker, DEAD + MOMENT) == Swept(unknown=1)


def test_what_a_living_process_could_not_write_down_is_ended_by_its_marks_age(
    database: Database, worker: Database, leave: Leave
) -> None:
    process = uuid4()
    later = NOW + OVERDUE_AFTER
    beat(database, process, "web", later)
    marked, unmarked = leave(process, marked=True), leave(process)
    assert sweep(worker, later - MOMENT) == Swept()
    assert sweep(worker, later) == Swept(unknown=1)
    assert state(database, marked) == (State.UNKNOWN, "unconfirmed")
    assert last_attempt(database, marked).outcome == "unknown"
    assert state(database, unmarked) == (State.DELIVERING, None)


def test_whoever_takes_an_upload_over_is_its_owner(
    database: Database, worker: Database, mine: Tenant, leave: Leave
) -> None:
    heir = uuid4()
    beat(database, heir, "worker", DEAD)
    upload = leave(uuid4(), attempted=False)
    with database.transaction(mine.id) as session:
        attempts.start(session, upload, process_id=heir, now=NOW)
    assert sweep(worker, DEAD) == Swept()


def test_sweeping_again_finds_nothing(database: Database, worker: Database, mine: Tenant, leave: Leave) -> None:
    upload = leave(uuid4(), marked=True)
    assert [sweep(worker, NOW), sweep(worker, NOW), sweep(worker, DEAD)] == [Swept(unknown=1), Swept(), Swept()]
    with database.transaction(mine.id) as session:
        entries = audit.listing(session, subject=upload)
    assert [(entry.action, entry.actor) for entry in entries if entry.actor == "system"] == [
        ("upload.unknown", "system")
    ]


def test_two_sweepers_at_once_end_each_orphan_once(
    database: Database, worker: Database, mine: Tenant, leave: Leave, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "BATCH", 3)
    left = [leave(uuid4(), marked=bool(number % 2)) for number in range(12)]
    start = threading.Barrier(2)

    def one_of_two(_: int) -> Swept:
        start.wait(10)
        return sweep(worker, NOW)

    with ThreadPoolExecutor(2) as threads:
        swept = list(threads.map(one_of_two, range(2), timeout=60))
    again = sweep(worker, NOW)  # what both skipped, each leaving it to the other
    assert swept[0] + swept[1] + again == Swept(unknown=6, failed=6)
    with database.transaction(mine.id) as session:
        assert all(len(audit.listing(session, subject=upload)) == 2 for upload in left)


def test_an_orphan_that_another_has_in_hand_is_left_to_it(
    database: Database, worker: Database, mine: Tenant, leave: Leave
) -> None:
    upload = leave(uuid4(), marked=True)
    with database.transaction(mine.id) as session:
        session.execute(select(Upload).where(Upload.id == upload.id).with_for_update())
        assert sweep(worker, NOW) == Swept()
    assert sweep(worker, NOW) == Swept(unknown=1)


def test_more_than_a_batch(database: Database, worker: Database, leave: Leave, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeper, "BATCH", 2)
    for _ in range(5):
        leave(uuid4())
    assert sweep(worker, NOW) == Swept(failed=5)


def test_every_organization_is_swept(database: Database, worker: Database, nobody: None, vault: Vault) -> None:
    made = [tenant(database, vault, f"t{number}-{secrets.token_hex(4)}") for number in range(3)]
    assert sweep(worker, NOW) == Swept(failed=3)
    assert {state(database, of.upload) for of in made} == {(State.FAILED, "interrupted")}


def test_one_who_was_only_slow_can_still_tell_the_truth(
    database: Database, worker: Database, mine: Tenant, leave: Leave
) -> None:
    upload = leave(uuid4(), marked=True)
    attempt = last_attempt(database, upload)
    sweep(worker, NOW)
    with database.transaction(mine.id) as session:
        attempts.end(session, attempt, outcome="delivered", now=DEAD)
        uploads.move(session, upload, State.DELIVERED, actor="x", now=DEAD)
    assert state(database, upload) == (State.DELIVERED, None)


def test_the_databases_clock_is_asked_where_none_is_given(database: Database, worker: Database, leave: Leave) -> None:
    alive = uuid4()
    beat(database, alive, "web")
    leave(alive)
    leave(uuid4())
    assert sweep(worker) == Swept(failed=1)


def test_processes_that_were_silent_for_a_day_are_forgotten(
    owner_engine: Engine, database: Database, worker: Database, nobody: None
) -> None:
    old, young = uuid4(), uuid4()
    beat(database, old, "web", NOW)
    beat(database, young, "web", NOW + MOMENT)
    sweep(worker, NOW + timedelta(days=1))
    assert known(owner_engine, old, young) == {young}


def known(engine: Engine, *among: UUID) -> set[UUID]:
    """Which of these processes the database knows; gateways of other tests may beat beside them."""
    with engine.connect() as connection:
        return set(connection.scalars(select(Process.id).where(Process.id.in_(among))))


@pytest.fixture
def heartbeat(database: Database, nobody: None) -> Iterator[Heartbeat]:
    """A quick heart."""
    heart = Heartbeat(database, "web", every=0.01)
    yield heart
    heart.stop()


def beaten_at(engine: Engine, process: UUID) -> datetime:
    """When the process was last heard of."""
    with engine.connect() as connection:
        return connection.scalars(select(Process.beat_at).where(Process.id == process)).one()


def test_a_heart_beats_from_start_to_stop(owner_engine: Engine, heartbeat: Heartbeat) -> None:
    heartbeat.start()
    first = beaten_at(owner_engine, heartbeat.work.process_id)  # it is known as soon as it has started
    heartbeat.start()  # does nothing
    assert becomes(lambda: beaten_at(owner_engine, heartbeat.work.process_id) > first)
    heartbeat.stop()
    assert known(owner_engine, heartbeat.work.process_id) == set()
    assert not any(thread.name == "heartbeat" for thread in threading.enumerate())
    heartbeat.stop()  # does nothing
    heartbeat.start()  # and again
    assert known(owner_engine, heartbeat.work.process_id) == {heartbeat.work.process_id}


def test_a_heart_survives_a_database_that_is_away(
    owner_engine: Engine, heartbeat: Heartbeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat_well, missed, back = processes.beat, threading.Event(), threading.Event()

    def away(*arguments: object, **more: object) -> None:
        if not back.is_set():
            missed.set()
            raise OperationalError("", {}, Exception())
        beat_well(*arguments, **more)  # type: ignore[arg-type]

    heartbeat.start()
    monkeypatch.setattr(processes, "beat", away)
    assert missed.wait(10)
    before = beaten_at(owner_engine, heartbeat.work.process_id)
    back.set()
    assert becomes(lambda: beaten_at(owner_engine, heartbeat.work.process_id) > before)


def test_a_heart_stops_where_the_database_is_away(heartbeat: Heartbeat, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise OperationalError("", {}, Exception())

    heartbeat.start()
    monkeypatch.setattr(processes, "leave", away)
    heartbeat.stop()
    assert not any(thread.name == "heartbeat" for thread in threading.enumerate())


def test_only_the_worker_finds_orphans(database: Database) -> None:
    with pytest.raises(Exception, match="permission denied"), database.doors() as session:
        session.execute(text("SELECT ventanilla_find_orphans(now(), now(), now())"))


def keep_copy(database: Database, upload: Upload) -> None:
    """Let there be a whole copy of it, as with the mark of what is durable."""
    with database.transaction(upload.organization_id) as session:
        session.execute(update(Upload).where(Upload.id == upload.id).values(mode="durable"))
        copies.add(session, upload, copies.Whole(size=1, stored=1, sealed=b"x"), NOW)


@pytest.mark.parametrize(("marked", "outcome"), [(False, "interrupted"), (True, "unknown")])
def test_what_there_is_a_copy_of_waits(
    database: Database, worker: Database, leave: Leave, marked: bool, outcome: str
) -> None:
    upload = leave(uuid4(), marked=marked)
    keep_copy(database, upload)
    assert sweep(worker, NOW) == Swept(waiting=1)
    with database.transaction(upload.organization_id) as session:
        found = uploads.get(session, upload.id)
    assert (found.state, found.problem, found.due_at) == (State.WAITING, None, NOW)
    assert last_attempt(database, upload).outcome == outcome
    assert sweep(worker, NOW) == Swept()


def test_whose_doubt_is_known_already_keeps_it(
    database: Database, worker: Database, mine: Tenant, leave: Leave
) -> None:
    """Somebody was looking for it, and died."""
    upload = leave(uuid4(), marked=True)
    keep_copy(database, upload)
    with database.transaction(mine.id) as session:
        attempts.end(
            session, attempts.listing(session, upload.id)[0], outcome="unknown", problem="unconfirmed", now=NOW
        )
    assert sweep(worker, NOW) == Swept(waiting=1)
    assert last_attempt(database, upload).outcome == "unknown"


def test_what_was_received_and_kept_before_anything_was_sent_waits(
    database: Database, worker: Database, leave: Leave
) -> None:
    upload = leave(uuid4(), state=State.RECEIVING, attempted=False)
    keep_copy(database, upload)
    assert sweep(worker, NOW) == Swept(waiting=1)
    assert state(database, upload) == (State.WAITING, None)


@pytest.fixture
def in_hand(database: Database, vault: Vault, heartbeat: Heartbeat, nobody: None) -> Iterator[Upload]:
    """An upload that is on its way, in the hands of a process that beats."""
    heartbeat.beat()
    mine = tenant(database, vault, f"held-{secrets.token_hex(4)}")
    with database.transaction(mine.id) as session:
        upload = uploads.get(session, mine.upload.id)
        upload.process_id = heartbeat.work.process_id
    yield upload
    processes.leave(database, heartbeat.work.process_id)


def test_what_a_living_process_left_lying_is_swept(
    worker: Database, heartbeat: Heartbeat, in_hand: Upload, database: Database
) -> None:
    assert sweep(worker) == Swept()
    heartbeat.look()
    assert sweep(worker) == Swept(), "somebody may just have taken it up"
    heartbeat.look()
    assert sweep(worker) == Swept(failed=1)
    with database.transaction(in_hand.organization_id) as session:
        assert uploads.get(session, in_hand.id).state is State.FAILED


def test_what_a_process_works_on_stays_with_it(worker: Database, heartbeat: Heartbeat, in_hand: Upload) -> None:
    with heartbeat.work.holding(in_hand.id):
        for _ in range(3):
            heartbeat.look()
        assert sweep(worker) == Swept()
    heartbeat.look()
    heartbeat.look()
    assert sweep(worker) == Swept(failed=1)


def test_a_heart_lets_go_by_itself(worker: Database, heartbeat: Heartbeat, in_hand: Upload) -> None:
    heartbeat.start()
    assert becomes(lambda: sweep(worker) == Swept(failed=1))


def test_one_process_lets_go_of_nothing_of_anothers(database: Database, worker: Database, in_hand: Upload) -> None:
    assert processes.in_hand(database, uuid4()) == set()
    processes.let_go(database, uuid4(), [in_hand.id])
    assert sweep(worker) == Swept()
