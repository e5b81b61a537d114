"""Rotating the master key: everything opens all the while, and the former key goes when nothing needs it any more."""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from app.database import HOUSE, Database, migrate, utcnow
from app.intake.spool import Spool
from app.intake.spool.local import Folder
from app.local.postgres import Embedded
from app.records import processes, rotation, signing
from app.records.models import AuditEntry, SigningKey
from app.records.rotation import AnotherRuns, NotKnown, Step
from app.tenants import connections
from app.tenants.keyset import Keyset, KeysetFile, create_keyset, number_of_wrapped
from app.tenants.models import Connection, Credential, DataKey
from app.tenants.vault import Vault, VaultError
from tests.tenancy import KEY, NOW, Tenant, becomes, house, tenant

DOCUMENT = b"%PDF-1.7 of a customer's" * 1000


@dataclass(frozen=True, kw_only=True)
class Place:
    """An installation of its own, and a vault that was there before everything that a test does."""

    file: KeysetFile
    owner: Database
    app: Database
    worker: Database
    vault: Vault
    tenant: Tenant
    spool: Spool
    upload_id: UUID

    def rotate(self, *, finish: bool = False) -> Generator[Step, None, None]:
        return rotation.rotate(self.file, self.owner, actor="cli:ana", patience=0, finish=finish)

    def opens(self, vault: Vault) -> bool:
        """Whether everything there is opens: credentials, the house's too, the signing key, the copy in the spool."""
        with self.app.transaction(self.tenant.id) as session:
            kept = connections.credential(session, vault, session.get_one(Connection, self.tenant.connection.id))
            cipher = vault.cipher(session, self.tenant.id)
            vault.prints(session, self.tenant.id)
        with self.app.transaction(HOUSE) as session:
            vault.check(session, HOUSE)
        with self.worker.doors() as session:
            signing.signer(session, vault, NOW)
        read = b"".join(self.spool.read(cipher, self.tenant.id, self.upload_id))
        return kept["key"].get_secret_value() == KEY and read == DOCUMENT


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[Embedded]:
    """A server of one's own: whoever else beats on another knows other keys."""
    with Embedded(place / "rotation", durable=False) as server:
        migrate(server.owner_url)
        yield server


@pytest.fixture
def here(server: Embedded, tmp_path: Path) -> Iterator[Place]:
    owner, app, worker = (Database(url, pool=4) for url in (server.owner_url, server.app_url, server.worker_url))
    create_keyset(tmp_path / "keyset.json")
    file = KeysetFile(path=tmp_path / "keyset.json")
    vault = Vault(file)
    for table in ("audit_entries", "webhook_secrets", "credentials", "data_keys", "signing_keys", "processes"):
        with owner.doors() as session:
            session.execute(text(f"TRUNCATE {table} CASCADE"))
    made = tenant(app, vault, f"acme-{secrets.token_hex(4)}")
    house(app, vault, f"house-{secrets.token_hex(4)}")
    with worker.doors() as session:
        signing.signer(session, vault, NOW)
    spool, upload_id = Spool(Folder(tmp_path / "spool")), uuid4()
    with app.transaction(made.id) as session:
        cipher = vault.cipher(session, made.id)
    with spool.write(cipher, made.id, upload_id) as writer:
        writer.feed(DOCUMENT)
    yield Place(
        file=file, owner=owner, app=app, worker=worker, vault=vault, tenant=made, spool=spool, upload_id=upload_id
    )
    for one in (owner, app, worker):
        one.dispose()


def test_another_key_takes_its_place(here: Place) -> None:
    former = here.file.read().primary
    steps = []
    for step in here.rotate():
        steps.append(step)
        assert here.opens(here.vault), "whoever runs opens all, at every step"
        assert here.opens(Vault(here.file)), "so does whoever begins"
    assert [step.what for step in steps] == ["added", "promoted", "rewrapped", "retired"]
    (primary,) = steps[0].keys
    assert here.file.read().numbers == (primary,)
    assert steps[-1].keys == (former,)
    assert rotation.standing(here.owner) == {primary: 5}
    assert steps[2].rows == 3


def test_what_is_made_afterwards_is_under_the_new_key(here: Place) -> None:
    (*_, _retired) = here.rotate()
    made = tenant(here.app, here.vault, f"later-{secrets.token_hex(4)}")
    with here.app.transaction(made.id) as session:
        assert number_of_wrapped(session.scalars(select(DataKey)).one().wrapped) == here.file.read().primary


def test_it_is_written_down_before_it_can_have_happened(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    former = here.file.read().primary
    seen: list[list[tuple[str, Mapping[str, object]]]] = []

    replace = KeysetFile.replace

    def put(self: KeysetFile, keyset: Keyset) -> None:
        told = select(AuditEntry).where(AuditEntry.action.like("vault.%")).order_by(AuditEntry.id)
        with here.owner.transaction(HOUSE) as session:
            seen.append([(entry.action, entry.details) for entry in session.scalars(told) if entry.actor == "cli:ana"])
        replace(self, keyset)

    monkeypatch.setattr(KeysetFile, "replace", put)
    (*_, _retired) = here.rotate()
    primary = here.file.read().primary
    rotated = ("vault.rotated", {"primary": primary, "former": former})
    retired = ("vault.retired", {"primary": primary, "former": [former]})
    assert seen == [[], [rotated], [rotated, retired]]


def test_the_former_keyset_opens_nothing_any_more(here: Place, tmp_path: Path) -> None:
    shutil.copy(here.file.path, tmp_path / "former.json")
    (*_, _retired) = here.rotate()
    with pytest.raises(VaultError, match="VAULT_KEYSET does not open"):
        here.opens(Vault.load(tmp_path / "former.json"))


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_it_goes_on_where_it_was_killed(here: Place, steps: int) -> None:
    first = here.rotate()
    seen = [next(first).what for _ in range(steps)]
    first.close()
    assert here.opens(here.vault)
    assert here.opens(Vault(here.file))
    again = [step.what for step in here.rotate(finish=True)]
    whole = ["added", "promoted", "rewrapped", "retired"]
    assert seen + again[-4 + steps :] == whole
    assert again[-2:] == ["rewrapped", "retired"]
    assert len(here.file.read().numbers) == 1
    assert here.opens(here.vault)


def test_killed_in_the_middle_of_the_rows(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row each, and nobody gets to the second."""
    monkeypatch.setattr(rotation, "BATCH", 1)
    rewrap, done = Vault.rewrap, list[UUID]()

    def once(self: Vault, session: object, key: DataKey) -> bool:
        if done:
            raise KeyboardInterrupt
        done.append(key.id)
        return rewrap(self, session, key)  # type: ignore[arg-type]

    monkeypatch.setattr(Vault, "rewrap", once)
    with pytest.raises(KeyboardInterrupt):
        list(here.rotate())
    monkeypatch.setattr(Vault, "rewrap", rewrap)
    assert len(rotation.standing(here.owner)) == 2
    assert here.opens(here.vault)
    assert here.opens(Vault(here.file))
    assert [step.what for step in here.rotate()] == ["rewrapped", "retired"]
    assert here.opens(here.vault)


def test_finish_begins_nothing(here: Place) -> None:
    before = here.file.read()
    assert list(here.rotate(finish=True)) == []
    assert here.file.read() == before


def beat(here: Place, process: UUID, *keys: int) -> None:
    """Let a process say what it knows; it goes on living however long the test takes."""
    processes.beat(here.app, process, "web", utcnow() + timedelta(hours=1), vault_keys=keys)


def test_it_waits_for_who_does_not_know_the_key(here: Place) -> None:
    process, former = uuid4(), here.file.read().primary
    beat(here, process, former)
    running = here.rotate()
    (following,) = next(running).keys
    with pytest.raises(NotKnown) as caught:
        next(running)
    assert [one.id for one in caught.value.missing] == [process]
    assert here.file.read().primary == former, "what not everybody could open is not written"
    beat(here, process, former, following)
    running = here.rotate()
    assert next(running).what == "promoted"
    with pytest.raises(NotKnown):
        next(running)
    assert rotation.standing(here.owner) == {former: 5}
    beat(here, process, following, former)
    assert [step.what for step in here.rotate()] == ["rewrapped", "retired"]


def test_it_waits_while_they_find_out(here: Place) -> None:
    process = uuid4()
    beat(here, process, here.file.read().primary)
    waited = []

    def pause(seconds: float) -> None:
        waited.append(seconds)
        beat(here, process, *here.file.read().known)

    steps = rotation.rotate(here.file, here.owner, actor="cli:ana", patience=60, pause=pause)
    assert [step.what for step in steps] == ["added", "promoted", "rewrapped", "retired"]
    assert len(waited) == 2


def test_a_version_that_does_not_say_is_waited_for(here: Place) -> None:
    beat(here, uuid4())
    with pytest.raises(NotKnown) as caught:
        list(here.rotate())
    assert caught.value.missing[0].keys == ()
    assert len(here.file.read().following) == 1


def test_the_dead_are_not_waited_for(here: Place) -> None:
    beat(here, uuid4())
    with here.owner.doors() as session:
        session.execute(text("UPDATE processes SET beat_at = beat_at - interval '2 hours'"))
    assert [step.what for step in here.rotate()][-1] == "retired"


def test_a_process_says_what_it_has_just_taken_up(here: Place) -> None:
    heartbeat = processes.Heartbeat(here.app, "worker", here.vault)
    here.file.replace(here.file.read().with_another())
    heartbeat.beat()
    (known,) = rotation.knowing(here.owner)
    assert known.keys == here.file.read().known
    assert known.node
    assert len(known.keys) == 2


def test_one_rotates_at_a_time(here: Place) -> None:
    first = here.rotate()
    next(first)
    with pytest.raises(AnotherRuns):
        list(here.rotate())
    first.close()
    assert [step.what for step in here.rotate()][-1] == "retired"


def test_a_row_that_is_being_made_is_not_forgotten(here: Place) -> None:
    """Its transaction began under the former key and ends while the former key is about to be taken away."""
    keyset = here.file.read()
    organization = tenant(here.app, here.vault, f"late-{secrets.token_hex(4)}")
    running = here.rotate()
    for _ in range(3):
        next(running)
    rest: list[Step] = []
    with here.owner.doors() as session:
        former = Vault.load(_file_of(here, keyset)).rewrap
        key = session.scalars(select(DataKey).where(DataKey.organization_id == organization.id)).one()
        assert former(session, key)
        session.flush()
        finishing = threading.Thread(target=lambda: rest.extend(running))
        finishing.start()
        assert becomes(lambda: _waits_for_a_lock(here))
        assert rest == []
    finishing.join(30)
    assert [step.what for step in rest] == ["retired"]
    assert set(rotation.standing(here.owner)) == {here.file.read().primary}
    with here.app.transaction(organization.id) as session:
        here.vault.check(session, organization.id)


def _file_of(here: Place, keyset: Keyset) -> Path:
    """A keyset with both keys of which the former encrypts, as a process has it that was too slow."""
    now = here.file.read()
    both = Keyset(keys={**now.keys, "primaryKeyId": keyset.primary})
    path = here.file.path.with_name("slow.json")
    KeysetFile(path=path).create(both)
    return path


def _waits_for_a_lock(here: Place) -> bool:
    query = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'LOCK TABLE%'")
    with here.owner.doors() as session:
        return bool(session.scalar(query))


def test_what_was_read_before_it_was_put_under_another_key_opens(here: Place) -> None:
    """A transaction that has the row as it was, while the key that it lies under is taken away."""
    with here.app.transaction(here.tenant.id) as session:
        held = session.scalars(select(DataKey)).all()
        (*_, _retired) = here.rotate()
        fresh = Vault(here.file)
        credential = session.scalars(select(Credential)).one()
        assert fresh.open(session, credential).get_secret_value() == KEY
        assert held


def test_a_process_that_slept_through_all_of_it_takes_it_up(here: Place) -> None:
    """One that only showed pages, say, and was asked by nobody which keys it knows."""
    (*_, _retired) = here.rotate()
    assert here.opens(here.vault)
    assert here.vault.known == here.file.read().known


def test_nothing_is_put_under_a_key_that_was_taken_away(here: Place) -> None:
    """The first that such a process does is to make a data key."""
    (*_, _retired) = here.rotate()
    made = tenant(here.app, here.vault, f"first-{secrets.token_hex(4)}")
    with here.app.transaction(made.id) as session:
        Vault(here.file).check(session, made.id)


def test_a_keyset_that_is_away_for_a_while(here: Place, tmp_path: Path) -> None:
    here.file.path.rename(tmp_path / "away.json")
    assert not here.vault.refresh()
    assert here.opens(here.vault)
    (tmp_path / "away.json").rename(here.file.path)
    assert here.vault.refresh()


def test_what_nobody_can_open_stops_it(here: Place) -> None:
    with here.owner.doors() as session:
        session.execute(text("UPDATE data_keys SET wrapped_prints = wrapped WHERE organization_id IS NULL"))
    with pytest.raises(VaultError, match="the data key of the house"):
        list(here.rotate())
    assert len(here.file.read().numbers) == 2, "nothing is taken away"


def test_only_the_owner_can_put_rows_under_another_key(here: Place) -> None:
    for database in (here.app, here.worker):
        for table in (DataKey, SigningKey):
            with pytest.raises(SQLAlchemyError, match="permission denied"), database.doors() as session:
                session.execute(text(f"UPDATE {table.__tablename__} SET wrapped = ''"))  # noqa: S608
