"""The sealing job: what was committed gets its place, once, in an order that holds whatever the clocks say."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Delete, Engine, Update, delete, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.database import HOUSE, Base, Database
from app.records import audit, sealing, signing, uploads, verifying
from app.records.chain import Wrong
from app.records.models import AuditEntry, ChainHead, Receipt, SigningKey, Upload
from app.records.sealing import Sealed, seal
from app.records.signing import Keys
from app.records.states import State
from app.records.verifying import Report
from app.tenants.vault import Vault
from tests.tenancy import NOW, Tenant, tenant

Begin = Callable[..., Upload]


@pytest.fixture
def mine(database: Database, vault: Vault) -> Tenant:
    """An organization whose chains are its test's own."""
    return tenant(database, vault, f"chained-{secrets.token_hex(5)}")


def deliver(database: Database, mine: Tenant, begin: Begin, **told: Any) -> Upload:
    """Let an upload arrive."""
    with database.transaction(mine.id) as session:
        upload = begin(session, organization_id=mine.id, connection_id=mine.connection.id, **told)
    with database.transaction(mine.id) as session:
        return uploads.move(session, upload, State.DELIVERED, actor="tests", now=NOW, reference="ref-1")


def entries(database: Database, mine: Tenant) -> list[AuditEntry]:
    with database.transaction(mine.id) as session:
        return list(session.scalars(select(AuditEntry).order_by(AuditEntry.number)))


def reports(database: Database, mine: Tenant) -> tuple[Report, Report]:
    with database.transaction(mine.id) as session:
        keys = Keys.load(session)
        return verifying.audit_log(session, mine.id, keys), verifying.receipt_chain(session, mine.id, keys)


def test_everything_gets_its_place(
    database: Database, worker: Database, vault: Vault, mine: Tenant, begin: Begin
) -> None:
    for _ in range(3):
        deliver(database, mine, begin)
    seal(worker, vault)
    log, chain = reports(database, mine)
    assert log.is_whole, log
    assert chain.is_whole, chain
    assert (log.looked.count, log.unsealed, chain.looked.count) == (7, 0, 3)
    assert [entry.number for entry in entries(database, mine)] == [1, 2, 3, 4, 5, 6, 7]


def test_nothing_is_sealed_twice(
    database: Database, worker: Database, vault: Vault, mine: Tenant, begin: Begin
) -> None:
    deliver(database, mine, begin)
    seal(worker, vault)
    before = [(entry.number, entry.signature) for entry in entries(database, mine)]
    seal(worker, vault)
    assert [(entry.number, entry.signature) for entry in entries(database, mine)] == before


def test_in_batches(database: Database, worker: Database, vault: Vault, mine: Tenant, begin: Begin) -> None:
    for _ in range(5):
        deliver(database, mine, begin)
    assert seal(worker, vault, batch=2).receipts >= 5
    log, chain = reports(database, mine)
    assert log.is_whole
    assert chain.is_whole
    assert log.looked.count == 11


def test_the_house_has_a_chain_too(database: Database, worker: Database, vault: Vault, mine: Tenant) -> None:
    with database.transaction(HOUSE) as session:
        audit.write(session, organization_id=None, actor="x", action="x", subject=mine.organization, now=NOW)
    seal(worker, vault)
    with database.transaction(HOUSE) as session:
        report = verifying.audit_log(session, HOUSE, Keys.load(session))
        assert report.is_whole
        assert report.looked.count >= 1


def test_what_was_committed_before_comes_before_whatever_the_clocks_say(
    database: Database, worker: Database, vault: Vault, mine: Tenant
) -> None:
    told: dict[str, Any] = {"organization_id": mine.id, "actor": "x", "subject": mine.upload}
    made_first = audit.entry(**told, action="second", now=NOW - timedelta(days=1))  # its id is older, too
    with database.transaction(mine.id) as session:
        audit.write(session, **told, action="first", now=NOW + timedelta(days=1))
    with database.transaction(mine.id) as session:
        session.add(made_first)
    seal(worker, vault)
    assert [entry.action for entry in entries(database, mine)][1:] == ["first", "second"]


def note(session: Session, mine: Tenant, action: str, now: Any = NOW) -> None:
    audit.write(session, organization_id=mine.id, actor="x", action=action, subject=mine.upload, now=now)


def test_the_order_holds_while_many_write_and_two_seal(
    database: Database, worker: Database, vault: Vault, mine: Tenant
) -> None:
    """Each writer's entries stand in the order in which it committed them; none is lost, none doubled."""
    writers, each, writing = 4, 25, threading.Event()
    writing.set()

    def write(who: int) -> None:
        for count in range(each):
            with database.transaction(mine.id) as session:
                # Clocks run backwards here, and ids are made before others' transactions that end earlier.
                note(session, mine, f"{who}-{count}", NOW - timedelta(seconds=count))

    def go_on_sealing() -> int:
        done = 0
        while writing.is_set():
            done += seal(worker, vault, batch=7).entries
        return done

    with ThreadPoolExecutor(writers + 2) as pool:
        sealers = [pool.submit(go_on_sealing) for _ in range(2)]
        for one in [pool.submit(write, who) for who in range(writers)]:
            one.result()
        writing.clear()
        assert sum(one.result() for one in sealers) > 0
    seal(worker, vault)
    log, _ = reports(database, mine)
    assert log.is_whole, log
    found = entries(database, mine)
    assert [entry.number for entry in found] == [*range(1, writers * each + 2)]
    for who in range(writers):
        ours = [entry.action for entry in found if entry.action.startswith(f"{who}-")]
        assert ours == [f"{who}-{count}" for count in range(each)]


def test_a_transaction_that_is_open_is_not_waited_for(
    database: Database, worker: Database, vault: Vault, mine: Tenant
) -> None:
    with database.transaction(mine.id) as session:
        note(session, mine, "open")
        session.flush()
        with database.transaction(mine.id) as other:
            note(other, mine, "committed")
        seal(worker, vault)
        assert [entry.action for entry in entries(database, mine) if entry.number][-1] == "committed"
    seal(worker, vault)
    assert [entry.action for entry in entries(database, mine)][-1] == "open"
    assert reports(database, mine)[0].is_whole


def test_who_has_the_lock_is_left_alone(database: Database, worker: Database, vault: Vault, mine: Tenant) -> None:
    lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
    with worker.doors() as session:
        session.execute(lock, {"name": f"ventanilla chain {mine.id}"})
        seal(worker, vault)
        assert [entry.number for entry in entries(database, mine)] == [None]
    seal(worker, vault)
    assert [entry.number for entry in entries(database, mine)] == [1]


def test_what_another_sealed_meanwhile_is_let_be(
    database: Database, worker: Database, vault: Vault, mine: Tenant, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look for what there is and the turn of this chain."""
    deliver(database, mine, begin)
    seal_chain, sealed = sealing._seal_chain, list[set[datetime]]()

    def heads() -> set[datetime]:
        with database.transaction(mine.id) as session:
            return set(session.scalars(select(ChainHead.sealed_at)))

    def overtaken(*given: Any) -> Sealed:
        monkeypatch.undo()
        seal(worker, vault)
        sealed.append(heads())
        return seal_chain(*given)

    monkeypatch.setattr(sealing, "_seal_chain", overtaken)
    assert seal(worker, vault) == Sealed()
    assert [entry.number for entry in entries(database, mine)] == [1, 2, 3]
    assert sealed == [heads()], "nothing is signed anew"
    assert all(report.is_whole for report in reports(database, mine))


def test_a_worker_that_dies_leaves_nothing_half_done(
    database: Database, worker: Database, vault: Vault, mine: Tenant, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(database, mine, begin)

    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("app.records.receipts.write", die)
        with pytest.raises(Killed):
            seal(worker, vault)
    assert {entry.number for entry in entries(database, mine)} == {None}
    seal(worker, vault)
    assert all(report.is_whole for report in reports(database, mine))


def test_a_chain_that_cannot_be_continued_holds_up_no_other(
    database: Database, worker: Database, vault: Vault, mine: Tenant, begin: Begin, owner_engine: Engine
) -> None:
    other = tenant(database, vault, f"other-{secrets.token_hex(5)}")
    seal(worker, vault)
    with owner_engine.begin() as connection:
        connection.execute(delete(ChainHead).where(ChainHead.organization_id == mine.id))
    for one in (mine, other):
        with database.transaction(one.id) as session:
            note(session, one, "more")
    try:
        seal(worker, vault)
        assert entries(database, mine)[-1].number is None
        assert entries(database, other)[-1].number == 2
        assert not reports(database, mine)[0].is_whole
    finally:  # nothing that other tests would be told of each time
        first = AuditEntry.organization_id == mine.id, AuditEntry.number == 1
        with owner_engine.begin() as connection:
            connection.execute(update(AuditEntry).where(*first).values(number=None))


def test_a_row_that_cannot_be_told_of_holds_up_no_other(
    database: Database, worker: Database, vault: Vault, mine: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tenant(database, vault, f"other-{secrets.token_hex(5)}")
    seal(worker, vault)
    for one in (mine, other):
        with database.transaction(one.id) as session:
            note(session, one, "more")
    place = sealing._place_entry

    def stumble(entry: AuditEntry, end: Any) -> Any:
        if entry.organization_id == mine.id:
            raise KeyError("not_before")
        return place(entry, end)

    monkeypatch.setattr(sealing, "_place_entry", stumble)
    seal(worker, vault)
    assert entries(database, mine)[-1].number is None
    assert entries(database, other)[-1].number == 2
    monkeypatch.undo()
    seal(worker, vault)
    assert entries(database, mine)[-1].number


def test_a_database_that_is_away_is_no_chains_fault(
    database: Database, worker: Database, vault: Vault, mine: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.transaction(mine.id) as session:
        note(session, mine, "more")

    def away(*_: object) -> Any:
        raise OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(sealing, "_seal_chain", away)
    with pytest.raises(OperationalError):
        seal(worker, vault)


def test_what_was_sealed_is_counted() -> None:
    assert Sealed(entries=1) + Sealed(entries=2, receipts=1) == Sealed(entries=3, receipts=1)


# --- any one byte ----------------------------------------------------------------------------------------------------

ENTRY = ("id", "at", "actor", "action", "subject_type", "subject_id", "details", "number", "previous", "signature")
RECEIPT = ("id", "number", "body", "hash", "signature")
HEAD = ("number", "hash", "signature", "sealed_at")
COUNT = 7


@dataclass(frozen=True, kw_only=True)
class Bench:
    """An organization with chains of some length; the tables' owner, whose changes are undone; another key."""

    mine: Tenant
    theirs: Tenant
    owner: Connection
    other_key: UUID

    def after(self, change: Update | Delete, looks: Any = verifying.audit_log, whose: Tenant | None = None) -> Report:
        """What is found once the owner has changed a row."""
        try:
            with self.owner.begin_nested():
                assert self.owner.execute(change).rowcount == 1
                with Session(self.owner, join_transaction_mode="create_savepoint") as session:
                    report: Report = looks(session, (whose or self.mine).id, Keys.load(session))
                    raise Undone(report)  # noqa: TRY301 - how the transaction is told
        except Undone as undone:
            return undone.report

    def value(self, table: type[Base], number: int, column: str) -> Any:
        wanted = select(getattr(table, column)).where(self.at(table, number))
        return self.owner.scalars(wanted).one()

    def at(self, table: type[Any], number: int) -> Any:
        owned = table.organization_id == self.mine.id
        return owned & (table.chain == "audit" if table is ChainHead else table.number == number)


class Undone(Exception):  # noqa: N818 - an end, not an error
    """Ends a change without a trace."""

    def __init__(self, report: Report) -> None:
        super().__init__()
        self.report = report


@pytest.fixture(scope="module")
def bench(database: Database, worker: Database, vault: Vault, owner_engine: Engine) -> Iterator[Bench]:
    mine, theirs = (tenant(database, vault, f"{name}-{secrets.token_hex(5)}") for name in ("bytes", "others"))
    for _ in range(3):
        with database.transaction(mine.id) as session:
            upload = uploads.begin(
                session,
                organization_id=mine.id,
                connection_id=mine.connection.id,
                operation="codat/file",
                mode="relay",
                process_id=mine.upload.process_id,
                actor="tests",
                now=NOW,
                state=State.DELIVERING,
                parts=[{"name": "file", "filename": "año.pdf", "size": 3, "sha256": 64 * "a"}],
            )
            uploads.move(session, upload, State.DELIVERED, actor="tests", now=NOW, reference="ref-1")
    seal(worker, vault)
    with worker.doors() as session:
        signing.rotate(session, vault, NOW)
        other_key = signing.signer(session, vault, NOW).id
    with owner_engine.connect() as connection:
        yield Bench(mine=mine, theirs=theirs, owner=connection, other_key=other_key)
        connection.rollback()


def another(value: Any, data: st.DataObject) -> Any:
    """The same with one byte changed."""
    match value:
        case bytes():
            spot = data.draw(st.integers(0, len(value) - 1))
            return value[:spot] + bytes([value[spot] ^ data.draw(st.integers(1, 255))]) + value[spot + 1 :]
        case str():
            spot = data.draw(st.integers(0, len(value) - 1))
            letters = st.characters(min_codepoint=32, max_codepoint=126).filter(lambda one: one != value[spot])
            return value[:spot] + data.draw(letters) + value[spot + 1 :]
        case UUID():
            return UUID(bytes=another(value.bytes, data))
        case int():
            return value ^ 1 << data.draw(st.integers(3, 62))  # the lowest bits would be another's place
        case datetime():
            return value + timedelta(microseconds=data.draw(st.integers(1, 10**9)))
        case dict():
            name = data.draw(st.sampled_from([*sorted(value), "new"]))
            return {**value, name: another(value[name], data) if name in value else 1}
    raise TypeError(type(value))


MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def places(report: Report) -> set[int | None]:
    return {place for fault in report.faults for place in (fault.number, fault.belongs)}


def test_the_bench_is_in_order(bench: Bench) -> None:
    with Session(bench.owner) as session:
        log = verifying.audit_log(session, bench.mine.id, Keys.load(session))
        chain = verifying.receipt_chain(session, bench.mine.id, Keys.load(session))
    assert (log.is_whole, chain.is_whole, log.looked.count, chain.looked.count) == (True, True, COUNT, 3)


@MANY
@given(number=st.integers(2, COUNT), column=st.sampled_from(ENTRY), data=st.data())
def test_any_byte_of_any_audit_entry(bench: Bench, number: int, column: str, data: st.DataObject) -> None:
    value = another(bench.value(AuditEntry, number, column), data)
    report = bench.after(update(AuditEntry).where(bench.at(AuditEntry, number)).values({column: value}))
    assert not report.is_whole
    assert number in places(report), report


@MANY
@given(number=st.integers(1, 3), column=st.sampled_from(RECEIPT), data=st.data())
def test_any_byte_of_any_receipt(bench: Bench, number: int, column: str, data: st.DataObject) -> None:
    value = another(bench.value(Receipt, number, column), data)
    change = update(Receipt).where(bench.at(Receipt, number)).values({column: value})
    report = bench.after(change, verifying.receipt_chain)
    assert not report.is_whole
    assert number in places(report), report


@MANY
@given(column=st.sampled_from(HEAD), data=st.data())
def test_any_byte_of_a_head(bench: Bench, column: str, data: st.DataObject) -> None:
    value = another(bench.value(ChainHead, 0, column), data)
    report = bench.after(update(ChainHead).where(bench.at(ChainHead, 0)).values({column: value}))
    assert not report.head_is_sound
    assert not report.is_whole


def test_however_many_are_read_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for page in (1, 2, COUNT, COUNT + 1):
        monkeypatch.setattr(verifying, "PAGE", page)
        test_the_bench_is_in_order(bench)
    change = update(AuditEntry).where(bench.at(AuditEntry, COUNT)).values(action="something else")
    monkeypatch.setattr(verifying, "PAGE", 2)
    assert places(bench.after(change)) == {COUNT, None}, "the last page is looked at like the first"


@pytest.mark.parametrize(
    "body", ["", "no JSON", "7", "[]", "{}", '{"organization":{},"previous":null,"upload":{}}', '{"organization":7}']
)
def test_a_receipt_that_cannot_be_read(bench: Bench, body: str) -> None:
    """It is said to be wrong, and nothing that it says of the audit log counts."""
    change = update(Receipt).where(bench.at(Receipt, 2)).values(body=body)
    chain = bench.after(change, verifying.receipt_chain)
    assert not chain.is_whole
    assert 2 in places(chain)
    assert bench.after(change, verifying.audit_log).is_whole


@pytest.mark.parametrize("table", [AuditEntry, Receipt, ChainHead])
def test_another_key(bench: Bench, table: type[Any]) -> None:
    change = update(table).where(bench.at(table, 2)).values(key_id=bench.other_key)
    looks = verifying.receipt_chain if table is Receipt else verifying.audit_log
    report = bench.after(change, looks)
    assert not report.is_whole
    assert places(report) == (set() if table is ChainHead else {2, None})


def test_another_upload(bench: Bench) -> None:
    change = update(Receipt).where(bench.at(Receipt, 2)).values(upload_id=bench.mine.upload.id)
    report = bench.after(change, verifying.receipt_chain)
    assert [(fault.wrong, fault.number) for fault in report.faults] == [(Wrong.CHANGED, 2)]
    assert len(report.without_receipt) == 1


def test_another_organization(bench: Bench) -> None:
    change = update(AuditEntry).where(bench.at(AuditEntry, 3)).values(organization_id=bench.theirs.id)
    assert [(fault.wrong, fault.number) for fault in bench.after(change).faults] == [(Wrong.MISSING, 3)]
    theirs = bench.after(change, whose=bench.theirs)
    assert [(fault.wrong, fault.number) for fault in theirs.faults] == [(Wrong.INSERTED, 3)]


@pytest.mark.attack("secrets", "a key of the audit log, exchanged", "the chain says so")
def test_a_key_in_the_place_of_another(bench: Bench) -> None:
    """Whoever can change the table of keys still has none that fits the name."""
    key_id = bench.value(AuditEntry, 2, "key_id")
    report = bench.after(update(SigningKey).where(SigningKey.id == key_id).values(public=bytes(32)))
    assert {fault.number for fault in report.faults} == {*range(1, COUNT + 1)}


def test_one_that_is_to_be_sealed_again(bench: Bench) -> None:
    report = bench.after(update(AuditEntry).where(bench.at(AuditEntry, 4)).values(number=None))
    assert [(fault.wrong, fault.number) for fault in report.faults] == [(Wrong.MISSING, 4)]
    assert report.unsealed == 1


def test_an_end_that_was_cut_off_together_with_its_head(bench: Bench) -> None:
    """The receipts tell of the log that they were made from; of what has none, a note of the last hash."""
    headless = bench.at(ChainHead, 0)
    with bench.owner.begin_nested() as undone:
        bench.owner.execute(delete(ChainHead).where(headless))
        report = bench.after(delete(AuditEntry).where(bench.at(AuditEntry, COUNT)))
        undone.rollback()
    assert not report.head_is_sound
    assert [(fault.wrong, fault.number) for fault in report.faults] == [(Wrong.CUT_OFF, COUNT)]
    with Session(bench.owner) as session:
        report = verifying.audit_log(session, bench.mine.id, Keys.load(session), known={COUNT + 1: bytes(32)})
    assert [(fault.wrong, fault.number) for fault in report.faults] == [(Wrong.CUT_OFF, COUNT + 1)]


def test_a_log_that_another_was_put_in_the_place_of(bench: Bench) -> None:
    """Even well signed, it is not the one that receipts, or a note, tell of."""
    with Session(bench.owner) as session:
        report = verifying.audit_log(session, bench.mine.id, Keys.load(session), known={3: bytes(32)})
    assert [(fault.wrong, fault.number) for fault in report.faults] == [(Wrong.REPLACED, 3)]
