"""Pictures of every page, for looking at: wide and narrow, light and dark, in both languages. `make screenshots`.

They are of an installation that looks like life (`flask demo`), lie in build/screenshots, and those that the guide
shows are written into docs/images as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
from flask import Flask
from playwright.sync_api import Page
from sqlalchemy import Engine, text

from app.dashboard.pages import PAGES
from app.database import Database, utcnow
from app.local.place import ROOT
from app.records.tallying import tally
from tests.dashboard.browser import NARROW, WIDE, Opened, Theme

pytestmark = [pytest.mark.live, pytest.mark.timeout(3600)]

FOLDER: Final = ROOT / "build" / "screenshots"
IMAGES: Final = ROOT / "docs" / "images"
LOOKS: Final[tuple[tuple[int, Theme], ...]] = ((WIDE, "light"), (WIDE, "dark"), (NARROW, "light"), (NARROW, "dark"))
#: What the guide shows: wide, light, in English.
SHOWN: Final = frozenset(
    {"home", "list_uploads", "show_upload", "list_organizations", "show_organization", "show_connection", "show_form"}
)

#: What stands in addresses → one of those that there are, of the organization that has most.
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
    """An installation that looks like life, and what stands in the addresses of its pages."""
    filled = app.test_cli_runner().invoke(args=["demo", "--organizations", "40", "--uploads", "8000"])
    assert filled.exit_code == 0, filled.output
    tally(worker, utcnow())
    with owner_engine.connect() as connection:
        organization = connection.scalar(text(MOST))
        found = {name: connection.scalar(text(sql), {"organization": organization}) for name, sql in NAMED.items()}
    return {name: str(value) for name, value in found.items() if value is not None}


@pytest.mark.parametrize("language", ["es", "en"])
def test_screenshots(language: str, opened: Opened, life: Mapping[str, str]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    left_out = []
    with opened(language=language) as visit:
        for name, page in sorted(PAGES.items()):
            names = {found.rpartition(":")[2] for found in re.findall(r"<([^>]+)>", page.path)}
            if page.method != "GET" or page.anybody or not names <= set(life):
                left_out += [name] if page.method == "GET" else []
                continue
            address = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: life[found[1]], page.path)
            answer = visit.page.request.get(visit.url + address)
            if "text/html" not in answer.headers.get("content-type", ""):
                continue
            visit.go(address)
            _take(visit.page, name, language)
        assert visit.complaints == []
    for name in left_out:
        print(f"not taken: {name}")  # noqa: T201 - for whoever looks at the pictures


def _take(page: Page, name: str, language: str) -> None:
    page.wait_for_load_state("networkidle")
    for width, theme in LOOKS:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=theme)
        page.screenshot(path=FOLDER / f"{name}-{language}-{width}-{theme}.png", full_page=True)
        if name in SHOWN and (language, width, theme) == ("en", WIDE, "light"):
            IMAGES.mkdir(exist_ok=True)
            page.screenshot(path=Path(IMAGES / f"dashboard-{name.replace('_', '-')}.png"))
