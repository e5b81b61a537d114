"""People who sign in for real, in this process: by the page, with a password, in a browser of their own."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from werkzeug.test import TestResponse

from app.dashboard import user_letters
from app.database import HOUSE, Database, utcnow
from app.tenants import passwords, people
from app.tenants.models import Organization
from app.tenants.roles import Role
from app.tenants.user_models import User
from tests.dashboard.browser import browser, opened  # noqa: F401 - they are fixtures
from tests.dashboard.life import life  # noqa: F401 - it is one
from tests.dashboard.sitting import two  # noqa: F401 - the same

PASSWORD: Final = "correct horse battery staple"
ORIGIN: Final = "http://localhost"
TOKEN: Final = re.compile(r'name="csrf_token" value="([^"]+)"')


@pytest.fixture(autouse=True)
def no_letter_is_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """End what a test had done beside its answers, before the application that it is done with ends."""
    if "app" in request.fixturenames:
        request.getfixturevalue("app")
    yield
    user_letters.BESIDE.submit(lambda: None).result(60)


@pytest.fixture(scope="session", autouse=True)
def _quick() -> Iterator[None]:
    """Passwords cost next to nothing here: what they cost in life is argon2's affair."""
    before = passwords.ARGON2.copy()
    passwords.ARGON2.update(argon2__memory_cost=8, argon2__time_cost=1)
    yield
    passwords.ARGON2.update(before)


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


def visitor(app: Flask) -> FlaskClient:
    """Somebody's browser, which speaks English."""
    client = app.test_client()
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def sign_in(client: FlaskClient, email: str, password: str = PASSWORD, **more: str) -> TestResponse:
    """Fill in the page and send it."""
    page = client.get("/admin/login", query_string=more)
    data = {"email": email, "password": password, "csrf_token": token_of(page), **more}
    return client.post("/admin/login", data=data, headers={"Origin": ORIGIN})


@pytest.fixture
def enter(app: Flask, add_user: Callable[..., User]) -> Callable[..., FlaskClient]:
    """A client of somebody who is signed in."""

    def come(role: Role = Role.OWNER, organization: Organization | None = None, **told: Any) -> FlaskClient:
        client = visitor(app)
        answer = sign_in(client, add_user(role, organization, **told).email)
        assert answer.status_code == 303, answer.text
        return client

    return come
