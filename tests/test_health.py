from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from pydantic import SecretStr

from app import create_app
from app.config import Settings


def test_alive_and_ready(app: Flask) -> None:
    client = app.test_client()
    assert client.get("/healthz").json == {"status": "ok"}
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json) == (
        200,
        {"status": "ok", "database": True, "migrations": True, "vault": True},
    )


def test_without_its_database_it_is_alive_and_not_ready(settings: Settings, tmp_path: Path) -> None:
    gone = SecretStr(f"postgresql://nobody:hunter2@/none?host={tmp_path}")
    client = create_app(settings.model_copy(update={"database_url": gone})).test_client()
    assert client.get("/healthz").status_code == 200
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json == {"status": "not ready", "database": False, "migrations": False, "vault": True}
    assert "hunter2" not in ready.text


def test_an_antivirus_that_has_to_be_asked_has_to_be_there(settings: Settings) -> None:
    asked = {"antivirus_url": "unix:///nowhere/at/all"}
    without = create_app(settings.model_copy(update={"antivirus": "required", **asked})).test_client().get("/readyz")
    assert (without.status_code, without.json and without.json["antivirus"]) == (503, False)
    may_be = create_app(settings.model_copy(update={"antivirus": "when-available", **asked})).test_client()
    assert may_be.get("/readyz").status_code == 200


def test_a_keyset_that_vanished_is_noticed(app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    path = settings.vault_keyset
    hidden = path.rename(path.with_name("hidden"))
    try:
        ready = app.test_client().get("/readyz")
    finally:
        hidden.rename(path)
    assert (ready.status_code, ready.json and ready.json["vault"]) == (503, False)
