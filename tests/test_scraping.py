from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy import Engine, text

from app import create_app
from app.config import Settings
from app.database import Database, utcnow
from app.intake.spool import Spool
from app.intake.spool.local import Folder
from app.scraping import LOOK_SECONDS, Standing
from app.tenants.vault import Vault
from tests.tenancy import tenant
from tests.watch import Watch

TOKEN = "scrape-0123456789"


@pytest.fixture
def opened(settings: Settings, clean: None) -> Iterator[Callable[..., FlaskClient]]:
    """Makes gateways with other settings."""
    made: list[Flask] = []

    def opened(**changes: Any) -> FlaskClient:
        made.append(create_app(settings.model_copy(update=changes)))
        return made[-1].test_client()

    yield opened
    for app in made:
        app.extensions["ventanilla"].database.dispose()


def values(answer: str) -> dict[str, float]:
    """Every sample, by its name and labels."""
    return {
        f"{sample.name}{dict(sorted(sample.labels.items())) or ''}": sample.value
        for family in text_string_to_metric_families(answer)
        for sample in family.samples
    }


@pytest.mark.parametrize(
    ("peer", "forwarded", "token", "status"),
    [
        ("127.0.0.1", None, None, 200),
        ("203.0.113.9", None, None, 403),
        ("203.0.113.9", None, TOKEN, 200),
        ("203.0.113.9", None, TOKEN + "x", 403),
        ("203.0.113.9", "127.0.0.1", None, 403),  # says so itself
        ("127.0.0.1", "203.0.113.9", None, 403),  # our own proxy says who asks
        ("10.1.2.3", None, None, 200),
        ("", None, None, 403),  # a socket without an address
        ("", None, TOKEN, 200),
    ],
)
def test_who_may_see_it(
    opened: Callable[..., FlaskClient], peer: str, forwarded: str | None, token: str | None, status: int
) -> None:
    networks = (ip_network("127.0.0.1"), ip_network("10.0.0.0/8"))
    client = opened(metrics_allow=networks, metrics_token=SecretStr(TOKEN))
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    headers |= {"X-Forwarded-For": forwarded} if forwarded else {}
    answer = client.get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": peer})
    assert answer.status_code == status
    assert ("ventanilla_requests_total" in answer.text) is (status == 200)


def test_without_a_token_of_the_settings_none_lets_in(opened: Callable[..., FlaskClient]) -> None:
    client = opened(metrics_token=None)
    for token in ("", "None", TOKEN):
        headers = {"Authorization": f"Bearer {token}"}
        assert client.get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": "203.0.113.9"}).status_code == 403


def test_what_stands_in_the_tables(
    opened: Callable[..., FlaskClient], database: Database, vault: Vault, owner_engine: Engine
) -> None:
    mine = tenant(database, vault, f"acme-{uuid4().hex[:8]}")
    with owner_engine.begin() as connection:
        connection.execute(text("UPDATE uploads SET state = 'unknown'"))
        connection.execute(text("UPDATE connections SET paused_at = now(), paused_because = 'operator'"))
    answer = opened().get("/metrics")
    found = values(answer.text)
    assert found["ventanilla_database_up"] == found["ventanilla_spool_up"] == 1
    kinds = {name: value for name, value in found.items() if name.startswith("ventanilla_needs")}
    assert kinds["ventanilla_needs{'kind': 'unknown'}"] == 1
    assert kinds["ventanilla_needs{'kind': 'paused'}"] == 1
    assert kinds["ventanilla_needs{'kind': 'worker'}"] == 1  # there is none
    assert kinds["ventanilla_needs{'kind': 'failed'}"] == 0
    assert found["ventanilla_queue_age_seconds"] == 0
    for told in (mine.organization.slug, str(mine.id), str(mine.upload.id), mine.api_token):
        assert told not in answer.text


def test_how_long_the_queue_waits(
    opened: Callable[..., FlaskClient], database: Database, vault: Vault, owner_engine: Engine
) -> None:
    tenant(database, vault, f"acme-{uuid4().hex[:8]}")
    due = utcnow() - timedelta(minutes=10)
    with owner_engine.begin() as connection:
        connection.execute(text("UPDATE uploads SET state = 'waiting', mode = 'durable', due_at = :due"), {"due": due})
    found = values(opened().get("/metrics").text)
    assert 600 <= found["ventanilla_queue_age_seconds"] < 900


def test_without_its_database_it_says_so_and_all_else(opened: Callable[..., FlaskClient], tmp_path: Path) -> None:
    answer = opened(database_url=SecretStr(f"postgresql://nobody:hunter2@/none?host={tmp_path}")).get("/metrics")
    found = values(answer.text)
    assert (answer.status_code, found["ventanilla_database_up"], found["ventanilla_spool_up"]) == (200, 0, 1)
    assert not any(name.startswith("ventanilla_needs") for name in found)
    assert "hunter2" not in answer.text


def test_the_tables_are_looked_at_now_and_then_however_many_ask(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, looks = Watch(), 0
    standing = Standing(database, Spool(Folder(tmp_path)), utcnow, lambda: watch.now)
    look = standing._looked

    def counted() -> Any:
        nonlocal looks
        looks += 1
        return look()

    monkeypatch.setattr(standing, "_looked", counted)
    for _ in range(3):
        assert [*standing.collect()]
    assert looks == 1
    watch.now += LOOK_SECONDS
    assert [*standing.collect()]
    assert looks == 2
