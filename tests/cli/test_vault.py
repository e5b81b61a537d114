"""`flask vault`: the keyset is made, shown, rotated and wrapped, and says what it waits for."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import tink
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import text

from app.cli import vault as commands
from app.config import ConfigurationError
from app.database import Database, migrate, utcnow
from app.local.place import ROOT
from app.local.postgres import Embedded
from app.records import processes
from app.tenants.keyset import KeysetFile, create_keyset
from app.tenants.vault import Vault
from tests.tenancy import becomes, tenant
from tests.tenants.test_keyset import ADDRESS, FakeKms

Type = Callable[..., Result]
#: A process that beats then lives as long as a test takes.
LATER = utcnow() + timedelta(hours=1)


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[Embedded]:
    """One of its own: nobody else beats there."""
    with Embedded(place / "vault-commands", durable=False) as server:
        migrate(server.owner_url)
        yield server


@pytest.fixture
def app_database(server: Embedded) -> Iterator[Database]:
    found, owner = Database(server.app_url, pool=2), Database(server.owner_url, pool=1)
    with owner.doors() as session:
        session.execute(text("TRUNCATE credentials, data_keys, signing_keys, processes CASCADE"))
    yield found
    found.dispose()
    owner.dispose()


@pytest.fixture
def file(tmp_path: Path) -> KeysetFile:
    create_keyset(tmp_path / "keyset.json")
    return KeysetFile(path=tmp_path / "keyset.json")


@pytest.fixture
def type_(server: Embedded, app_database: Database, file: KeysetFile) -> Type:
    """Type a command; `env` beside what a machine that may rotate is told."""

    def run(*words: str, **env: str) -> Result:
        told = {"VAULT_KEYSET": str(file.path), "DATABASE_OWNER_URL": server.owner_url.get_secret_value(), **env}
        told.setdefault("VAULT_KMS", "")
        runner = CliRunner()
        with Flask("none").app_context():
            return runner.invoke(commands.vault, words, env=told, catch_exceptions=False)

    return run


def test_rotated_in_one_go(type_: Type, app_database: Database, file: KeysetFile) -> None:
    tenant(app_database, Vault(file), f"acme-{secrets.token_hex(4)}")
    (former,) = file.read().numbers
    done = type_("rotate", "--wait", "0")
    (new,) = file.read().numbers
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        f"Key {new} is added. It encrypts nothing yet.",
        f"Key {new} encrypts from now on.",
        "1 rows were put under it.",
        f"Key {former} is taken away: nothing lies under it any more. Backups of before need the keyset of before.",
    ]


def test_it_says_whom_it_waits_for(type_: Type, app_database: Database, file: KeysetFile) -> None:
    knows_not, says_not = uuid4(), uuid4()
    processes.beat(app_database, knows_not, "web", LATER, vault_keys=file.read().known)
    processes.beat(app_database, says_not, "worker", LATER)
    waits = type_("rotate", "--wait", "0")
    assert waits.exit_code == 75
    assert f"web {knows_not} on " in waits.stderr
    assert "does not know the key yet." in waits.stderr
    assert f"worker {says_not} on " in waits.stderr
    assert "is of a version that does not say which keys it knows." in waits.stderr
    for process in (knows_not, says_not):
        processes.leave(app_database, process)
    assert type_("rotate", "--wait", "0").exit_code == 0
    assert len(file.read().numbers) == 1


@pytest.mark.live
def test_killed_it_goes_on_where_it_was(
    type_: Type, server: Embedded, app_database: Database, file: KeysetFile
) -> None:
    """With kill -9, while it waits; nobody has to tell anybody that it is gone."""
    tenant(app_database, Vault(file), f"acme-{secrets.token_hex(4)}")
    process, before = uuid4(), file.read()
    processes.beat(app_database, process, "web", LATER, vault_keys=before.known)
    told = {"VAULT_KEYSET": str(file.path), "DATABASE_OWNER_URL": server.owner_url.get_secret_value()}
    flask = str(Path(sys.executable).parent / "flask")
    command = [flask, "vault", "rotate", "--wait", "600"]
    with subprocess.Popen(
        command, cwd=ROOT, env={"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **told}, stdout=subprocess.PIPE
    ) as running:
        assert running.stdout
        assert b"is added" in running.stdout.readline()
        assert type_("rotate", "--wait", "0").stderr == "Somebody else is rotating.\n"
        running.kill()
    (following,) = file.read().following
    processes.beat(app_database, process, "web", LATER, vault_keys=(following, before.primary))
    assert becomes(lambda: type_("rotate", "--wait", "0").exit_code == 0), "the server lets go of a dead one's lock"
    assert file.read().numbers == (following,)


def test_what_was_not_begun_is_not_finished(type_: Type, file: KeysetFile) -> None:
    before = file.read()
    done = type_("rotate", "--finish")
    assert (done.exit_code, done.output) == (0, "")
    assert file.read() == before


def test_keys_are_shown(type_: Type, app_database: Database, file: KeysetFile) -> None:
    tenant(app_database, Vault(file), f"acme-{secrets.token_hex(4)}")
    processes.beat(app_database, uuid4(), "web", LATER, vault_keys=file.read().known)
    (number,) = file.read().numbers
    file.replace(file.read().with_another())
    (_, following) = file.read().numbers
    lines = type_("keys").stdout.splitlines()
    assert lines == [
        f"{number:>10}  encrypts  2 rows under it, known to 1 of 1 processes",
        f"{following:>10}  follows   0 rows under it, known to 0 of 1 processes",
    ]


def test_a_key_that_is_missing_is_shown(type_: Type, app_database: Database, file: KeysetFile, tmp_path: Path) -> None:
    create_keyset(tmp_path / "lost.json")
    lost = Vault.load(tmp_path / "lost.json")
    tenant(app_database, lost, f"acme-{secrets.token_hex(4)}")
    said = type_("keys").stdout
    assert f"{lost.known[0]:>10}  missing   2 rows under it, which nobody can open" in said
    refused = type_("rotate", "--wait", "0")
    assert refused.exit_code == 1
    assert "VAULT_KEYSET does not open the data key of organization" in refused.stderr


@pytest.fixture
def service() -> Iterator[FakeKms]:
    fake, clients = FakeKms(), tink._kms_clients._kms_clients
    tink.register_kms_client(fake)
    yield fake
    clients.remove(fake)


def test_wrapped_and_unwrapped(type_: Type, file: KeysetFile, service: FakeKms) -> None:
    before = file.read()
    assert type_("wrap", VAULT_KMS=ADDRESS).exit_code == 0
    assert service.asked
    with pytest.raises(ConfigurationError, match="is wrapped by a KMS"):
        file.read()
    wrapped = KeysetFile(path=file.path, wrapped_by=ADDRESS)
    assert wrapped.read() == before
    assert type_("rotate", "--wait", "0", VAULT_KMS=ADDRESS).exit_code == 0
    rotated = wrapped.read()
    assert rotated.numbers != before.numbers
    assert type_("wrap", "--from", ADDRESS).exit_code == 0
    assert file.read() == rotated


def test_made_wrapped(type_: Type, file: KeysetFile, service: FakeKms) -> None:
    path = file.path.with_name("new.json")
    assert type_("create", VAULT_KEYSET=str(path), VAULT_KMS=ADDRESS).exit_code == 0
    assert service.asked
    assert "encryptedKeyset" in path.read_text()


@pytest.mark.parametrize(
    ("words", "env", "sentence"),
    [
        (["rotate"], {"DATABASE_OWNER_URL": ""}, "DATABASE_OWNER_URL is missing"),
        (["rotate"], {"VAULT_KEYSET": "/no/such/keyset"}, "/no/such/keyset cannot be read"),
        (["keys"], {"DATABASE_OWNER_URL": "postgresql://o:hunter2@/x?host=/none"}, "The database did not do it"),
        (["wrap"], {"VAULT_KMS": "nowhere://x"}, "nowhere is no service"),
    ],
)
def test_what_goes_wrong_is_a_sentence(type_: Type, words: list[str], env: dict[str, str], sentence: str) -> None:
    done = type_(*words, **env)
    assert done.exit_code == 1
    assert sentence in done.stderr
    assert "hunter2" not in done.output
