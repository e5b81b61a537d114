"""What is answered where something of our own fails, in this process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from app.database import Database
from app.passthrough import entrance
from app.passthrough.faces import FACES
from app.records import audit
from app.records.models import AuditEntry
from app.tenants.vault import Vault
from tests.passthrough.desk import Desk
from tests.servers import Sandbox

STATUSES: Mapping[str, int] = {"codat": 500, "factify": 500, "facturapi": 500, "flatfile": 500, "formkiq": 500}


def broken(*_: object, **__: object) -> Any:
    raise RuntimeError("sk_live_in_a_message")


def away(*_: object, **__: object) -> Any:
    raise OperationalError("select", {}, Exception("gone"))


@pytest.mark.parametrize("provider", sorted(FACES))
def test_a_fault_of_ours_is_told_in_the_vendors_words(
    app: Flask, monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    monkeypatch.setattr(entrance, "find", broken)
    answer = app.test_client().get(f"/proxy/{provider}{FACES[provider].base_path}/x")
    assert answer.status_code == STATUSES[provider]
    assert answer.content_type == "application/json"
    assert b"sk_live" not in answer.data


@pytest.mark.parametrize("provider", sorted(FACES))
def test_so_is_a_database_that_is_away(app: Flask, monkeypatch: pytest.MonkeyPatch, provider: str) -> None:
    monkeypatch.setattr(entrance, "find", away)
    answer = app.test_client().get(f"/proxy/{provider}{FACES[provider].base_path}/x")
    assert answer.status_code in {500, 502, 503}
    assert answer.content_type == "application/json"


@pytest.mark.parametrize("path", ["/proxy/nobody/x", "/proxy/facturapi", "/proxy/-"])
def test_what_leads_nowhere_is_told_in_nobodys_words(app: Flask, path: str) -> None:
    answer = app.test_client().get(path)
    assert (answer.status_code, answer.json) == (404, {"status": 404, "detail": "There is nothing at this address."})


def test_an_answer_counts_although_it_cannot_be_written_down(
    app: Flask, monkeypatch: pytest.MonkeyPatch, database: Database, vault: Vault, sandbox: Sandbox
) -> None:
    desk = Desk.build(None, sandbox, database, vault)  # type: ignore[arg-type] # nobody goes there by a socket
    path = f"/proxy/facturapi/v2/organizations/{desk.house.places['facturapi'].settings['organization_id']}"
    headers = {"Authorization": f"Bearer {desk.token}"}
    monkeypatch.setattr(audit, "write", away)
    answer = app.test_client().get(path, headers=headers)
    assert answer.status_code == 200
    with database.transaction(desk.house.organization.id) as session:
        assert session.query(AuditEntry).filter_by(action="connection.called").count() == 0
