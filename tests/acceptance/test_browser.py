"""The journey in a real browser, with and without scripts, in both languages."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from app.records.states import State
from app.sandbox.sat import Issued, issue
from tests.acceptance.browser import launch, visit
from tests.acceptance.counter import Counter

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("browser")]

WORDS = {
    "es": {"send": "Enviar", "delivered": "entregado", "switch": "English", "show": "Mostrar"},
    "en": {"send": "Send", "delivered": "delivered", "switch": "Español", "show": "Show"},
}
languages = pytest.mark.parametrize("language", ["es", "en"])
with_and_without_scripts = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, launch(playwright) as browser:
        yield browser


@pytest.fixture(scope="module")
def csd() -> Issued:
    return issue()


@pytest.fixture
def paths(tmp_path: Path, csd: Issued) -> dict[str, Path]:
    """The files as they lie on somebody's phone."""
    written = {}
    for name, content in {"csd.cer": csd.cer, "csd.key": csd.key, "csd.zip": b"PK\x03\x04" + bytes(600)}.items():
        written[name] = tmp_path / name
        written[name].write_bytes(content)
    return written


def fill(page: Page, paths: dict[str, Path], password: str, *, cer: str = "csd.cer", key: str = "csd.key") -> None:
    page.set_input_files("#cer", paths[cer])
    page.set_input_files("#key", paths[key])
    page.fill("#password", password)
    page.check("#notice")


@languages
@with_and_without_scripts
def test_a_certificate_arrives(
    language: str, scripts: bool, browser: Browser, counter: Counter, csd: Issued, paths: dict[str, Path]
) -> None:
    address = f"{counter.address}?lang={language}"
    with visit(browser, address, language=language, scripts=scripts) as page:
        fill(page, paths, csd.password)
        page.get_by_role("button", name=WORDS[language]["send"]).click()
        expect(page).to_have_url(f"{counter.world.gateway.url}/o/" + page.url.rpartition("/")[2])
        expect(page.locator(".state")).to_have_text(WORDS[language]["delivered"])
        expect(page.locator("main")).to_contain_text("EKU9003173C9")

    (put,) = counter.puts
    assert put["complete"]
    assert put["authorization"] == f"Bearer {counter.key}"
    assert [part["name"] for part in put["parts"]] == ["cer", "key", "password"]
    assert {part["name"]: part["sha256"] for part in put["parts"]} == {
        "cer": hashlib.sha256(csd.cer).hexdigest(),
        "key": hashlib.sha256(csd.key).hexdigest(),
        "password": hashlib.sha256(csd.password.encode()).hexdigest(),
    }
    assert counter.upload.state == State.DELIVERED


@languages
@with_and_without_scripts
def test_a_mistake_is_shown_at_its_field_with_the_focus_there(
    language: str, scripts: bool, browser: Browser, counter: Counter, paths: dict[str, Path]
) -> None:
    with visit(browser, f"{counter.address}?lang={language}", language=language, scripts=scripts) as page:
        fill(page, paths, "not the password")
        page.get_by_role("button", name=WORDS[language]["send"]).click()
        expect(page.locator("#password-error")).not_to_be_empty()
        expect(page.locator("#password")).to_be_focused()
        expect(page.locator("#password")).to_have_value("")
        expect(page.locator("#notice")).to_be_checked()
        assert page.locator("#password").get_attribute("aria-invalid") == "true"
    assert counter.puts == []


def test_swapped_files_are_noticed_before_sending(
    browser: Browser, counter: Counter, csd: Issued, paths: dict[str, Path]
) -> None:
    with visit(browser, counter.address) as page:
        page.set_input_files("#cer", paths["csd.key"])
        page.set_input_files("#key", paths["csd.cer"])
        exchange = page.get_by_role("button", name="Intercambiarlos")
        expect(exchange).to_be_visible()
        exchange.click()
        expect(page.locator("#cer-seen")).to_contain_text("csd.cer")
        page.fill("#password", csd.password)
        page.check("#notice")
        page.get_by_role("button", name="Enviar").click()
        expect(page.locator(".state")).to_have_text("entregado")
    assert len(counter.puts) == 1


def test_a_picked_zip_is_named_and_sizes_are_shown_at_once(
    browser: Browser, counter: Counter, paths: dict[str, Path]
) -> None:
    with visit(browser, counter.address) as page:
        page.set_input_files("#cer", paths["csd.zip"])
        expect(page.locator("[data-name=cer]")).to_contain_text("ZIP")
        page.set_input_files("#cer", paths["csd.cer"])
        expect(page.locator("#cer-seen")).to_contain_text("kB")
        expect(page.locator("#cer-seen")).to_contain_text("csd.cer")


def test_the_password_can_be_looked_at(browser: Browser, counter: Counter) -> None:
    with visit(browser, counter.address) as page:
        page.fill("#password", "secreto")
        page.get_by_role("button", name="Mostrar").click()
        expect(page.locator("#password")).to_have_attribute("type", "text")
        page.get_by_role("button", name="Ocultar").click()
        expect(page.locator("#password")).to_have_attribute("type", "password")


def test_a_double_click_sends_once(browser: Browser, counter: Counter, csd: Issued, paths: dict[str, Path]) -> None:
    counter.world.sandbox.fault(method="PUT", action="delay", seconds=1)
    with visit(browser, counter.address) as page:
        fill(page, paths, csd.password)
        page.get_by_role("button", name="Enviar").dblclick()
        expect(page.locator(".state")).to_have_text("entregado")
    assert len(counter.puts) == 1


def test_the_keyboard_is_enough(browser: Browser, counter: Counter, csd: Issued, paths: dict[str, Path]) -> None:
    with visit(browser, counter.address, width=1280) as page:
        page.set_input_files("#cer", paths["csd.cer"])
        page.set_input_files("#key", paths["csd.key"])
        page.focus("#password")
        page.keyboard.type(csd.password)
        for _ in range(8):
            page.keyboard.press("Tab")
            if page.locator("#notice").evaluate("box => box === document.activeElement"):
                break
        page.keyboard.press("Space")
        expect(page.locator("#notice")).to_be_checked()
        for _ in range(8):
            page.keyboard.press("Tab")
            if page.locator("button.send").evaluate("button => button === document.activeElement"):
                break
        page.keyboard.press("Enter")
        expect(page.locator(".state")).to_have_text("entregado")


@languages
def test_the_language_is_switched_on_the_page(language: str, browser: Browser, counter: Counter) -> None:
    other = "en" if language == "es" else "es"
    with visit(browser, f"{counter.address}?lang={language}", language=language) as page:
        page.get_by_role("link", name=WORDS[language]["switch"]).click()
        expect(page.locator("html")).to_have_attribute("lang", other)
        expect(page.get_by_role("button", name=WORDS[other]["send"])).to_be_visible()
