"""Somebody who sits before the dashboard, with two organizations that have one of everything."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.database import Database
from app.records import audit
from app.tenants.roles import Role
from app.tenants.vault import Vault
from tests.tenancy import Tenant, tenant

ORIGIN: Final = "http://localhost"
TOKEN: Final = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass(frozen=True, kw_only=True)
class Sitting:
    """A browser that somebody signed in with."""

    client: FlaskClient

    def see(self, path: str, status: int = 200) -> str:
        """A page's text."""
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        return answer.text

    def send(self, path: str, page: str = "/admin/account", **fields: str | Sequence[str]) -> TestResponse:
        """Send what a form of that page would."""
        found = TOKEN.search(self.see(page))
        assert found, page
        data: Mapping[str, Any] = {**fields, "csrf_token": found[1]}
        return self.client.post(path, data=data, headers={"Origin": ORIGIN})


@dataclass(frozen=True, kw_only=True)
class Two:
    """Two organizations, and whoever comes."""

    app: Flask
    database: Database
    mine: Tenant
    theirs: Tenant
    enter: Callable[..., FlaskClient]

    def sit(self, role: Role = Role.OWNER, *, at_mine: bool = False) -> Sitting:
        return Sitting(client=self.enter(role, self.mine.organization if at_mine else None))

    @property
    def root(self) -> str:
        return f"/admin/organizations/{self.mine.organization.slug}"

    def actions(self, kind: str) -> list[tuple[str, str]]:
        """What was done and by whom, of a kind."""
        with self.database.transaction(self.mine.id) as session:
            entries = audit.listing(session)
        return [(one.action, one.actor) for one in entries if one.action.startswith(kind) and one.actor != "test"]


@pytest.fixture
def two(app: Flask, database: Database, vault: Vault, enter: Callable[..., FlaskClient]) -> Two:
    mine, theirs = (tenant(database, vault, f"{kind}-{secrets.token_hex(4)}") for kind in ("mine", "theirs"))
    return Two(app=app, database=database, mine=mine, theirs=theirs, enter=enter)
