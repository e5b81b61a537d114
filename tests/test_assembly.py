from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from flask import Flask
from pydantic import SecretStr
from sqlalchemy import select

from app import create_app
from app.assembly import preflight
from app.checks import INSPECTIONS
from app.config import ConfigurationError, Settings
from app.database import Database
from app.local import processes
from app.local.place import ROOT
from app.records.models import Process
from app.tenants.keyset import create_keyset
from tests.servers import environment_of


@pytest.fixture
def logged(settings: Settings, clean: None) -> Iterator[tuple[Flask, io.StringIO]]:
    """The gateway, with what it logs."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    app = create_app(settings)
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(written := io.StringIO())
    yield app, written
    app.extensions["ventanilla"].process.stop()
    app.extensions["ventanilla"].database.dispose()
    root.handlers[:] = handlers
    root.setLevel(level)


#: What is wrong, by what is said of it.
WRONG: Final[dict[str, dict[str, str | None]]] = {
    "SECRET_KEY is missing.": {"SECRET_KEY": None},
    "SECRET_KEY is too short.": {"SECRET_KEY": "short"},
    "DATABASE_URL: must begin with postgresql://": {"DATABASE_URL": "mysql://db"},
    "DRAIN_SECONDS: ": {"DRAIN_SECONDS": "soon"},
    "VAULT_KEYSET: /nowhere/keyset.json cannot be read": {"VAULT_KEYSET": "/nowhere/keyset.json"},
    "VAULT_KEYSET is the demo's": {"VENTANILLA_MODE": "production", "SECRET_KEY": 40 * "k"},
}


@pytest.mark.parametrize("said", WRONG)
def test_a_wrong_setting_is_told_in_one_line_before_a_server_starts(
    said: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (environment_of(settings) | WRONG[said]).items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as raised:
        preflight()
    (line,) = raised.value.lines
    assert line.startswith(said)


@pytest.mark.live
@pytest.mark.parametrize("said", ["SECRET_KEY is missing.", "VAULT_KEYSET is the demo's"])
def test_a_wrong_setting_stops_the_server_with_one_line(said: str, settings: Settings) -> None:
    """Under gunicorn too, which starts a worker that fails again and again."""
    told = {"PATH": os.environ["PATH"], "PORT": "0", **environment_of(settings), **WRONG[said]}
    program, *arguments = processes.procfile(ROOT / "Procfile")["web"]
    line = [str(Path(sys.executable).with_name(program)), *arguments]
    environment = {name: value for name, value in told.items() if value is not None}
    done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    lines = [written for written in done.stderr.splitlines() if "[INFO]" not in written]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith(said)


def test_production_refuses_the_demos_keyset(settings: Settings) -> None:
    production = settings.model_copy(update={"ventanilla_mode": "production"})
    with pytest.raises(ConfigurationError, match="VAULT_KEYSET is the demo's"):
        create_app(production)


def test_production_refuses_the_demos_secret(settings: Settings) -> None:
    told = {name: value for name, value in settings if name not in {"ventanilla_mode", "secret_key"}}
    with pytest.raises(ValueError, match="SECRET_KEY is the demo's"):
        Settings(ventanilla_mode="production", secret_key=SecretStr("demo-" + 40 * "k"), **told)


def test_production_starts_on_its_own(settings: Settings, tmp_path: Path) -> None:
    create_keyset(tmp_path / "keyset.json")
    told = {"ventanilla_mode": "production", "vault_keyset": tmp_path / "keyset.json"}
    app = create_app(settings.model_copy(update=told))
    assert app.test_client().get("/readyz").status_code == 200
    app.extensions["ventanilla"].database.dispose()


def test_a_request_is_logged_by_its_rule_without_its_key_or_query(
    logged: tuple[Flask, io.StringIO],
) -> None:
    app, written = logged
    app.test_client().get("/l/0123456789abcdef0123456789abcdef?secret=hunter2")
    said = written.getvalue()
    assert "rule=/l/<token>" in said
    assert "status=404" in said
    assert "0123456789abcdef" not in said
    assert "hunter2" not in said


def test_a_fault_of_ours_is_logged_without_the_address(logged: tuple[Flask, io.StringIO]) -> None:
    app, written = logged

    @app.get("/broken/<key>")
    def broken(key: str) -> str:
        raise LookupError(len(key))

    assert app.test_client().get("/broken/0123456789abcdef?secret=hunter2").status_code == 500
    said = written.getvalue()
    assert "request failed" in said
    assert "LookupError: 16" in said
    assert "0123456789abcdef" not in said
    assert "hunter2" not in said


def test_the_process_beats_from_the_first_request_that_may_change_something(
    logged: tuple[Flask, io.StringIO], database: Database
) -> None:
    app, _ = logged
    process = app.extensions["ventanilla"].process.work.process_id  # gateways of other tests may beat beside it

    def known() -> list[str]:
        with database.doors() as session:
            return list(session.scalars(select(Process.kind).where(Process.id == process)))

    client = app.test_client()
    client.get("/healthz")
    assert known() == []
    client.post("/f/none")
    client.post("/f/none")
    assert known() == ["web"]


def test_the_room_for_looking_into_archives_is_a_setting(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(INSPECTIONS, "limit", 0)
    request.getfixturevalue("app")
    assert settings.inspection_bytes == INSPECTIONS.limit
