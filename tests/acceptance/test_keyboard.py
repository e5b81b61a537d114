"""Every page of the portal by the keyboard alone, at a zoom of 200 %, and as software reads it that reads aloud.

Pages that only waiting or several files lead to are gone through where those are tried.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from app.database import Database, utcnow
from app.records.sealing import seal
from app.records.states import State
from app.sandbox.sat import Issued
from app.tenants import links
from app.tenants.models import Link
from app.tenants.vault import Vault
from tests.acceptance.browser import visit
from tests.acceptance.counter import Counter
from tests.acceptance.test_accessible import ENDINGS, outcome
from tests.acceptance.tray import reach
from tests.acceptance.walking import ZOOMED, read, walk

pytestmark = [pytest.mark.live]

languages = pytest.mark.parametrize("language", ["es", "en"])

#: A form as it is read aloud; of its picture what is told besides is left out here.
READ: Final = {
    "es": """
        banner:
        navigation: Idioma
        link: English
        main:
        heading: Tu certificado de sello digital (CSD)
        region: Dónde encontrarlo
        heading: Dónde encontrarlo
        figure:
        image: La carpeta de tu CSD
        DisclosureTriangle: No los encuentro
        form: Entrégalo aquí
        heading: Entrégalo aquí
        button: Certificado (.cer) Elegir archivo
        button: Llave privada (.key) Elegir archivo
        textbox: Contraseña de la llave privada
        button: Mostrar
        checkbox: He leído y acepto el aviso de privacidad de Acme & Compañía.
        link: aviso de privacidad de Acme & Compañía
        button: Enviar
        region: Qué sigue
        heading: Qué sigue
        link: ayuda@acme.example
        contentinfo:
    """,
    "en": """
        banner:
        navigation: Language
        link: Español
        main:
        heading: Your digital seal certificate (CSD)
        region: Where to find it
        heading: Where to find it
        figure:
        image: The folder of your CSD
        DisclosureTriangle: I cannot find them
        form: Hand it in
        heading: Hand it in
        button: Certificate (.cer) Choose file
        button: Private key (.key) Choose file
        textbox: Password of the private key
        button: Show
        checkbox: I have read and accept the privacy notice of Acme & Compañía.
        link: privacy notice of Acme & Compañía
        button: Send
        region: What happens next
        heading: What happens next
        link: ayuda@acme.example
        contentinfo:
    """,
}
ARRIVED: Final = {"es": "Llegó", "en": "It arrived"}


@contextmanager
def zoomed(browser: Browser, address: str, language: str) -> Iterator[Page]:
    with visit(browser, f"{address}?lang={language}", language=language) as page:
        page.set_viewport_size(ZOOMED)
        # Choosers are the driver's from here on, not only once one is waited for.
        page.on("filechooser", lambda _: None)
        yield page


def press(page: Page, what: str, key: str = "Enter") -> None:
    """Go to something with Tab, and press it."""
    reach(page, what)
    page.keyboard.press(key)


def choose(page: Page, what: str, path: Path) -> None:
    reach(page, what)
    with page.expect_file_chooser() as choosing:
        page.keyboard.press("Enter")
    choosing.value.set_files(path)


def go_through(page: Page) -> None:
    """A page that lies still: everything is come to, and has a name."""
    walk(page)
    told = read(page)
    assert sum(line.startswith("heading: ") for line in told)
    assert {"main:", "contentinfo:"} <= set(told)


@languages
def test_the_whole_way_to_a_receipt_that_is_checked(
    language: str,
    browser: Browser,
    counter: Counter,
    csd: Issued,
    paths: dict[str, Path],
    worker: Database,
    vault: Vault,
    tmp_path: Path,
) -> None:
    with zoomed(browser, counter.address, language) as page:
        walk(page)
        told = [re.sub(r"(image: .*?CSD) .*", r"\1", line) for line in read(page)]
        assert told == [line.strip() for line in READ[language].strip().splitlines()]
        choose(page, "#cer", paths["csd.cer"])
        choose(page, "#key", paths["csd.key"])
        reach(page, "#password")
        page.keyboard.type(csd.password)
        press(page, "#notice", "Space")
        press(page, "button.send")
        expect(page.locator("h1")).to_have_text(ARRIVED[language])
        seal(worker, vault)
        expect(page.locator("a[href$='/receipt']")).to_be_visible()  # the page brings it by itself
        go_through(page)
        press(page, "a[href$='/receipt']")
        expect(page.locator("article.sheet")).to_be_visible()
        go_through(page)
        file, code = tmp_path / "receipt.json", page.locator(".address").inner_text()
        with page.expect_download() as saving:
            press(page, "a[download]")
        saving.value.save_as(file)

        page.goto(f"{counter.world.gateway.url}/verify")
        go_through(page)
        choose(page, "#receipt", file)
        press(page, "button.send")
        expect(page.locator(".verdict .good")).to_be_visible()
        go_through(page)
        page.goto(code)
        go_through(page)


@languages
def test_what_is_wrong_is_said_where_it_is(
    language: str, browser: Browser, counter: Counter, csd: Issued, paths: dict[str, Path]
) -> None:
    with zoomed(browser, counter.address, language) as page:
        press(page, "button.send")
        for field in ("#cer", "#key", "#password", "#notice"):
            wrong = page.locator(field)
            error = page.locator(f"{field}-error")
            expect(error).not_to_be_empty()
            expect(wrong).to_have_accessible_description(re.compile(re.escape(error.inner_text().strip())))
        expect(page.locator("#cer")).to_be_focused()
        go_through(page)
        choose(page, "#cer", paths["csd.cer"])
        choose(page, "#key", paths["csd.key"])
        reach(page, "#password")
        page.keyboard.type("not the password")
        press(page, "#notice", "Space")
        press(page, "button.send")
        expect(page.locator("#password")).to_be_focused()
        go_through(page)


@languages
def test_a_link_that_has_a_passphrase_and_ends(language: str, browser: Browser, counter: Counter) -> None:
    address = counter.link(passphrase="camaron dormido")
    with zoomed(browser, address, language) as page:
        expect(page.locator("#passphrase")).to_be_focused()
        go_through(page)
        page.locator("#passphrase").focus()
        page.keyboard.type("otra cosa")
        page.keyboard.press("Enter")
        expect(page.locator("#passphrase")).to_be_focused()
        go_through(page)
        page.locator("#passphrase").focus()
        page.keyboard.type("camaron dormido")
        page.keyboard.press("Enter")
        expect(page.locator("#cer")).to_be_attached()
        (row,) = counter.world.rows(Link)
        with counter.world.database.transaction(counter.organization.id) as session:
            links.revoke(session, row.id, utcnow())
        page.goto(address)
        go_through(page)


@languages
@pytest.mark.parametrize("state", [State.FAILED, State.UNKNOWN])
def test_what_did_not_arrive(state: State, language: str, browser: Browser, counter: Counter, csd: Issued) -> None:
    for fault in ENDINGS[state]:
        counter.world.sandbox.fault(**fault)
    with zoomed(browser, outcome(counter, csd, language), language) as page:
        go_through(page)
        if state == State.UNKNOWN:
            press(page, "button.send")
            expect(page).to_have_url(re.compile("asked"))
            go_through(page)


@pytest.mark.parametrize(
    ("spoiling", "judge"),
    [
        ("button => button.style.outline = 'none'", walk),
        ("button => button.tabIndex = -1", walk),
        ("button => button.tabIndex = 1", walk),
        ("button => button.style.marginLeft = '-9999px'", walk),
        ("button => button.replaceChildren()", read),
    ],
    ids=["not seen", "not reached", "out of order", "off the screen", "without a name"],
)
def test_what_keeps_somebody_out_is_noticed(
    spoiling: str, judge: Callable[[Page], object], browser: Browser, counter: Counter
) -> None:
    with zoomed(browser, counter.address, "es") as page:
        judge(page)
        page.locator("button.send").evaluate(spoiling)
        with pytest.raises(AssertionError):
            judge(page)
