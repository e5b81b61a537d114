"""A backup is brought back as docs/backup.md says: nothing is lost or arrives twice, and old keys open nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from app.database import Database, driver_url, migrate, utcnow
from app.delivery import ending
from app.delivery.jobs import sweep_orphans
from app.intake.spool import CopyLost, Spool
from app.intake.spool.local import Folder
from app.local.place import ROOT
from app.local.postgres import Embedded, _programs
from app.records import restoring, rotation, uploads, verifying
from app.records.sealing import seal
from app.records.signing import Keys
from app.records.states import State
from app.records.sweeper import sweep
from app.tenants import connections, organizations
from app.tenants.keyset import KeysetFile, create_keyset
from app.tenants.models import Connection, DataKey
from app.tenants.vault import Vault, VaultError
from tests.queue.waiting import Queue
from tests.servers import Sandbox

pytestmark = pytest.mark.live

PAGE: Final = (ROOT / "docs" / "backup.md").read_text()


def told(heading: str) -> str:
    """What the page says to type under a heading."""
    (section,) = re.findall(rf"^## {heading}\n(.+?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    (block,) = re.findall(r"^```sh\n(.+?)^```$", section, re.MULTILINE | re.DOTALL)
    return str(block)


@dataclass(frozen=True, kw_only=True)
class Site:
    """An installation: a server, a keyset, a folder."""

    postgres: Embedded
    folder: Path

    @property
    def keyset(self) -> KeysetFile:
        return KeysetFile(path=self.folder / "keyset.json")

    def type(self, commands: str, kept: Path) -> None:
        """Type commands there; backups go to `kept`."""
        done = subprocess.run(
            ["sh", "-euc", commands],
            cwd=ROOT,
            env={
                "PATH": f"{_programs()}:{Path(sys.executable).parent}:{os.environ['PATH']}",
                "SAFE": str(kept / "safe"),
                "BACKUP": str(kept),
                "VAULT_KEYSET": str(self.keyset.path),
                "INSTANCE_DIR": str(self.folder),
                "DATABASE_OWNER_URL": driver_url(self.postgres.owner_url),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def servers(place: Path) -> Iterator[tuple[Embedded, Embedded]]:
    """One to make backups of, and one that is empty."""
    with Embedded(place / "before", durable=False) as before, Embedded(place / "after", durable=False) as after:
        yield before, after


@pytest.fixture
def sites(servers: tuple[Embedded, Embedded]) -> Iterator[tuple[Site, Site]]:
    folder = Path(tempfile.mkdtemp(prefix="ventanilla-backup-"))
    made = []
    for name, server in zip(("before", "after"), servers, strict=True):
        (folder / name).mkdir()
        owner = Database(server.owner_url, pool=1)
        with owner.doors() as session:
            session.connection().exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        owner.dispose()
        made.append(Site(postgres=server, folder=folder / name))
    create_keyset(made[0].keyset.path)
    migrate(servers[0].owner_url)
    yield made[0], made[1]
    shutil.rmtree(folder)


@pytest.fixture
def queue(sites: tuple[Site, Site], sandbox: Sandbox, settings: object) -> Iterator[Queue]:
    """Whose uploads wait, at the site that backups are made of."""
    here = sites[0]
    database, worker = Database(here.postgres.app_url, pool=4), Database(here.postgres.worker_url, pool=4)
    sandbox.clear()
    made = Queue.build(database, worker, Vault(here.keyset), sandbox, settings, here.folder / "spool")  # type: ignore[arg-type]
    yield made
    close(made)
    sandbox.clear()


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    (tmp_path / "kept" / "safe").mkdir(parents=True)
    return tmp_path / "kept"


def at(site: Site, queue: Queue) -> Queue:
    """The same organization, as it is at another site."""
    return replace(
        queue,
        database=Database(site.postgres.app_url, pool=4),
        worker=Database(site.postgres.worker_url, pool=4),
        vault=Vault(site.keyset),
        spool=Spool(Folder(site.folder / "spool")),
        folder=site.folder / "spool",
        redeliverers=[],
    )


def close(queue: Queue) -> None:
    for redeliverer in queue.redeliverers:
        redeliverer.close()
    queue.database.dispose()
    queue.worker.dispose()


def deliver(queue: Queue, times: int) -> None:
    redeliverer = queue.redeliverer()
    for _ in range(times):
        assert redeliverer.next(queue.organization.id)


def relaying(queue: Queue) -> UUID:
    """A file under way of which there is no copy, before its mark."""
    with queue.database.transaction(queue.organization.id) as session:
        return uploads.begin(
            session,
            organization_id=queue.organization.id,
            connection_id=queue.connections["codat"].id,
            operation="codat/file",
            mode="relay",
            state=State.DELIVERING,
            process_id=uuid4(),
            actor="tests",
            now=utcnow(),
        ).id


def test_nothing_is_lost_and_nothing_arrives_twice(sites: tuple[Site, Site], queue: Queue, kept: Path) -> None:
    here, there = sites
    arrived_before = queue.leave("flatfile/file")
    deliver(queue, 1)
    seal(queue.worker, queue.vault)
    waits, arrives_meanwhile, arrives_later = (queue.leave("flatfile/file") for _ in range(3))
    passing = relaying(queue)

    keyset, database, spool = told("Back up").splitlines()
    here.type(f"{keyset}\n{database}", kept)
    order = {waits: 2, arrives_later: 1, arrives_meanwhile: 0}
    first(queue, order)
    deliver(queue, 1)
    after = queue.leave("flatfile/file")
    here.type(spool, kept)
    deliver(queue, 1)
    assert [queue.state(one) for one in (arrives_meanwhile, arrives_later)] == [State.DELIVERED, State.DELIVERED]
    sent = len(queue.deliveries("flatfile/file"))

    there.type(told("Bring it back"), kept)
    back = at(there, queue)
    try:
        assert doubted_again(there) == 0
        sweep(back.worker)
        assert back.state(passing) is State.UNKNOWN
        back.clock.ahead = timedelta(hours=1)  # what was on its way has come or never will
        deliver(back, 3)
        assert {back.state(one) for one in (arrived_before, waits, arrives_meanwhile, arrives_later)} == {
            State.DELIVERED
        }
        assert len(queue.deliveries("flatfile/file")) == sent + 1, "only what had never arrived was sent"
        assert opens(back)
        seal(back.worker, back.vault)
        assert chain_holds(back)
        assert back.lies(after)
        sweep_orphans(back.worker, back.spool, utcnow() + timedelta(days=2))
        assert not back.lies(after), "what no row knows is tidied away"
    finally:
        close(back)


def doubted_again(site: Site) -> int:
    """How much is doubted that was not before."""
    owner = Database(site.postgres.owner_url, pool=1)
    try:
        return restoring.doubt(owner, utcnow())
    finally:
        owner.dispose()


def first(queue: Queue, order: dict[UUID, int]) -> None:
    """Let them be due one after the other."""
    with queue.database.transaction(queue.organization.id) as session:
        for upload_id, place in order.items():
            uploads.lock(session, upload_id).due_at = utcnow() - timedelta(minutes=10 - place)


def opens(queue: Queue) -> bool:
    with queue.database.transaction(queue.organization.id) as session:
        found = connections.credential(
            session, queue.vault, session.get_one(Connection, queue.connections["flatfile"].id)
        )
    return bool(found)


def chain_holds(queue: Queue) -> bool:
    with queue.worker.transaction(queue.organization.id) as session:
        return verifying.audit_log(session, queue.organization.id, Keys.load(session)).is_whole


def test_what_a_backup_keeps_of_who_was_deleted(sites: tuple[Site, Site], queue: Queue, kept: Path) -> None:
    """Its key is gone, and with it all that it sealed; but not from a backup of before, as long as its keyset is."""
    here, there = sites
    upload_id = queue.leave("flatfile/file")
    here.type(told("Back up"), kept)
    shutil.copytree(queue.folder, kept / "stolen")
    with queue.database.transaction(queue.organization.id) as session:
        ending.delete(organizations.get(session, queue.organization.id), queue.clock(), timedelta())
    assert ending.shred_ended(queue.worker, queue.spool, queue.clock() + timedelta(seconds=1)) == 1
    with queue.worker.transaction(queue.organization.id) as session:
        assert session.scalars(select(DataKey)).all() == []
    assert not readable(queue, Spool(Folder(kept / "stolen")), upload_id), "what is left of it opens no more"

    owner = Database(here.postgres.owner_url, pool=2)
    *_, last = rotation.rotate(here.keyset, owner, actor="cli:tests", patience=0)
    owner.dispose()
    assert last.what == "retired"
    there.type(told("Bring it back"), kept)
    back = at(there, queue)
    try:
        assert readable(back, Spool(Folder(kept / "stolen")), upload_id), "a backup of before, and its keyset"
        shutil.copy(here.keyset.path, there.keyset.path)  # all that is left of keysets, once the former is destroyed
        rotated = replace(back, vault=Vault(there.keyset))
        with pytest.raises(VaultError):
            readable(rotated, Spool(Folder(kept / "stolen")), upload_id)
    finally:
        close(back)


def readable(queue: Queue, spool: Spool, upload_id: UUID) -> bool:
    """Whether a copy opens with what there is."""
    with queue.worker.transaction(queue.organization.id) as session:
        key = session.scalars(select(DataKey).where(DataKey.organization_id == queue.organization.id)).one_or_none()
        if key is None:
            return False
        cipher = queue.vault.cipher(session, queue.organization.id)
    try:
        return b"".join(spool.read(cipher, queue.organization.id, upload_id)) != b""
    except CopyLost:
        return False
