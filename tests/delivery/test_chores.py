"""What the worker does by itself, as its queue would have it done."""

from __future__ import annotations

import secrets
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from app import queue
from app.database import Database, utcnow
from app.delivery import chores, jobs
from app.intake.spool import Spool
from app.intake.spool.local import Folder
from app.records import uploads
from app.records.sealing import VAULT
from app.records.states import State
from app.tenants.vault import Vault
from tests.delivery.test_retention import Keeping
from tests.tenancy import NOW, tenant


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(Folder(tmp_path / "spool"))


def do(chore: Any, **given: Any) -> list[Any]:
    """Do what is due now; what is logged of it."""
    with capture_logs() as lines:
        chore(SimpleNamespace(additional_context=given), timestamp=0)
    return lines


def test_copies_whose_time_is_over_are_removed(
    clean: None, database: Database, worker: Database, vault: Vault, spool: Spool
) -> None:
    over, kept = Keeping(database, vault, spool), Keeping(database, vault, spool)
    for one, until in ((over, -timedelta(seconds=1)), (kept, timedelta(hours=1))):
        one.end(State.FAILED)
        one.keep_until(utcnow() + until)
    given = {queue.DATABASE: worker, jobs.SPOOL: spool}
    assert do(chores.remove_outdated, **given) == [{"event": "copies removed", "count": 1, "log_level": "info"}]
    assert (over.is_gone(), kept.is_gone()) == (True, False)
    assert do(chores.remove_outdated, **given) == []


def test_certificates_that_end_soon_are_told_of(
    clean: None, database: Database, worker: Database, vault: Vault
) -> None:
    soon, later = (tenant(database, vault, f"t-{secrets.token_hex(6)}") for _ in range(2))
    for one, days in ((soon, 29), (later, 31)):
        facts = {"number": "7", "not_after": utcnow() + timedelta(days=days)}
        with database.transaction(one.id) as session:
            uploads.move(session, one.upload, State.DELIVERED, actor="tests", now=NOW, facts=facts)
    given = {queue.DATABASE: worker, VAULT: vault, chores.CERTIFICATE_DAYS: (30, 7)}
    (line,) = do(chores.watch_certificates, **given)
    assert (line["event"], line["organization"]) == ("certificate ends", soon.organization.slug)
    assert do(chores.watch_certificates, **given) == []


def test_credentials_whose_turn_it_is_are_tried() -> None:
    rounds: list[str] = []
    do(chores.check_credentials, **{chores.CHECKER: SimpleNamespace(check_due=lambda: rounds.append("one"))})
    assert rounds == ["one"]
