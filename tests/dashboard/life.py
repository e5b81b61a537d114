"""An installation that looks like life, and an address for each page of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from app.dashboard.pages import PAGES
from app.database import Database, utcnow
from app.records.tallying import tally

#: What stands in addresses → one of those that there are, of the organization that most has failed of.
NAMED: Final = {
    "organization": "SELECT slug FROM organizations WHERE id = :organization",
    "connection": "SELECT name FROM connections WHERE organization_id = :organization ORDER BY paused_at, name LIMIT 1",
    "upload_id": "SELECT id FROM uploads WHERE organization_id = :organization AND state = 'failed' "
    "ORDER BY created_at DESC LIMIT 1",
    "form_id": "SELECT id FROM forms WHERE organization_id = :organization LIMIT 1",
    "link_id": "SELECT id FROM links WHERE organization_id = :organization LIMIT 1",
    "token_id": "SELECT id FROM api_tokens WHERE organization_id = :organization LIMIT 1",
    "endpoint_id": "SELECT id FROM webhook_endpoints WHERE organization_id = :organization LIMIT 1",
    "delivery_id": "SELECT id FROM webhook_deliveries WHERE organization_id = :organization LIMIT 1",
    "user_id": "SELECT id FROM users LIMIT 1",
}
MOST: Final = "SELECT organization_id FROM uploads WHERE state = 'failed' GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"


@pytest.fixture
def life(app: Flask, worker: Database, owner_engine: Engine) -> Mapping[str, str]:
    """Fill the database; what stands in the addresses of its pages."""
    filled = app.test_cli_runner().invoke(args=["demo", "--organizations", "12", "--uploads", "3000"])
    assert filled.exit_code == 0, filled.output
    tally(worker, utcnow())
    with owner_engine.connect() as connection:
        organization = connection.scalar(text(MOST))
        found = {name: connection.scalar(text(sql), {"organization": organization}) for name, sql in NAMED.items()}
    return {name: str(value) for name, value in found.items() if value is not None}


def addresses(life: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Endpoint and address of every page that somebody who is signed in can look at, and that there is one of."""
    for name, page in sorted(PAGES.items()):
        names = {found.rpartition(":")[2] for found in re.findall(r"<([^>]+)>", page.path)}
        if page.method == "GET" and not page.anybody and names <= set(life):
            yield name, re.sub(r"<(?:\w+:)?(\w+)>", lambda found: life[found[1]], page.path)
