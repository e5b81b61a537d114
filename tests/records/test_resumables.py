"""Whose turn it is to write, as the rows tell: of two who think that it is theirs, one is right."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, select, text, update

from app.database import Database
from app.records import resumables
from app.records.models import Resumable, ResumableKind
from app.records.resumables import LockLost, Part
from app.tenants import organizations
from app.tenants.vault import Vault
from tests.tenancy import tenant

NOON = datetime(2026, 11, 21, 20, 5, tzinfo=UTC)
MINE, THEIRS = uuid4(), uuid4()


@pytest.fixture
def organization_id(database: Database) -> UUID:
    return organizations.add(database, slug=f"t-{secrets.token_hex(6)}", name="Acme").id


@pytest.fixture
def make(database: Database, organization_id: UUID) -> Callable[..., UUID]:
    def make(**known: object) -> UUID:
        values = {
            "organization_id": organization_id,
            "kind": ResumableKind.WHOLE,
            "key_hash": secrets.token_bytes(32),
            "sealed": b"x",
            "length": 100,
            "expires_at": NOON,
            **known,
        }
        with database.transaction(organization_id) as session:
            row = Resumable(**values)
            resumables.begin(session, row, [Part(id=uuid4())])
            return row.id

    return make


@pytest.fixture
def take(database: Database, organization_id: UUID) -> Callable[[UUID, UUID], Resumable | None]:
    def take(resumable_id: UUID, lock: UUID) -> Resumable | None:
        with database.transaction(organization_id) as session:
            return resumables.take(session, resumable_id, lock)

    return take


@pytest.fixture
def count(database: Database, organization_id: UUID) -> Callable[..., None]:
    """Make a segment count."""

    def count(resumable_id: UUID, lock: UUID) -> None:
        with database.transaction(organization_id) as session:
            (*before, last) = resumables.parts(resumables.get(session, resumable_id))
            parts = [*before, last.grown(size=7, stored=9)]
            resumables.change(session, resumable_id, lock, parts=parts, received=7)

    return count


def silent(engine: Engine, resumable_id: UUID, column: str = "wanted_at") -> None:
    """Let the time go by after which nobody is waited for any more."""
    with engine.begin() as connection:
        change = f"UPDATE resumables SET {column} = now() - interval '4 seconds' WHERE id = :id"  # noqa: S608
        connection.execute(text(change), {"id": resumable_id})


def test_what_one_has_another_waits_for(make: Callable[..., UUID], take: Callable[..., Resumable | None]) -> None:
    one = make()
    assert take(one, MINE)
    assert take(one, THEIRS) is None


def test_what_nobody_wants_is_kept_for_as_long_as_it_takes(
    make: Callable[..., UUID], take: Callable[..., Resumable | None], owner_engine: Engine, database: Database
) -> None:
    one, lock = make(), uuid4()
    take(one, lock)
    assert resumables.answer(database, [lock]) == set()
    assert take(one, THEIRS) is None
    assert resumables.answer(database, [lock, uuid4()]) == {lock}


def test_who_answers_lives(
    make: Callable[..., UUID], take: Callable[..., Resumable | None], owner_engine: Engine, database: Database
) -> None:
    one, lock = make(), uuid4()
    take(one, lock)
    take(one, THEIRS)
    silent(owner_engine, one)
    resumables.answer(database, [lock])
    assert take(one, THEIRS) is None
    silent(owner_engine, one, "answered_at")
    assert take(one, THEIRS)


def test_who_lost_its_lock_counts_nothing_and_writes_to_another_copy(
    make: Callable[..., UUID],
    take: Callable[..., Resumable | None],
    count: Callable[..., None],
    owner_engine: Engine,
    database: Database,
    organization_id: UUID,
) -> None:
    one = make()
    take(one, MINE)
    count(one, MINE)
    take(one, THEIRS)
    silent(owner_engine, one)
    taken = take(one, THEIRS)
    assert taken
    mine, theirs = resumables.parts(taken)
    assert (mine.segments, mine.size, theirs.segments) == (1, 7, 0)
    assert taken.objects == [mine.id, theirs.id]
    with pytest.raises(LockLost):
        count(one, MINE)
    count(one, THEIRS)
    with database.transaction(organization_id) as session:
        resumables.release(session, one, MINE)
    assert take(one, uuid4()) is None


def test_a_copy_that_nothing_is_in_is_left_to_the_dead(
    make: Callable[..., UUID], take: Callable[..., Resumable | None], owner_engine: Engine
) -> None:
    one = make()
    first = take(one, MINE)
    take(one, THEIRS)
    silent(owner_engine, one)
    taken = take(one, THEIRS)
    assert first
    assert taken
    assert len(taken.objects) == 1
    assert taken.objects != first.objects


def test_what_has_become_an_upload_is_that_ones(
    database: Database, worker: Database, owner_engine: Engine, vault: Vault, make: Callable[..., UUID]
) -> None:
    """Else the copy of one that was delivered would lie there until the file's time is over, which is days."""
    arriving, arrived = uuid4(), tenant(database, vault, f"arrived-{secrets.token_hex(4)}").upload.id
    for copy in (arriving, arrived):
        change = update(Resumable).where(Resumable.id == make(upload_id=copy)).values(objects=[copy])
        with owner_engine.begin() as connection:
            connection.execute(change)
    assert resumables.known(worker, [arriving, arrived]) == {arriving}


def test_what_expires_is_given_up_and_later_forgotten(
    make: Callable[..., UUID], worker: Database, database: Database, organization_id: UUID
) -> None:
    over, later, handed_on = make(), make(expires_at=NOON + timedelta(hours=1)), make(upload_id=uuid4())

    def there() -> set[UUID]:
        with database.transaction(organization_id) as session:
            return set(session.scalars(select(Resumable.id)))

    with database.transaction(organization_id) as session:
        copies = {one: resumables.get(session, one).objects[0] for one in (over, later, handed_on)}
    assert resumables.known(worker, copies.values()) == set(copies.values())
    freed = resumables.expire(worker, NOON, NOON - timedelta(days=1))
    assert copies[over] in freed
    assert not {copies[later], copies[handed_on]} & set(freed)
    assert there() == {over, later, handed_on}
    assert resumables.known(worker, copies.values()) == {copies[later]}
    resumables.expire(worker, NOON, NOON)
    assert there() == {later}
