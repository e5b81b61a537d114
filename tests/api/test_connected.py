"""Calls over one connection to a running gateway: each body is read to its end, whatever became of it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
import requests

from app.database import Database
from app.tenants import organizations, tokens
from tests.servers import Server

pytestmark = pytest.mark.live


Line = tuple[requests.Session, str]


@pytest.fixture
def line(gateway: Server, database: Database) -> Iterator[Line]:
    """A connection that is kept, with an organization's token, and where that is."""
    made = organizations.add(database, slug=f"t-{secrets.token_hex(6)}", name="Kemper")
    with database.transaction(made.id) as transaction:
        _, secret = tokens.create(transaction, organization_id=made.id, name="tests", scopes=tokens.SCOPES)
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {secret}"
        yield session, f"{gateway.url}/api/v1/organizations/{made.slug}"


def test_one_after_the_other(line: Line) -> None:
    session, root = line
    for name in ("First", "Second", "Third" * 30):
        answer = session.patch(root, json={"name": name}, timeout=30)
        assert (answer.status_code, answer.json()["name"]) == (200, name)
        seen = session.get(root, timeout=30, headers={"If-None-Match": answer.headers["ETag"]})
        assert (seen.status_code, seen.content) == (304, b"")


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Authorization": "Bearer x"}, b'{"name": "x"}', 401),
        ({"Content-Type": "text/plain"}, b'{"name": "x"}', 415),
        ({}, b"x" * 2_000_000, 413),
        ({}, iter([b'{"name": ', b'"x"}']), 411),
    ],
)
def test_what_is_refused_is_in_nobodys_way(
    line: Line, headers: dict[str, str], body: bytes | Iterator[bytes], status: int
) -> None:
    session, root = line
    refused = session.patch(root, headers={"Content-Type": "application/json", **headers}, data=body, timeout=30)
    assert refused.status_code == status
    assert session.get(root, timeout=30).json()["name"] == "Kemper"
