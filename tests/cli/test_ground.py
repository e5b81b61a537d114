"""The commands that work before a gateway could start, as processes of their own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from app.cli import without_gateway
from app.config import ConfigurationError, Settings
from app.database import Database, is_migrated
from app.local.place import ROOT
from app.local.postgres import Embedded
from app.local.processes import wait_until
from app.sandbox import PROVIDERS
from app.tenants.vault import Vault
from tests.cli.conftest import Run
from tests.servers import environment_of

pytestmark = pytest.mark.live

FLASK = str(Path(sys.executable).parent / "flask")


def flask(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `flask` in an environment that says nothing else."""
    told = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(
        [FLASK, *arguments], cwd=ROOT, env=told, capture_output=True, text=True, timeout=60, check=False
    )


def test_vault_create_makes_a_keyset_and_never_replaces_one(tmp_path: Path) -> None:
    path = tmp_path / "keyset.json"
    done = flask("vault", "create", VAULT_KEYSET=str(path))
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not Vault.load(path).demo
    made = path.read_bytes()
    again = flask("vault", "create", VAULT_KEYSET=str(path))
    assert again.returncode == 1
    assert "is there already and stays" in again.stderr
    assert path.read_bytes() == made


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        (["vault", "create"], {}, "VAULT_KEYSET is missing: where the keyset is to be."),
        (["vault", "create"], {"VAULT_KEYSET": "/no/such/folder/keyset"}, "cannot be written: No such file"),
        (["db", "upgrade"], {}, "DATABASE_OWNER_URL is missing"),
        (["db", "upgrade"], {"DATABASE_OWNER_URL": "postgresql://o:hunter2@/x?host=/none"}, "Nothing was changed"),
        (["org", "list"], {}, "SECRET_KEY is missing."),
        (["connection", "add", "acme", "facturapi", "--environment", "live"], {}, "DATABASE_URL is missing."),
    ],
)
def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], environment: dict[str, str], sentence: str
) -> None:
    """In the application that `wsgi` makes where nothing is set."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    with pytest.raises(ConfigurationError) as fault:
        create_app()
    done = without_gateway(fault.value).test_cli_runner().invoke(args=arguments, env=environment)
    assert isinstance(done.exception, SystemExit)
    assert done.exit_code
    assert sentence in done.stderr + str(done.exception)
    assert "hunter2" not in done.output + str(done.exception)


def test_a_process_names_it_too() -> None:
    done = flask("org", "list")
    assert done.returncode
    assert done.stderr.splitlines()[0].startswith("SECRET_KEY is missing.")
    assert "Traceback" not in done.stderr


@pytest.fixture
def empty() -> Iterator[Embedded]:
    """A server without tables."""
    folder = Path(tempfile.mkdtemp(prefix="ventanilla-test-"))
    with Embedded(folder / "postgres", durable=False) as server:
        yield server
    shutil.rmtree(folder)


def test_db_upgrade_makes_the_tables_and_can_run_twice(empty: Embedded) -> None:
    for _ in range(2):
        done = flask("db", "upgrade", DATABASE_OWNER_URL=empty.owner_url.get_secret_value())
        assert (done.returncode, done.stdout) == (0, "The tables are those of this version.\n"), done.stderr
    database = Database(empty.app_url)
    assert is_migrated(database)
    database.dispose()


def test_a_server_is_told_what_is_wrong_and_does_not_start() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import wsgi"], cwd=ROOT, env={}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode
    assert done.stderr.splitlines()[0].startswith("SECRET_KEY is missing.")
    assert "Traceback" not in done.stderr


def test_the_worker_needs_its_own_role(run: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    done = flask("worker", **{**environment_of(settings), "DATABASE_WORKER_URL": ""})
    assert done.returncode
    assert "DATABASE_WORKER_URL" in done.stderr


def test_the_worker_beats_and_leaves(settings: Settings, database: Database, clean: None) -> None:
    from sqlalchemy import select

    from app.records.models import Process

    def kinds() -> list[str]:
        with database.doors() as session:
            return list(session.scalars(select(Process.kind)))

    told = {"PATH": os.environ["PATH"], **environment_of(settings)}
    with subprocess.Popen([FLASK, "--app", "wsgi", "worker"], cwd=ROOT, env=told, stderr=subprocess.DEVNULL) as worker:
        try:
            assert wait_until(lambda: "worker" in kinds(), 30)  # gateways of other tests may beat beside it
        finally:
            worker.terminate()
        assert worker.wait(30) == 0
    assert "worker" not in kinds()


def test_the_sandbox_alone_tells_what_each_client_is_given(tmp_path: Path) -> None:
    folder = tmp_path / "sandbox"
    told = {"PATH": os.environ["PATH"], "SANDBOX_DIR": str(folder)}
    command = [FLASK, "--app", "wsgi", "sandbox", "--port", "0", "--store-port", "0"]
    with subprocess.Popen(
        command, cwd=ROOT, env=told, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            lines = [json.loads(process.stdout.readline()) for _ in PROVIDERS]
            assert {one["provider"] for one in lines} == {one.slug for one in PROVIDERS}
            by = {one["provider"]: one for one in lines}
            flatfile, codat = by["flatfile"], by["codat"]
            spaces = ask(f"{flatfile['base_url']}/spaces", f"Bearer {flatfile['key']}")
            assert [one["id"] for one in spaces["data"]] == [flatfile["spaceId"]]
            assert ask(f"{codat['base_url']}/companies/{codat['companyId']}/files", codat["key"]) == []
            organization = f"{by['facturapi']['base_url']}/organizations/{by['facturapi']['organization']}"
            assert ask(organization, f"Bearer {by['facturapi']['key']}")["id"] == by["facturapi"]["organization"]
            assert ask(f"{by['formkiq']['base_url']}/documents", by["formkiq"]["key"])["documents"] == []
            assert "items" in ask(f"{by['factify']['base_url']}/v1beta/documents", f"Bearer {by['factify']['key']}")
        finally:
            process.terminate()
            process.wait(30)
    assert not folder.exists()


def ask(url: str, key: str) -> Any:
    """What is there for that key."""
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": key}), timeout=30) as answer:
        return json.loads(answer.read())


def test_the_sandbox_says_what_keeps_it_from_starting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = flask("sandbox", "--port", port)
    assert done.returncode == 1
    assert f"Port {port} cannot be listened on: Address already in use." in done.stderr
    assert "'none' is not a valid integer" in flask("sandbox", SANDBOX_PORT="none").stderr
