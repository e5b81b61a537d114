"""Pictures of every page, for looking at: wide and narrow, light and dark, in both languages. `make screenshots`.

They are of an installation that looks like life (`flask demo`), lie in build/screenshots, and those that the guide
shows are written into docs/images as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pytest
from playwright.sync_api import Page

from app.local.place import ROOT
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


def _take(page: Page, name: str, language: str) -> None:
    page.wait_for_load_state("networkidle")
    for width, theme in LOOKS:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=theme)
        page.screenshot(path=FOLDER / f"{name}-{language}-{width}-{theme}.png", full_page=True)
        if name in SHOWN and (language, width, theme) == ("en", WIDE, "light"):
            IMAGES.mkdir(exist_ok=True)
            page.screenshot(path=IMAGES / f"dashboard-{name.replace('_', '-')}.png")
