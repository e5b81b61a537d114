"""People who sign in for real, in this process: by the page, with a password, in a browser of their own."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from werkzeug.test import TestResponse

from app.database import HOUSE, Database, utcnow
from app.tenants import passwords, people
from app.tenants.models import Organization
from app.tenants.roles import Role
from app.tenants.user_models import User
from tests.dashboard.browser import browser, opened  # noqa: F401 - they are fixtures

PASSWORD: Final = "correct horse battery staple"  # noqa: S105 - of people who are made for a test
ORIGIN: Final = "http://localhost"
TOKEN: Final = re.compile(r'name="csrf_token" value="([^"]+)"')


@pytest.fixture(scope="session", autouse=True)
def _quick() -> Iterator[None]:
    """Passwords cost next to nothing here: what they cost in life is argon2's affair."""
    before = passwords.ARGON2.copy()
    passwords.ARGON2.update(argon2__memory_cost=8, argon2__time_cost=1)
    yield
    passwords.ARGON2.update(before)


@dataclass(kw_only=True)
class Desk:
    """Somebody at a browser: pages, forms with their token, what is told them."""

    client: FlaskClient
    user: User
    headers: dict[str, str] = field(default_factory=lambda: {"Origin": ORIGIN})

    def see(self, path: str, **kwargs: Any) -> TestResponse:
        return self.client.get(path, **kwargs)

    def token(self, path: str = "/admin/account") -> str:
        """The token that a page carries."""
        return token_of(self.client.get(path))

    def send(self, path: str, data: Mapping[str, str] | None = None, *, page: str = "/admin/account") -> TestResponse:
        """Send a form as that page would."""
        return self.client.post(path, data={**(data or {}), "csrf_token": self.token(page)}, headers=self.headers)


def token_of(page: TestResponse) -> str:
    found = TOKEN.search(page.text)
    assert found, page.text
    return found[1]


@pytest.fixture
def add_user(database: Database) -> Callable[..., User]:
    """Make somebody who can sign in."""

    def add(role: Role = Role.OWNER, organization: Organization | None = None, **told: Any) -> User:
        values = {"email": f"{role}-{secrets.token_hex(6)}@example.com", "name": f"Ana {role.title()}"} | told
        with database.transaction(HOUSE) as session:
            return people.add(
                session,
                role=role,
                manages=organization.id if organization else None,
                password=SecretStr(PASSWORD),
                now=utcnow(),
                **{"locale": "en", **values},
            )

    return add


def sign_in(client: FlaskClient, email: str, password: str = PASSWORD, **more: str) -> TestResponse:
    """Fill in the page and send it."""
    page = client.get("/admin/login", query_string=more)
    data = {"email": email, "password": password, "csrf_token": token_of(page), **more}
    return client.post("/admin/login", data=data, headers={"Origin": ORIGIN})


@pytest.fixture
def enter(app: Flask, add_user: Callable[..., User]) -> Callable[..., FlaskClient]:
    """A client of somebody who is signed in."""

    def come(role: Role = Role.OWNER, organization: Organization | None = None, **told: Any) -> FlaskClient:
        client = app.test_client()
        answer = sign_in(client, add_user(role, organization, **told).email)
        assert answer.status_code == 303, answer.text
        return client

    return come
