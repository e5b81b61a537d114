from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from pydantic import SecretStr

from app import create_app
from app.config import Settings
from app.database import Database
from app.health import PROBE_SECONDS, Readiness
from app.intake.spool import Spool, SpoolAway
from app.intake.spool.bucket import Bucket
from app.records.processes import beat
from app.seeing.leaving import LEAVING
from tests.watch import Watch


@pytest.fixture
def worker_at_work(app: Flask, worker: Database) -> None:
    beat(worker, uuid4(), "worker")


def readiness(app: Flask) -> tuple[int, dict[str, Any]]:
    answer = app.test_client().get("/readyz")
    return answer.status_code, answer.json or {}


def test_alive_and_ready(app: Flask, worker_at_work: None) -> None:
    assert app.test_client().get("/healthz").json == {"status": "ok"}
    everything = ("database", "migrations", "vault", "spool", "room", "worker", "queue")
    assert readiness(app) == (200, {"status": "ok", **dict.fromkeys(everything, True)})


def test_without_its_database_it_is_alive_and_not_ready(settings: Settings, tmp_path: Path) -> None:
    gone = SecretStr(f"postgresql://nobody:hunter2@/none?host={tmp_path}")
    client = create_app(settings.model_copy(update={"database_url": gone})).test_client()
    assert client.get("/healthz").status_code == 200
    ready = client.get("/readyz")
    assert ready.status_code == 503
    there, gone_with_it = ("vault", "spool", "room"), ("database", "migrations", "worker", "queue")
    told = {"status": "not ready", **dict.fromkeys(there, True), **dict.fromkeys(gone_with_it, False)}
    assert ready.json == told
    assert "hunter2" not in ready.text


def test_a_worker_that_is_away_is_told_and_takes_nobody_out(app: Flask) -> None:
    status, told = readiness(app)
    assert (status, told["status"], told["worker"]) == (200, "degraded", False)


def test_a_queue_that_is_behind_is_told_and_takes_nobody_out(app: Flask, worker_at_work: None) -> None:
    app.extensions["ventanilla"].shedding._behind = lambda: {uuid4()}
    status, told = readiness(app)
    assert (status, told["status"], told["queue"]) == (200, "degraded", False)


def test_a_folder_that_takes_nothing_takes_its_node_out(settings: Settings, tmp_path: Path, clean: None) -> None:
    (tmp_path / "file").touch()
    app = create_app(settings.model_copy(update={"spool_url": str(tmp_path / "file")}))
    status, told = readiness(app)
    assert (status, told["status"], told["spool"]) == (503, "not ready", False)


def test_a_bucket_that_takes_nothing_is_told_and_takes_nobody_out(
    settings: Settings, clean: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: Spool) -> None:
        raise SpoolAway

    monkeypatch.setattr(Spool, "probe", away)
    monkeypatch.setattr(Bucket, "at", lambda *_, **__: object())
    app = create_app(settings.model_copy(update={"spool_url": "s3://bucket/prefix"}))
    status, told = readiness(app)
    assert (status, told["status"], told["spool"]) == (200, "degraded", False)


def test_a_spool_without_room_is_told_and_takes_nobody_out(settings: Settings, tmp_path: Path, clean: None) -> None:
    app = create_app(settings.model_copy(update={"spool_url": str(tmp_path), "spool_high_water": 1e-9}))
    status, told = readiness(app)
    assert (status, told["status"], told["spool"], told["room"]) == (200, "degraded", True, False)


def test_the_spool_is_tried_now_and_then_however_many_ask(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    watch, tries = Watch(), 0

    def probe(_: Spool) -> None:
        nonlocal tries
        tries += 1

    monkeypatch.setattr(Spool, "probe", probe)
    looking = Readiness(app.extensions["ventanilla"], watch)
    assert {looking.spool() for _ in range(3)} == {(True, True)}
    assert tries == 1
    watch.now += PROBE_SECONDS
    looking.spool()
    assert tries == 2


def test_who_leaves_says_so_and_is_still_alive(app: Flask) -> None:
    LEAVING.set()
    try:
        status, told = readiness(app)
        assert app.test_client().get("/healthz").status_code == 200
    finally:
        LEAVING.clear()
    assert (status, told) == (503, {"status": "leaving"})


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
