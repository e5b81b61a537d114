"""`flask receipt` and `flask audit`: what they say of chains, and with which exit code."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import Engine, delete, update

from app.cli import without_gateway
from app.database import Database
from app.records import uploads
from app.records.models import AuditEntry, ChainHead, Receipt
from app.records.sealing import seal
from app.records.states import State
from app.tenants.vault import Vault
from tests.cli.conftest import Run
from tests.tenancy import NOW, Tenant, tenant


@pytest.fixture
def mine(app: Flask, database: Database, worker: Database, vault: Vault) -> Tenant:
    """An organization with three receipts."""
    made = tenant(database, vault, f"chained-{secrets.token_hex(4)}")
    for _ in range(3):
        with database.transaction(made.id) as session:
            upload = uploads.begin(
                session,
                organization_id=made.id,
                connection_id=made.connection.id,
                operation="formkiq/document",
                mode="relay",
                state=State.DELIVERING,
                process_id=uuid4(),
                actor="tests",
                now=NOW,
            )
            uploads.move(session, upload, State.DELIVERED, actor="tests", now=NOW)
    seal(worker, vault)
    return made


@pytest.fixture
def saved(run: Run, mine: Tenant, tmp_path: Path) -> tuple[Path, Path]:
    """An export and the keys, as files."""
    chain, keys = tmp_path / "chain.jsonl", tmp_path / "keys.json"
    chain.write_text(run("receipt", "export", mine.organization.slug).output)
    keys.write_text(run("receipt", "keys").output)
    return chain, keys


def test_a_receipt_is_shown_by_its_id_or_its_uploads(run: Run, mine: Tenant, saved: tuple[Path, Path]) -> None:
    first = saved[0].read_text().splitlines()[0]
    body = json.loads(first)["receipt"]
    for key in (body["id"], body["upload"]["id"]):
        assert run("receipt", "show", mine.organization.slug, key).output.strip() == first
    other = run("receipt", "show", mine.organization.slug, str(uuid4()))
    assert (other.exit_code, "has no such receipt" in other.output) == (1, True)


def test_files_are_verified_without_a_gateway(saved: tuple[Path, Path], tmp_path: Path) -> None:
    chain, keys = saved
    one = tmp_path / "one.json"
    one.write_text(chain.read_text().splitlines()[1])
    bare = without_gateway(SystemExit(78)).test_cli_runner()
    done = bare.invoke(args=["receipt", "verify", str(chain), str(one), "--keys", str(keys)])
    assert done.exit_code == 0, done.output
    assert f"{chain}: 3 looked at, all good" in done.output
    assert f"{one}: genuine." in done.output
    assert bare.invoke(args=["receipt", "verify", str(chain)]).exit_code == 2
    assert bare.invoke(args=["receipt", "verify", "--keys", str(keys)]).exit_code == 2
    assert bare.invoke(args=["receipt", "keys"]).exit_code == 78


def test_an_export_that_was_changed(run: Run, saved: tuple[Path, Path], tmp_path: Path) -> None:
    chain, keys = saved
    lines = chain.read_text().splitlines()
    for changed, said in (
        ([lines[0], lines[1].replace("Chained", "Chainer"), lines[2]], "2: changed"),
        ([lines[0], lines[2]], "2: missing"),
        ([lines[0], "{}", lines[2]], "line 2: This is not a receipt"),
        ([lines[0], lines[2], lines[1]], "2: moved"),
        ([lines[0], lines[0], lines[1]], "1: inserted"),
    ):
        chain.write_text("\n".join(changed))
        done = run("receipt", "verify", str(chain), "--keys", str(keys))
        assert (done.exit_code, said in done.output) == (1, True), done.output


def test_keys_that_are_none(run: Run, saved: tuple[Path, Path]) -> None:
    done = run("receipt", "verify", str(saved[0]), "--keys", str(saved[0]))
    assert (done.exit_code, "does not hold published keys" in done.output) == (2, True)


def test_what_is_kept_is_verified(run: Run, mine: Tenant) -> None:
    slug = mine.organization.slug
    done = run("receipt", "verify", "--org", slug)
    assert (done.exit_code, f"{slug}: 3 looked at, all good" in done.output) == (0, True), done.output
    done = run("audit", "verify", "--org", slug)
    assert (done.exit_code, f"{slug}: 7 looked at, all good" in done.output) == (0, True), done.output
    everybody = run("audit", "verify")
    assert "house: " in everybody.output
    assert f"{slug}: 7 looked at" in everybody.output


def test_what_was_changed_is_said_where_it_stands(run: Run, mine: Tenant, owner_engine: Engine) -> None:
    slug = mine.organization.slug
    mine_alone = AuditEntry.organization_id == mine.id
    with owner_engine.begin() as connection:
        connection.execute(update(AuditEntry).where(mine_alone, AuditEntry.number == 4).values(actor="nobody"))
        connection.execute(delete(Receipt).where(Receipt.organization_id == mine.id, Receipt.number == 2))
    log, chain = run("audit", "verify", "--org", slug), run("receipt", "verify", "--org", slug)
    assert (log.exit_code, chain.exit_code) == (1, 1)
    assert f"{slug}: 4: changed" in log.output
    assert f"{slug}: 2: missing" in chain.output
    assert "was delivered and has no receipt" in chain.output


def test_an_end_that_is_known_from_before_has_to_be_there(run: Run, mine: Tenant, owner_engine: Engine) -> None:
    """Whoever cuts the chain off and its head with it is found out by a note, and by the receipts that are left."""
    slug = mine.organization.slug
    known = run("audit", "verify", "--org", slug).output.split("ends with ")[1].strip()
    assert run("audit", "verify", "--org", slug, "--known", known).exit_code == 0
    with owner_engine.begin() as connection:
        connection.execute(delete(AuditEntry).where(AuditEntry.organization_id == mine.id, AuditEntry.number == 7))
        connection.execute(delete(ChainHead).where(ChainHead.organization_id == mine.id))
    done = run("audit", "verify", "--org", slug, "--known", known)
    assert done.exit_code == 1
    assert f"{slug}: 7: cut off" in done.output
    assert "the head is missing" in done.output


@pytest.mark.parametrize("known", ["", "7", "0:" + "a" * 64, "7:abc", "x:" + "a" * 64])
def test_an_end_that_is_none(run: Run, mine: Tenant, known: str) -> None:
    assert run("audit", "verify", "--org", mine.organization.slug, "--known", known).exit_code == 2


def test_contradictions(run: Run, saved: tuple[Path, Path]) -> None:
    assert run("audit", "verify", "--known", "7:" + "a" * 64).exit_code == 2
    assert run("receipt", "verify", str(saved[0]), "--org", "x").exit_code == 2


def test_a_new_key_signs_and_the_old_one_stays_good(
    run: Run, mine: Tenant, database: Database, worker: Database, vault: Vault, saved: tuple[Path, Path]
) -> None:
    chain, former = saved
    done = run("receipt", "rotate-key", "--yes")
    assert done.exit_code == 0, done.output
    kid = done.output.split()[0]
    with database.transaction(mine.id) as session:
        uploads.move(session, mine.upload, State.DELIVERED, actor="tests", now=NOW)
    seal(worker, vault)
    chain.write_text(run("receipt", "export", mine.organization.slug).output)
    assert json.loads(chain.read_text().splitlines()[-1])["receipt"]["key"] == kid
    assert run("receipt", "verify", str(chain)).exit_code == 0
    assert run("receipt", "verify", "--org", mine.organization.slug).exit_code == 0
    assert run("receipt", "verify", str(chain), "--keys", str(former)).exit_code == 1
