"""The page of the API for everybody: what axe finds, on a phone and a desk, light and dark; room for all."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.acceptance.browser import examine, visit_to_examine
from tests.servers import Server

pytestmark = [pytest.mark.live]

#: With a body, with a query, with neither, and the one whose bodies stream.
OPENED = ("create_connection", "list_uploads", "me", "hand_in")


def test_the_page_of_the_api(browser: Browser, gateway: Server) -> None:
    with visit_to_examine(browser, f"{gateway.url}/api/docs", "en") as page:
        for one in OPENED:
            page.locator(f"#{one} > summary").click()
        examine(page, "en")


def test_an_address_leads_to_its_model(browser: Browser, gateway: Server) -> None:
    with visit_to_examine(browser, f"{gateway.url}/api/docs", "en") as page:
        page.locator("#create_connection > summary").click()
        page.locator("#create_connection").get_by_role("link", name="NewConnection").click()
        assert page.url.endswith("#NewConnection")
        assert page.locator("#NewConnection").is_visible()
