"""A customer's way to the receipt, in a real browser: seen, printed on one sheet, kept, and checked."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from app.database import Database
from app.records.sealing import seal
from app.sandbox.sat import Issued
from app.tenants.vault import Vault
from tests.acceptance.browser import examine, visit, visit_to_examine
from tests.acceptance.counter import Counter
from tests.checks.cases import Files

pytestmark = [pytest.mark.live]

languages = pytest.mark.parametrize("language", ["es", "en"])


@pytest.fixture
def seal_all(worker: Database, vault: Vault) -> Callable[[], None]:
    """Seals what there is, as the worker does each second."""

    def seal_all() -> None:
        seal(worker, vault)

    return seal_all


def hand_in(counter: Counter, csd: Issued, language: str) -> str:
    """Hand a certificate in; the address of its outcome page."""
    page = counter.hand_in(Files(cer=csd.cer, key=csd.key, password=csd.password), language=language)
    assert "/o/" in page.address
    return page.address


def sheets(page: Page, paper: str) -> int:
    """How many sheets of paper the page takes."""
    return len(re.findall(rb"/Type\s*/Page\b", page.pdf(format=paper)))


@languages
def test_from_the_outcome_to_a_file_that_is_genuine(
    language: str,
    browser: Browser,
    counter: Counter,
    csd: Issued,
    seal_all: Callable[[], None],
    tmp_path: Path,
) -> None:
    address = hand_in(counter, csd, language)
    with visit_to_examine(browser, address, language) as page:
        expect(page.locator("[data-receipt=due]")).to_be_attached()
        examine(page, language)
        seal_all()
        page.locator("a[href$='/receipt']").click()  # the page brings it by itself
        expect(page.locator("article.sheet")).to_be_visible()
        examine(page, language)
        page.emulate_media(media="print", color_scheme="light")
        assert (sheets(page, "A4"), sheets(page, "Letter")) == (1, 1)
        page.emulate_media(media="screen")
        with page.expect_download() as saving:
            page.locator("a[download]").click()
        file = tmp_path / saving.value.suggested_filename
        saving.value.save_as(file)
        assert re.fullmatch(r"acuse-[\w-]+-\d{6}\.json", file.name)
        code = page.locator(".address").inner_text()

        page.goto(f"{counter.world.gateway.url}/verify")
        examine(page, language)
        page.set_input_files("#receipt", file)
        page.locator("button.send").click()
        expect(page.locator(".verdict .good")).to_be_visible()
        examine(page, language)
        page.goto(code)
        examine(page, language)


def test_without_scripts(
    browser: Browser, counter: Counter, csd: Issued, seal_all: Callable[[], None], tmp_path: Path
) -> None:
    address = hand_in(counter, csd, "es")
    seal_all()
    with visit(browser, f"{address}/receipt", scripts=False) as page:
        expect(page.locator("article.sheet svg.code")).to_be_visible()
        expect(page.locator("[data-print]")).to_be_hidden()
        with page.expect_download() as saving:
            page.locator("a[download]").click()
        text = Path(saving.value.path()).read_text()
        for told, said in ((text, "Auténtico"), (text.replace('"number":1', '"number":2', 1), "se cambió")):
            page.goto(f"{counter.world.gateway.url}/verify")
            page.locator("summary").click()
            page.fill("#text", told)
            page.locator("button.send").click()
            expect(page.locator("main")).to_contain_text(said, ignore_case=True)
