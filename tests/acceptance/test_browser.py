"""The journey in a real browser, with and without scripts, in both languages."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from app.records.states import State
from app.sandbox.sat import Issued
from tests.acceptance.browser import fill, visit
from tests.acceptance.counter import Counter

pytestmark = [pytest.mark.live]

WORDS = {
    "es": {"send": "Enviar", "delivered": "entregado", "switch": "English", "show": "Mostrar"},
    "en": {"send": "Send", "delivered": "delivered", "switch": "Español", "show": "Show"},
}
CHOOSE = {"es": "Elegir archivo", "en": "Choose file"}
languages = pytest.mark.parametrize("language", ["es", "en"])
with_and_without_scripts = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])


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
        expect(page.locator("#cer-chosen")).to_contain_text("csd.cer")
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
        expect(page.locator("#cer-chosen")).to_have_text(re.compile(r"csd\.cer \d\.\d kB"))


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


@languages
def test_a_file_is_picked_by_the_keyboard_in_the_pages_language(
    language: str, browser: Browser, counter: Counter, paths: dict[str, Path]
) -> None:
    other = "en" if language == "es" else "es"
    with visit(browser, f"{counter.address}?lang={language}", language=other, width=1280) as page:
        control = page.get_by_label("(.cer)")
        expect(control).to_have_accessible_name(
            f"{page.locator('label[for=cer]').first.inner_text()} {CHOOSE[language]}"
        )
        control.focus()
        expect(page.locator(".covering:focus-visible + .face")).to_have_css("outline-style", "solid")
        with page.expect_file_chooser() as choosing:
            control.press("Enter")
        choosing.value.set_files(paths["csd.cer"])
        expect(page.locator("#cer-chosen")).to_contain_text("csd.cer")
        expect(control).to_be_focused()
        expect(control).to_have_accessible_description(re.compile(r"csd\.cer \d\.\d kB.*certific"))


def test_a_click_anywhere_on_the_control_picks_a_file(browser: Browser, counter: Counter) -> None:
    with visit(browser, counter.address) as page:
        for control, share in ((page.locator(".pick").first, 0.1), (page.locator(".pick").last, 0.9)):
            place = control.bounding_box()
            assert place
            with page.expect_file_chooser():
                control.click(position={"x": share * place["width"], "y": place["height"] / 2})


def test_files_are_dropped_onto_their_fields(
    browser: Browser, counter: Counter, csd: Issued, paths: dict[str, Path]
) -> None:
    with visit(browser, counter.address) as page:
        drop(page, "#key", paths["csd.zip"])
        expect(page.locator("#key-seen")).to_contain_text("ZIP")
        expect(page.locator("#cer-chosen .name")).to_have_count(0)
        # Both at once, and the key's place is the certificate's: each finds its own.
        drop(page, "#cer", paths["csd.key"], paths["csd.cer"])
        expect(page.locator("#cer-seen .good")).to_be_visible()
        expect(page.locator("#key-seen .good")).to_be_visible()
        # One that misses leaves the page as it is.
        assert drop(page, "h1", paths["csd.cer"]) is False
        page.fill("#password", csd.password)
        page.check("#notice")
        page.locator("button.send").click()
        expect(page.locator(".state")).to_have_text("entregado")
    (put,) = counter.puts
    assert [part["filename"] for part in put["parts"]][:2] == ["certificate.cer", "certificate.key"]


def drop(page: Page, target: str, *files: Path) -> bool:
    """Drop files onto something; tells whether the browser would go on to open them."""
    bag = page.evaluate_handle(
        """files => {
            const bag = new DataTransfer();
            for (const { name, content } of files) bag.items.add(new File([new Uint8Array(content)], name));
            return bag;
        }""",
        [{"name": file.name, "content": list(file.read_bytes())} for file in files],
    )
    goes_on: bool = page.locator(target).evaluate(
        """(target, dataTransfer) => ["dragenter", "dragover", "drop"].map((type) =>
            target.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }))).pop()""",
        bag,
    )
    return goes_on


def test_progress_shows_while_a_slow_provider_answers(
    browser: Browser, counter: Counter, csd: Issued, paths: dict[str, Path]
) -> None:
    counter.world.sandbox.fault(method="PUT", action="delay", seconds=1)
    with visit(browser, counter.address) as page:
        fill(page, paths, csd.password)
        expect(page.locator("[data-progress]")).to_be_hidden()
        # The page is asked by itself what it shows: a driver would wait for the next one.
        page.evaluate(
            """() => document.querySelector("form").addEventListener("submit", () => setTimeout(() => {
                const shown = [...document.querySelectorAll("button.send, .bar, [data-progress] [role=status]")]
                    .filter((one) => one.checkVisibility()).map((one) => one.innerText.trim());
                sessionStorage.setItem("shown", JSON.stringify(shown));
            }, 300))"""
        )
        page.locator("button.send").click()
        expect(page.locator(".state")).to_have_text("entregado")
        sending, bar, words = json.loads(page.evaluate("sessionStorage.getItem('shown')"))
    assert (sending, bar) == ("Enviando…", "")
    assert "no cierres esta página" in words


def test_without_scripts_everything_is_there(browser: Browser, counter: Counter) -> None:
    with visit(browser, f"{counter.address}?lang=es", scripts=False) as page:
        for field in ("#cer", "#key"):
            expect(page.locator(field)).to_be_visible()
            expect(page.locator(field)).to_have_css("opacity", "1")
        for text in ("Dónde encontrarlo", "No los encuentro", "Contraseña de la llave privada", "Qué sigue"):
            expect(page.get_by_text(text, exact=True)).to_be_visible()
        page.get_by_text("No los encuentro").click()
        expect(page.locator("details li").first).to_be_visible()
        # Nothing is offered that only a script could do.
        for useless in (".face", "[data-reveal]", "[data-progress]"):
            assert page.locator(useless).count() > 0
            assert not any(one.is_visible() for one in page.locator(useless).all())


def test_no_request_says_where_it_comes_from(
    browser: Browser, counter: Counter, csd: Issued, paths: dict[str, Path]
) -> None:
    """Addresses of links and outcomes are keys: no referrer carries them, not even to ourselves."""
    for fault in (
        {"method": "PUT", "action": "drop_answer"},
        {"method": "GET", "action": "delay", "seconds": 0},
        *2 * ({"method": "GET", "action": "reset"},),
    ):
        counter.world.sandbox.fault(**fault)
    requests: list[Request] = []
    link = counter.link(passphrase="camarón dormido", max_uses=2)
    with visit(browser, link) as page:
        page.on("request", lambda request: requests.append(request))  # noqa: PLW0108 - wants a function of Python
        page.reload()
        page.fill("#passphrase", "camarón dormido")
        page.get_by_role("button", name="Abrir").click()
        page.get_by_role("link", name="English").click()
        expect(page.locator("html")).to_have_attribute("lang", "en")
        fill(page, paths, csd.password)
        page.locator("button.send").click()
        expect(page.locator(".state")).to_have_text("unconfirmed")
        outcome = page.url
        page.get_by_role("button", name="Check again").click()
        expect(page).not_to_have_url(outcome)
        page.get_by_role("link", name="Español").click()
        expect(page.locator("html")).to_have_attribute("lang", "es")
        said = [(request.url, request.all_headers().get("referer", "")) for request in requests]
    tokens = {address.rpartition("/")[2] for address in (link, outcome)}
    paths_asked = {url.rpartition("?")[0] or url for url, _ in said}
    assert {link, f"{link}/passphrase", outcome} <= paths_asked
    assert any("/static/" in url for url in paths_asked)
    assert [(url, referrer) for url, referrer in said if any(token in referrer for token in tokens)] == []
    assert {referrer for _, referrer in said} <= {"", f"{counter.world.gateway.url}/"}
