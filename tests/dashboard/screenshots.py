"""Pictures of every page, for looking at: wide and narrow, light and dark, in both languages. `make screenshots`.

They are of an installation that looks like life (`flask demo`), lie in build/screenshots, and those that the guide
shows are written into docs/images as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

import pytest
from playwright.sync_api import Page

from app.database import HOUSE, Database, utcnow
from app.local.place import ROOT
from app.tenants import ways_in
from app.tenants.roles import Role
from app.tenants.user_models import User
from tests.dashboard.browser import NARROW, WIDE, Opened, Theme
from tests.dashboard.life import addresses

pytestmark = [pytest.mark.live, pytest.mark.timeout(3600)]

FOLDER: Final = ROOT / "build" / "screenshots"
IMAGES: Final = ROOT / "docs" / "images"
LOOKS: Final[tuple[tuple[int, Theme], ...]] = ((WIDE, "light"), (WIDE, "dark"), (NARROW, "light"), (NARROW, "dark"))
#: What the guide shows: wide, light, in English.
SHOWN: Final = frozenset(
    {"home", "list_uploads", "show_upload", "list_organizations", "show_organization", "show_connection", "show_form"}
)


@pytest.mark.parametrize("language", ["es", "en"])
def test_screenshots(language: str, opened: Opened, life: Mapping[str, str]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with opened(language=language) as visit:
        for name, address in addresses(life):
            if "<html" in visit.page.request.get(visit.url + address).text():  # no file, no part of another page
                visit.go(address)
                _take(visit.page, name, language)


@pytest.mark.parametrize("language", ["es", "en"])
def test_screenshots_of_the_way_in(
    language: str, opened: Opened, add_user: Callable[..., User], database: Database
) -> None:
    user, now = add_user(locale=language), utcnow()
    invited: dict[str, Any] = {"role": Role.AUDITOR, "manages": None, "locale": language, "invited_by": "test"}
    with database.transaction(HOUSE) as session:
        _, joins = ways_in.invite(session, email="leo@example.com", now=now, life=timedelta(days=1), **invited)
        resets = ways_in.reset(session, session.get_one(User, user.id), now)
    ways = {
        "sign_in_page": "/login",
        "recover_page": "/recover",
        "join_page": f"/join/{joins}",
        "new_password_page": f"/recover/{resets}",
        "way_closed": "/join/closed",
    }
    with opened("/admin/login", role=None, language=language) as visit:
        for name, path in ways.items():
            visit.go(f"/admin{path}")
            _take(visit.page, name, language)


def _take(page: Page, name: str, language: str) -> None:
    page.wait_for_load_state("networkidle")
    for width, theme in LOOKS:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=theme)
        page.screenshot(path=FOLDER / f"{name}-{language}-{width}-{theme}.png", full_page=True)
        if name in SHOWN and (language, width, theme) == ("en", WIDE, "light"):
            IMAGES.mkdir(exist_ok=True)
            page.screenshot(path=IMAGES / f"dashboard-{name.replace('_', '-')}.png")
