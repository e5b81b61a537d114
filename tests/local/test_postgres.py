from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from app.local import postgres
from app.local.postgres import Embedded, PostgresError
from app.local.processes import wait_until

pytestmark = pytest.mark.live


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="ventanilla-test-"))
    yield path / "postgres"
    shutil.rmtree(path)


@pytest.fixture
def server(folder: Path) -> Iterator[Embedded]:
    with Embedded(folder, durable=False) as running:
        yield running


def ask(url: str, statement: str) -> object:
    with psycopg.connect(url, connect_timeout=5) as connection:
        cursor = connection.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


@pytest.mark.parametrize("role", ["owner", "app", "worker"])
def test_every_role_signs_in_with_its_password_and_none_is_superuser(server: Embedded, role: str) -> None:
    url = getattr(server, f"{role}_url").get_secret_value()
    assert ask(url, "SELECT current_user") == f"ventanilla_{role}"
    assert ask(url, "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user") is False


def test_nobody_signs_in_without_the_password_or_as_superuser(server: Embedded) -> None:
    url = server.app_url.get_secret_value()
    password = url.split(":")[2].split("@")[0]
    for wrong in (url.replace(password, "guess"), url.replace("ventanilla_app", "postgres")):
        with pytest.raises(psycopg.OperationalError):
            ask(wrong, "SELECT 1")


def test_passwords_are_for_the_owner_alone_and_outside_the_servers_folder(server: Embedded) -> None:
    path = server.folder / "roles.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert server.data not in path.parents
    assert stat.S_IMODE(server.data.stat().st_mode) == 0o700


def test_a_failed_statement_and_what_it_was_about_stay_out_of_the_log(server: Embedded) -> None:
    with psycopg.connect(server.owner_url.get_secret_value()) as connection:
        for statement in (
            "SELECT 'statement-canary', %s::int",
            "DO $$ BEGIN RAISE WARNING 'statement-canary'; EXECUTE 'SELECT 1 / 0'; END $$ -- %s",
        ):
            with pytest.raises(psycopg.Error), connection.transaction():
                connection.execute(statement.encode(), ["parameter-canary"])
    log = server.log.read_text()
    assert "ready to accept connections" in log
    assert "canary" not in log


def test_what_was_committed_is_there_after_stop_and_start(folder: Path) -> None:
    with Embedded(folder, durable=False) as first:
        ask(first.owner_url.get_secret_value(), "CREATE TABLE kept AS SELECT 42 AS n")
        assert first.process.poll() is None
    with Embedded(folder, durable=False) as second:
        assert ask(second.owner_url.get_secret_value(), "SELECT n FROM kept") == 42


def test_stop_leaves_no_process_and_no_socket(folder: Path) -> None:
    with Embedded(folder, durable=False) as server:
        pass
    assert running_in(server.data) == []
    assert not [*server.data.glob(".s.PGSQL*")]


def test_starts_again_after_the_server_was_killed(folder: Path) -> None:
    with Embedded(folder) as server:
        ask(server.owner_url.get_secret_value(), "CREATE TABLE kept AS SELECT 42 AS n")
        server.process.kill()
        server.process.wait()
        with Embedded(folder) as again:
            assert ask(again.owner_url.get_secret_value(), "SELECT n FROM kept") == 42


def test_a_stale_pid_file_whose_number_is_another_process_is_no_obstacle(folder: Path) -> None:
    with Embedded(folder, durable=False) as server:
        pass
    (server.data / "postmaster.pid").write_text(f"{os.getppid()}\n{server.data}\n0\n5432\n{server.data}\n\n\nready\n")
    with Embedded(folder, durable=False) as again:
        assert ask(again.app_url.get_secret_value(), "SELECT 1") == 1


def test_the_server_dies_with_its_owner(folder: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from app.local.postgres import Embedded\n"
        "Embedded(Path(sys.argv[1]), durable=False).start(); print('ready', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout
        assert owner.stdout.readline() == b"ready\n"
        assert running_in(folder / "data")
        owner.kill()
    assert wait_until(lambda: not running_in(folder / "data"), 10)


def test_a_half_made_server_is_made_anew(folder: Path) -> None:
    (folder / "data.new").mkdir(parents=True)
    (folder / "data.new" / "PG_VERSION").write_text("18")
    with Embedded(folder, durable=False) as server:
        assert ask(server.app_url.get_secret_value(), "SELECT 1") == 1
    assert not (folder / "data.new").exists()


def test_a_path_too_long_for_a_socket_works(folder: Path) -> None:
    with Embedded(folder / ("long" * 25), durable=False) as server:
        assert ask(server.app_url.get_secret_value(), "SELECT 1") == 1


def test_another_major_version_is_refused_with_its_cure(folder: Path) -> None:
    with Embedded(folder, durable=False) as server:
        pass
    (server.data / "PG_VERSION").write_text("16\n")
    with pytest.raises(PostgresError, match="made by PostgreSQL 16"):
        Embedded(folder, durable=False).start()


def test_a_server_that_cannot_start_says_what_its_log_says(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Embedded(folder, durable=False):
        pass
    monkeypatch.setitem(postgres.SETTINGS, "shared_buffers", "a lot")
    with pytest.raises(PostgresError, match="shared_buffers"):
        Embedded(folder, durable=False).start()


def test_a_missing_package_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "PACKAGE", "no_such_package")
    with pytest.raises(PostgresError, match="requirements-local"):
        Embedded(folder, durable=False).start()


def running_in(data: Path) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()) == data:
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found
