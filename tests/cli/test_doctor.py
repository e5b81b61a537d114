from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from app.checks import Scanner
from app.cli import doctor
from app.config import Settings
from app.intake.spool import spool
from app.local.postgres import Embedded
from app.tenants.keyset import KeysetFile, create_keyset
from tests.cli.conftest import Run
from tests.scanning import clamd, short
from tests.servers import environment_of

Examine = Callable[..., tuple[int, dict[str, str]]]


@pytest.fixture
def examine(run: Run, settings: Settings) -> Examine:
    """Run the doctor with some settings changed; its exit code, and its lines by what they are about."""

    def examine(**changes: Any) -> tuple[int, dict[str, str]]:
        done = run("doctor", env=environment_of(settings) | changes)
        return done.exit_code, {line[6:18].strip(): line for line in done.output.splitlines()}

    return examine


def connect(run: Run, *, environment: str = "sandbox") -> None:
    done = run(
        *("connection", "add", "acme", "facturapi", "--environment", environment, "--no-verify"),
        *("--setting", "organization_id=5a2a307be93a2f00129ea035"),
        stdin="sk_user_0123456789abcdef\n",
    )
    assert done.exit_code == 0, done.output


def test_all_is_well(examine: Examine, run: Run, acme: str) -> None:
    connect(run)
    code, lines = examine()
    assert code == 0, lines
    assert [*lines] == [
        *("settings", "vault", "spool", "antivirus", "database", "role", "clock", "migrations", "row security"),
        *("vault keys", "queue", "facturapi", "worker role"),
    ]
    assert {name for name, line in lines.items() if not line.startswith("ok")} == {"antivirus"}  # is off
    assert re.search(r"spool takes files, encrypted, [\d.]+ GB free$", lines["spool"])
    assert "ventanilla_app" in lines["role"]


def test_a_spool_that_takes_nothing_or_nothing_more(examine: Examine, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, lines = examine(SPOOL_URL=str(tmp_path / "file"))
    assert code == 1
    assert "takes nothing: [Errno 20]" in lines["spool"]
    code, lines = examine(SPOOL_HIGH_WATER="0.000001")
    assert code == 1
    assert "is full → make room" in lines["spool"]
    code, lines = examine(SPOOL_URL="az://bucket")
    assert code == 1
    assert "SPOOL_URL: az://bucket cannot be used" in lines["spool"]


def test_a_spool_that_does_not_give_back_what_it_was_given(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "PROBE", b"")  # is in anything
    code, lines = examine()
    assert code == 1
    assert "is not encrypted" in lines["spool"]


@pytest.mark.live
def test_an_antivirus_that_knows_what_it_should_and_one_that_takes_too_little(examine: Examine) -> None:
    required = {"ANTIVIRUS": "required", "ANTIVIRUS_MAX_BYTES": str(2 << 20)}
    with short() as folder, clamd(folder, StreamMaxLength="2M") as daemon:
        code, lines = examine(**required, ANTIVIRUS_URL=daemon.url)
        assert code == 0, lines
        assert re.search(r"^ok +antivirus +ClamAV [\d.]+, required$", lines["antivirus"])
        code, lines = examine(**required | {"ANTIVIRUS_MAX_BYTES": str(3 << 20)}, ANTIVIRUS_URL=daemon.url)
        assert code == 1
        assert lines["antivirus"].endswith(
            "→ raise StreamMaxLength, MaxFileSize and MaxScanSize in clamd.conf, or lower ANTIVIRUS_MAX_BYTES"
        )
    code, lines = examine(**required, ANTIVIRUS_URL=daemon.url)
    assert code == 1
    assert "start clamd" in lines["antivirus"]


@pytest.mark.parametrize(
    ("version", "found", "cure"),
    [
        ("ClamAV 1.4.6", "", "does not know the test virus → freshclam"),
        ("ClamAV 1.4.6/27810/Sat Nov  1 09:12:44 2025", "Eicar", "its signatures are old → freshclam"),
    ],
)
def test_an_antivirus_that_knows_too_little(
    examine: Examine, monkeypatch: pytest.MonkeyPatch, version: str, found: str, cure: str
) -> None:
    monkeypatch.setattr(Scanner, "version", lambda _: version)
    monkeypatch.setattr(Scanner, "look", lambda *_: found)
    code, lines = examine(ANTIVIRUS="when-available")
    assert code == 1
    assert cure in lines["antivirus"]


def test_before_there_is_a_connection_no_provider_is_looked_for(examine: Examine) -> None:
    code, lines = examine()
    assert (code, lines["providers"]) == (0, "n/a   providers    no connection yet")


def test_a_rotation_that_was_begun_is_told(examine: Examine, settings: Settings, tmp_path: Path) -> None:
    file = KeysetFile(path=tmp_path / "begun.json")
    file.create(KeysetFile(path=settings.vault_keyset).read().with_another())
    code, lines = examine(VAULT_KEYSET=str(file.path))
    assert code == 0
    assert "flask vault rotate goes on with it" in lines["vault"]


def test_missing_settings_are_named_one_a_line(run: Run) -> None:
    done = run("doctor", env={"DATABASE_URL": "mysql://x", "SECRET_KEY": "short"})
    assert done.exit_code == 1
    for name in ("DATABASE_URL", "SECRET_KEY", "VAULT_KEYSET"):
        assert len([line for line in done.output.splitlines() if line.startswith("FAIL") and name in line]) == 1


def test_a_database_that_does_not_answer(examine: Examine, tmp_path: Path) -> None:
    code, lines = examine(DATABASE_URL=f"postgresql://nobody:hunter2@/none?host={tmp_path}")
    assert code == 1
    assert lines["database"].startswith("FAIL")
    assert "hunter2" not in "".join(lines.values())


def test_a_vault_that_is_missing_is_the_demos_or_anothers(
    examine: Examine, run: Run, acme: str, tmp_path: Path
) -> None:
    connect(run)
    code, lines = examine(VAULT_KEYSET=str(tmp_path / "none.json"))
    assert code == 1
    assert "cannot be read" in lines["vault"]
    code, lines = examine(VENTANILLA_MODE="production")
    assert code == 1
    assert "VAULT_KEYSET is the demo's" in lines["vault"]
    create_keyset(tmp_path / "another.json")
    code, lines = examine(VAULT_KEYSET=str(tmp_path / "another.json"))
    assert code == 1
    assert lines["vault"].startswith("ok")
    assert lines["vault keys"].startswith("FAIL")


def test_a_role_that_nothing_binds(examine: Examine, postgres: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    mighty = text("SELECT 'somebody' AS rolname, true AS mighty, true AS suits")
    monkeypatch.setattr(doctor, "ROLE", mighty)
    code, lines = examine()
    assert code == 1
    assert "nothing keeps organizations apart" in lines["role"]
    assert "DATABASE_WORKER_URL" in lines["worker role"]


@pytest.fixture
def unforced(owner_engine: Engine) -> Iterator[None]:
    def alter(what: str) -> None:
        with owner_engine.begin() as connection:
            connection.execute(text(f"ALTER TABLE uploads {what} ROW LEVEL SECURITY"))

    alter("NO FORCE")
    yield
    alter("FORCE")


def test_a_table_without_row_security_is_named(examine: Examine, unforced: None) -> None:
    code, lines = examine()
    assert code == 1
    assert "not in force on uploads" in lines["row security"]


def test_tables_of_another_version(examine: Examine, owner_engine: Engine) -> None:
    with owner_engine.begin() as connection:
        former = connection.scalars(text("SELECT version_num FROM alembic_version")).one()
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    try:
        code, lines = examine()
    finally:
        with owner_engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :former"), {"former": former})
    assert code == 1
    assert lines["migrations"].endswith("→ flask db upgrade")


def test_a_clock_that_is_off(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    class Late(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) - timedelta(seconds=30)

    monkeypatch.setattr(doctor, "datetime", Late)
    code, lines = examine()
    assert code == 1
    assert "30.0 s apart" in lines["clock"]


def test_the_owner_of_the_tables_is_bound_by_nothing(examine: Examine, postgres: Embedded) -> None:
    code, lines = examine(DATABASE_URL=postgres.owner_url.get_secret_value())
    assert code == 1
    assert "nothing keeps organizations apart" in lines["role"]


def test_one_role_in_the_others_place(examine: Examine, postgres: Embedded) -> None:
    app, worker = postgres.app_url.get_secret_value(), postgres.worker_url.get_secret_value()
    code, lines = examine(DATABASE_URL=worker, DATABASE_WORKER_URL=app)
    assert code == 1
    assert lines["role"].endswith(
        "ventanilla_worker is not ventanilla_app → let DATABASE_URL name the role ventanilla_app"
    )
    assert "ventanilla_app is not ventanilla_worker" in lines["worker role"]


def test_where_no_worker_is_meant_to_run(examine: Examine) -> None:
    code, lines = examine(DATABASE_WORKER_URL=None)
    assert code == 0
    assert lines["worker role"].startswith("n/a")


def test_a_sandbox_that_is_named_nowhere(examine: Examine, run: Run, acme: str) -> None:
    connect(run)
    code, lines = examine(SANDBOX_URL=None)
    assert code == 1
    assert "SANDBOX_URL is not set" in lines["facturapi"]


def test_a_provider_that_egress_keeps_from(examine: Examine, run: Run, acme: str, settings: Settings) -> None:
    connect(run)
    code, lines = examine(EGRESS_ALLOW="")
    assert code == 1
    assert lines["facturapi"].endswith(f"→ put {settings.sandbox_url} into EGRESS_ALLOW if it is meant to be gone to")


def test_a_provider_out_of_reach(examine: Examine, run: Run, acme: str) -> None:
    connect(run)
    code, lines = examine(SANDBOX_URL="http://127.0.0.1:1", EGRESS_ALLOW="http://127.0.0.1:1")
    assert code == 1
    assert "127.0.0.1:1 cannot be reached" in lines["facturapi"]


def test_a_worker_role_that_cannot_sign_in(examine: Examine, tmp_path: Path) -> None:
    code, lines = examine(DATABASE_WORKER_URL=f"postgresql://nobody:hunter2@/none?host={tmp_path}")
    assert code == 1
    assert "cannot sign in" in lines["worker role"]
