"""Copies go when their time is over: neither sooner nor while somebody needs them, rows before objects."""

from __future__ import annotations

import secrets
import threading
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from app.database import Database
from app.delivery import retention, settling
from app.delivery.retention import remove_outdated
from app.intake.spool import CopyLost, Spool, SpoolAway
from app.intake.spool.local import Folder
from app.records import audit, copies, uploads
from app.records.models import Copy, Upload
from app.records.states import State
from app.tenants import organizations
from app.tenants.vault import Vault
from tests.tenancy import NOW, Tenant, tenant

DAY = timedelta(days=1)


class Keeping:
    """An organization with an upload and its copy, row and object."""

    def __init__(self, database: Database, vault: Vault, spool: Spool) -> None:
        self.database, self.vault, self.spool = database, vault, spool
        self.tenant: Tenant = tenant(database, vault, f"t-{secrets.token_hex(6)}")
        self.id: UUID = self.tenant.upload.id
        with database.transaction(self.tenant.id) as session:
            session.get_one(Upload, self.id).mode = "durable"
            cipher = vault.cipher(session, self.tenant.id)
        with spool.write(cipher, self.tenant.id, self.id) as writer:
            writer.feed(b"what was handed in")
        self.cipher = cipher

    def end(self, state: State, *, days: int = 0) -> None:
        """End it as deliveries do, with what its organization wants kept."""
        with self.database.transaction(self.tenant.id) as session:
            organizations.get(session, self.tenant.id).keep_delivered_days = days
            session.flush()
            locked = uploads.lock(session, self.id)
            uploads.change(session, locked, state, actor="tests", now=NOW)
            settling.settle_copy(session, locked, now=NOW, kept=7 * DAY)

    def keep_until(self, moment: datetime | None) -> None:
        with self.database.transaction(self.tenant.id) as session:
            copies.keep(session, self.id, moment)

    def is_gone(self) -> bool:
        return self.row is None and self.content is None

    @property
    def row(self) -> Copy | None:
        with self.database.transaction(self.tenant.id) as session:
            return copies.find(session, self.id)

    @property
    def content(self) -> bytes | None:
        try:
            return b"".join(self.spool.read(self.cipher, self.tenant.id, self.id))
        except CopyLost:
            return None


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(Folder(tmp_path / "spool"))


@pytest.fixture
def keeping(clean: None, database: Database, vault: Vault, spool: Spool) -> Keeping:
    return Keeping(database, vault, spool)


@pytest.mark.parametrize("state", [State.FAILED, State.UNKNOWN])
def test_what_may_be_sent_again_is_kept_for_a_week(worker: Database, keeping: Keeping, state: State) -> None:
    keeping.end(state)
    assert remove_outdated(worker, keeping.spool, NOW + 7 * DAY - timedelta(seconds=1)) == 0
    assert keeping.content == b"what was handed in"
    assert remove_outdated(worker, keeping.spool, NOW + 7 * DAY) == 1
    assert keeping.is_gone()
    with keeping.database.transaction(keeping.tenant.id) as session:
        (entry, *_) = audit.listing(session, subject=keeping.tenant.upload)
    assert entry.action == "upload.copy_removed"


def test_what_was_delivered_is_forgotten_at_once(keeping: Keeping) -> None:
    keeping.end(State.DELIVERED)
    assert keeping.row is None


def test_what_waits_to_be_tried_again_keeps_its_copy_for_as_long_as_that_takes(keeping: Keeping) -> None:
    keeping.end(State.WAITING)
    assert keeping.row
    assert keeping.row.keep_until is None


@pytest.mark.parametrize("state", [State.REJECTED, State.CANCELLED])
def test_what_nobody_can_send_again_is_forgotten_at_once(keeping: Keeping, state: State) -> None:
    keeping.end(state)
    assert keeping.row is None


def test_what_was_delivered_is_kept_where_its_organization_wants_it(worker: Database, keeping: Keeping) -> None:
    keeping.end(State.DELIVERED, days=30)
    assert keeping.row
    assert keeping.row.keep_until == NOW + 30 * DAY
    assert remove_outdated(worker, keeping.spool, NOW + 29 * DAY) == 0
    assert keeping.content
    assert remove_outdated(worker, keeping.spool, NOW + 30 * DAY) == 1
    assert keeping.is_gone()


@pytest.mark.parametrize("state", [State.DELIVERING, State.WAITING])
def test_what_is_on_its_way_is_never_outdated(worker: Database, keeping: Keeping, state: State) -> None:
    keeping.keep_until(NOW)
    if state is State.WAITING:
        with keeping.database.transaction(keeping.tenant.id) as session:
            uploads.move(session, keeping.tenant.upload, state, actor="tests", now=NOW)
    assert remove_outdated(worker, keeping.spool, NOW + DAY) == 0
    assert keeping.content


def test_who_has_it_sent_again_in_that_moment_is_first(worker: Database, keeping: Keeping) -> None:
    keeping.end(State.FAILED)
    removed: list[int] = []
    with keeping.database.transaction(keeping.tenant.id) as session:
        uploads.move(session, keeping.tenant.upload, State.WAITING, actor="tests", now=NOW)
        assert copies.keep(session, keeping.id, None)
        sweep = threading.Thread(target=lambda: removed.append(remove_outdated(worker, keeping.spool, NOW + 8 * DAY)))
        sweep.start()
        sweep.join(20)
    assert removed == [0]
    assert keeping.row
    assert keeping.content


def test_more_than_fits_one_transaction(
    worker: Database, database: Database, vault: Vault, spool: Spool, keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 1)
    others = [Keeping(database, vault, spool) for _ in range(2)]
    for one in (keeping, *others):
        one.end(State.FAILED)
    assert remove_outdated(worker, spool, NOW + 8 * DAY) == 3
    assert [one.content for one in (keeping, *others)] == [None, None, None]


def test_a_spool_that_is_away_leaves_an_object_that_no_row_knows(
    worker: Database, keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: UUID) -> None:
        raise SpoolAway

    keeping.end(State.FAILED)
    monkeypatch.setattr(keeping.spool, "remove", away)
    assert remove_outdated(worker, keeping.spool, NOW + 8 * DAY) == 1
    assert keeping.row is None
    assert keeping.content
