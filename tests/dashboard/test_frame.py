"""The frame of every page in a real browser: keys, menus, dialogs, colours, a phone, no scripts; axe on all pages."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from playwright.sync_api import expect

from app.api.errors import NothingHere
from app.dashboard import charting
from tests.dashboard.browser import NARROW, Opened
from tests.dashboard.life import addresses

pytestmark = [pytest.mark.live]

#: Shown inside another page, in the customers' language, and looked at there.
WITHIN = frozenset({"preview_form"})
languages = pytest.mark.parametrize("language", ["es", "en"])


@languages
def test_menus_and_dialogs_open_close_and_keep_nobody_out(language: str, opened: Opened) -> None:
    with opened(language=language) as visit:
        page = visit.page
        visit.examine(language)
        page.click("[popovertarget=person]")
        expect(page.locator("#person")).to_be_visible()
        visit.examine(language, room=False)
        page.keyboard.press("Escape")
        expect(page.locator("#person")).to_be_hidden()
        page.keyboard.press("?")
        expect(page.locator("#keys")).to_be_visible()
        visit.examine(language)
        page.keyboard.press("Escape")
        expect(page.locator("#keys")).to_be_hidden()
        page.set_viewport_size({"width": NARROW, "height": 700})
        expect(page.locator("#navigation")).to_be_hidden()
        page.click("[popovertarget=navigation]")
        expect(page.locator("#navigation [aria-current=page]")).to_be_visible()
        visit.examine(language, room=False)


def test_keys_lead_somewhere_but_not_while_somebody_types(opened: Opened) -> None:
    with opened("/admin/usage") as visit:
        page = visit.page
        page.keyboard.press("/")
        expect(page.locator("[data-search]")).to_be_focused()
        page.keyboard.type("gh?/")
        expect(page.locator("[data-search]")).to_have_value("gh?/")
        expect(page.locator("#keys")).to_be_hidden()
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(r"/admin/search\?q=gh%3F%2F"))
        page.locator("main").focus()
        page.keyboard.press("g")
        page.keyboard.press("h")
        expect(page).to_have_url(re.compile("/admin$"))


def test_single_keys_can_be_turned_off_and_on_again(opened: Opened) -> None:
    with opened("/admin/usage", language="en") as visit:
        page = visit.page
        page.keyboard.press("?")
        page.click("#keys [name=keys][value=off]")
        page.wait_for_selector("html[data-keys=off]")
        page.keyboard.press("?")
        page.keyboard.press("/")
        expect(page.locator("#keys")).to_be_hidden()
        expect(page.locator("[data-search]")).not_to_be_focused()
        page.click("[popovertarget=person]")
        page.click("[commandfor=keys]")
        page.click("#keys [name=keys][value=on]")
        page.wait_for_selector("html[data-keys=on]")
        page.keyboard.press("?")
        expect(page.locator("#keys")).to_be_visible()


def test_the_first_stop_of_the_tab_key_leads_past_the_navigation(opened: Opened) -> None:
    with opened() as visit:
        visit.page.keyboard.press("Tab")
        expect(visit.page.locator(".skip")).to_be_focused()
        visit.page.keyboard.press("Enter")
        expect(visit.page.locator("main")).to_be_focused()


@pytest.mark.parametrize("scripts", [True, False])
def test_colours_and_language_are_kept(opened: Opened, *, scripts: bool) -> None:
    with opened("/admin/usage", language="en", scripts=scripts) as visit:
        page = visit.page
        background = "getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(background) if scripts else ""
        page.click("[popovertarget=person]")
        page.click("button[name=theme][value=dark]")
        expect(page).to_have_url(re.compile("/admin/usage"))
        expect(page.locator("html")).to_have_attribute("data-colours", "dark")
        if scripts:
            assert page.evaluate(background) != light
        page.click("[popovertarget=person]")
        page.click("button[name=language][value=es]")
        expect(page.locator("html")).to_have_attribute("lang", "es")
        expect(page.locator("h1")).to_have_text("Consumo")


@languages
def test_charts_are_drawn_and_can_be_read(language: str, opened: Opened, life: Mapping[str, str]) -> None:
    with opened("/admin?period=30d", language=language) as visit:
        page = visit.page
        expect(page.locator("canvas")).to_have_count(4)
        for summary in page.locator(".chart summary").all():
            summary.click()
        expect(page.locator(".chart tbody").first).to_be_visible()
        visit.examine(language)
        page.locator("[data-canvas]").first.hover()
        expect(page.locator("[data-readout]").first).to_contain_text(re.compile(r"\d"))


def test_without_scripts_the_numbers_are_a_page(opened: Opened, life: Mapping[str, str]) -> None:
    with opened("/admin", scripts=False) as visit:
        visit.page.get_by_role("link", name="Show the numbers").click()
        expect(visit.page.locator("h1")).to_have_text("How it goes")
        visit.page.locator(".chart summary").first.click()
        expect(visit.page.locator(".chart tbody").first).to_be_visible()


def test_what_fails_in_a_part_of_the_page_is_said_above_it(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise NothingHere

    monkeypatch.setattr(charting, "draw", fail)
    with opened() as visit:
        notice = visit.page.locator("#notices .alert")
        expect(notice).to_contain_text("There is nothing here")
        visit.examine()
        notice.locator("[data-close]").click()
        expect(notice).to_have_count(0)


def test_an_id_is_copied_whole(opened: Opened, life: Mapping[str, str]) -> None:
    with opened(f"/admin/uploads/{life['upload_id']}") as visit:
        visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        visit.page.locator(f"[data-copy='{life['upload_id']}']").first.click()
        expect(visit.page.locator(".copy.copied")).to_have_count(1)
        assert visit.page.evaluate("navigator.clipboard.readText()") == life["upload_id"]


@pytest.mark.timeout(1200)
@languages
def test_every_page_is_for_everybody(language: str, opened: Opened, life: Mapping[str, str]) -> None:
    faults = []
    with opened(language=language) as visit:
        for name, address in addresses(life):
            if name in WITHIN or "<html" not in visit.page.request.get(visit.url + address).text():
                continue  # a file, or a part of another page
            visit.go(address)
            expect(visit.page.locator("html"), name).to_have_attribute("lang", language)
            try:
                visit.examine(language)
            except AssertionError as fault:
                faults.append(str(fault))
    assert not faults, "\n".join(faults)
