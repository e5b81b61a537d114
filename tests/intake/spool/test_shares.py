"""What one organization may have of the spool: no byte more, whoever writes for it and on whichever node."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs
from uuid_utils.compat import uuid7

from app.database import Database
from app.intake.spool import ShareFull, Shares, Spool
from app.intake.spool.cipher import sealed_bytes
from app.intake.spool.local import Folder
from app.intake.spool.shares import STEP, Held
from app.records import promises
from app.records.models import Copy, Promise, Resumable, ResumableKind
from app.records.processes import beat
from app.tenants import organizations
from app.tenants.vault import Vault
from tests.intake.spool.conftest import House, a_cipher
from tests.tenancy import NOW, tenant

MOST = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Site:
    """Organizations, and nodes that write into one folder for them."""

    database: Database
    folder: Path
    organization: UUID
    other: UUID
    cipher: object = field(default_factory=a_cipher)

    def spool(self, most: int = MOST) -> Spool:
        """A node's, which is alive."""
        process_id = uuid7()
        beat(self.database, process_id, "web")
        return Spool(Folder(self.folder), shares=Shares(self.database, most, process_id))

    def keep(self, spool: Spool, size: int, *, said: bool = True, organization: UUID | None = None) -> UUID:
        """Write a file whose row is not there yet."""
        copy_id, whose = uuid7(), organization or self.organization
        with spool.write(self.cipher, whose, copy_id, size=size if said else 0) as writer:
            for begin in range(0, size, 100_000):
                writer.feed(bytes(min(100_000, size - begin)))
        return copy_id

    def taken(self, organization: UUID | None = None) -> int:
        with self.database.transaction(organization or self.organization) as session:
            return promises.taken(session)

    def promised(self) -> Sequence[UUID]:
        with self.database.transaction(self.organization) as session:
            return session.scalars(select(Promise.copy_id)).all()


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Site:
    mine, other = (organizations.add(database, slug=f"share-{secrets.token_hex(6)}", name="S").id for _ in range(2))
    return Site(database=database, folder=tmp_path / "spool", organization=mine, other=other)


@pytest.mark.parametrize("size", [0, 1, 4000, 4080, 4081, 65_536, 3_000_000])
def test_no_object_is_larger_than_is_promised_for_it_and_little_is_promised_in_vain(local: House, size: int) -> None:
    stored = local.keep(uuid4(), bytes(size))
    assert stored <= sealed_bytes(size) <= stored + 1200


def test_up_to_its_share_and_no_byte_more(site: Site) -> None:
    spool, size = site.spool(sealed_bytes(400_000) * 2), 400_000
    for _ in range(2):
        spool.check_room(size, site.organization)
        site.keep(spool, size)
    with pytest.raises(ShareFull) as refused:
        spool.check_room(1, site.organization)
    assert (refused.value.slug, refused.value.status, refused.value.retry_after) == ("spool-share-full", 507, 60.0)
    with pytest.raises(ShareFull) as refused_while_written:
        site.keep(spool, 1)
    limit = {"limit": sealed_bytes(400_000) * 2}
    assert (refused.value.params, refused_while_written.value.params) == (limit, limit)


def test_what_others_have_takes_nothing_of_it(site: Site) -> None:
    spool = site.spool()
    site.keep(spool, 900_000)
    with pytest.raises(ShareFull):
        spool.check_room(200_000, site.organization)
    spool.check_room(200_000, site.other)
    site.keep(spool, 900_000, organization=site.other)


def test_what_did_not_end_well_takes_up_nothing(site: Site) -> None:
    spool, copy_id = site.spool(), uuid7()
    with (
        pytest.raises(ValueError, match="no"),
        spool.write(site.cipher, site.organization, copy_id, size=900_000) as it,
    ):
        it.feed(bytes(500_000))
        raise ValueError("no")
    assert (site.taken(), site.promised()) == (0, [])
    site.keep(spool, 900_000)


def test_a_file_of_unknown_length_ends_where_the_share_does(site: Site) -> None:
    spool = site.spool(STEP + STEP // 2)
    site.keep(spool, STEP // 2, said=False)
    with pytest.raises(ShareFull):
        site.keep(spool, STEP, said=False)
    site.keep(spool, STEP // 4, said=False)  # there is less than a step left, and room for it
    assert len(site.promised()) == 2
    assert STEP < site.taken() <= STEP + STEP // 2


class Asked(Shares):
    """Promises up to so many bytes, and notes what it was asked for."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.promised: list[int] = []

    def promise(self, organization_id: UUID, copy_id: UUID, size: int) -> None:
        del organization_id, copy_id
        if sum(self.promised) + size > self.most:
            raise ShareFull(limit=self.most)
        self.promised.append(size)


def test_room_is_asked_for_a_step_at_a_time_and_only_when_it_is_needed() -> None:
    asked = Asked(100 * STEP)
    held = Held(asked, uuid4(), uuid4(), 0)
    assert asked.promised == []
    for size in (10, STEP - 10):
        held.take(size)
    assert asked.promised == [STEP]
    for size in (1, STEP, STEP - 1, 1, 3 * STEP, 1):
        held.take(size)
    assert asked.promised == [STEP, STEP, STEP, STEP, 2 * STEP + 1, STEP]


def test_at_the_end_of_a_share_the_last_byte_is_promised_and_no_other() -> None:
    asked = Asked(STEP + 5)
    held = Held(asked, uuid4(), uuid4(), 0)
    for size in (STEP, 2, 3):
        held.take(size)
    with pytest.raises(ShareFull):
        held.take(1)
    assert asked.promised == [STEP, 2, 3]


def test_of_many_at_the_same_time_on_many_nodes_as_many_get_in_as_fit(site: Site) -> None:
    """Each looks before any has a row: only what is promised keeps them apart."""
    size, nodes = 300_000, [site.spool(3 * sealed_bytes(300_000) + 1000) for _ in range(4)]
    together = Barrier(12)

    def hand_in(number: int) -> bool:
        together.wait(30)
        try:
            site.keep(nodes[number % len(nodes)], size)
        except ShareFull:
            return False
        return True

    with ThreadPoolExecutor(12) as threads:
        taken = list(threads.map(hand_in, range(12)))
    assert sum(taken) == 3
    assert len(site.promised()) == 3
    assert len([path for path in site.folder.rglob("*") if path.is_file()]) == 3


def test_a_copy_counts_by_its_row_as_soon_as_there_is_one(database: Database, vault: Vault, tmp_path: Path) -> None:
    """Neither twice while its promise is still there, nor not at all once that was taken back."""
    made = tenant(database, vault, f"share-{secrets.token_hex(6)}")
    site = Site(database=database, folder=tmp_path, organization=made.id, other=made.id)
    with database.transaction(made.id) as session:
        session.query(Promise).update({"bytes": 500_000})
        session.query(Copy).update({"stored": 600_000})
    assert site.taken() == 600_000
    site.spool().settle(made.id, made.upload.id)
    assert (site.taken(), site.promised()) == (600_000, [])
    with database.transaction(made.id) as session:
        session.query(Copy).delete()
    assert site.taken() == 0


def test_what_arrives_in_pieces_counts_once_as_parts_as_whole_and_as_copy(
    database: Database, vault: Vault, tmp_path: Path
) -> None:
    made = tenant(database, vault, f"share-{secrets.token_hex(6)}")
    site = Site(database=database, folder=tmp_path, organization=made.id, other=made.id)
    site.spool().settle(made.id, made.upload.id)
    part, pieces = uuid4(), [{"id": str(uuid4()), "segments": 1, "size": 10, "stored": 30}]

    def resumable(kind: ResumableKind, **more: object) -> Resumable:
        parts = [{"id": str(uuid4()), "segments": 1, "size": 10, "stored": 30}, *pieces]
        key = secrets.token_bytes(32)
        named = {"id": uuid4(), "key_hash": key, "sealed": b"x", "expires_at": NOW, "parts": parts} | more
        return Resumable(organization_id=made.id, kind=kind, **named)

    def add(*rows: Resumable) -> int:
        with database.transaction(made.id) as session:
            session.add_all(rows)
        return site.taken()

    before = site.taken()
    assert add(resumable(ResumableKind.PART, id=part)) == before + 60
    with database.transaction(made.id) as session:
        session.get_one(Resumable, part).whole_id = uuid4()
    assert add(resumable(ResumableKind.JOINED)) == before + 60
    assert add(resumable(ResumableKind.WHOLE, upload_id=made.upload.id)) == before + 60


def test_what_a_dead_process_was_promised_is_free_again(site: Site) -> None:
    dead = Spool(Folder(site.folder), shares=Shares(site.database, MOST, uuid7()))  # never heard of
    site.keep(dead, 900_000)
    alive = site.spool()
    assert site.keep(alive, 900_000) in site.promised()
    assert len(site.promised()) == 1
    with pytest.raises(ShareFull):  # but that of the living is not
        site.keep(site.spool(), 900_000)


def test_what_cannot_be_taken_back_is_said_and_fails_nobody(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is whole and handed in: it only takes up room for two until the process ends."""
    spool = site.spool()
    copy_id = site.keep(spool, 1000)

    def away(*_: object) -> None:
        raise OperationalError("DELETE", {}, OSError("hunter2"))

    monkeypatch.setattr("app.intake.spool.shares.promises.drop", away)
    with capture_logs() as lines:
        spool.settle(site.organization, copy_id)
    (line,) = lines
    assert (line["event"], line["log_level"]) == ("promise could not be taken back", "warning")
    assert (line["cause"], "hunter2" in str(line)) == ("OperationalError", False)
    assert site.promised() == [copy_id]


def test_a_spool_without_shares_asks_nobody(local: House) -> None:
    local.spool.check_room(1_000, local.organization)
    local.keep(uuid4(), b"x")
    local.spool.settle(local.organization, uuid4())
