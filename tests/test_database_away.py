"""A database that is away is said to be: come again soon, nothing was done; and no page of ours claims a fault."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr

from app import create_app
from app.config import Settings
from app.tenants import tokens

TOKEN = tokens.generate("demo")


@pytest.fixture(scope="module")
def alone(settings: Settings) -> Iterator[FlaskClient]:
    """A gateway whose database does not answer."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    url = SecretStr(f"postgresql://ventanilla_app@127.0.0.1:{port}/ventanilla")
    app = create_app(settings.model_copy(update={"database_url": url}))
    yield app.test_client()
    app.extensions["ventanilla"].database.dispose()


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", f"/api/v1/uploads/{uuid4()}", {"Authorization": f"Bearer {TOKEN}"}),
        ("HEAD", f"/files/{secrets.token_urlsafe(24)}", {"Tus-Resumable": "1.0.0"}),
        ("GET", "/f/abcdefghijklmnopqrstuv", {}),
        ("GET", f"/o/{secrets.token_urlsafe(24)}", {}),
        ("GET", "/.well-known/ventanilla-keys.json", {}),
    ],
    ids=["api", "tus", "form", "outcome", "keys"],
)
def test_every_face_says_to_come_again(alone: FlaskClient, method: str, path: str, headers: dict[str, str]) -> None:
    answer = alone.open(path, method=method, headers=headers)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


def test_it_has_a_problem_of_its_own(alone: FlaskClient) -> None:
    answer = alone.get(f"/api/v1/uploads/{uuid4()}", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.content_type == "application/problem+json"
    assert answer.json
    assert answer.json["type"].endswith("#database-away")


def test_the_page_says_so_in_spanish(alone: FlaskClient) -> None:
    page = alone.get("/f/abcdefghijklmnopqrstuv", headers={"Accept-Language": "es-MX"}).get_data(as_text=True)
    assert "nada se envió" in page
