"""A file that is sent on while it arrives, handed in with a real browser: with scripts, without them, and stopped."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from app.records.models import Upload
from app.records.states import State
from tests.acceptance.browser import examine, visit, visit_to_examine
from tests.acceptance.counter import Counter
from tests.acceptance.customer import Customer
from tests.checks.test_image import DATA, END, PNG_SIGNATURE, chunk, header
from tests.tenancy import becomes

pytestmark = [pytest.mark.live]

#: So large that not all of it is there when the first of it is looked at.
COMMENT = chunk(b"tEXt", b"Comment\0" + secrets.token_hex(190_000).encode())
PICTURE = PNG_SIGNATURE + header() + COMMENT + DATA + END
SLOW = {"offline": False, "latency": 0, "downloadThroughput": 10_000_000, "uploadThroughput": 60_000}


@pytest.fixture
def logo(open_counter: Callable[..., Counter]) -> Counter:
    return open_counter(operation="facturapi/logo")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "logo.png"
    path.write_bytes(PICTURE)
    return path


@pytest.fixture
def spoilt(tmp_path: Path) -> Path:
    """One that is right up to its end."""
    path = tmp_path / "spoilt.png"
    path.write_bytes(PICTURE[: -len(END)])
    return path


def fill(page: Page, path: Path) -> None:
    page.check("#notice")
    page.set_input_files("#file", path)


def slow(page: Page) -> None:
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", SLOW)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_file_arrives(browser: Browser, logo: Counter, picture: Path, scripts: bool) -> None:
    with visit(browser, logo.address, scripts=scripts) as page:
        fill(page, picture)
        page.locator("button.send").click()
        expect(page.locator("h1")).to_have_text("Llegó")
        assert "/o/" in page.url
    (put,) = logo.puts
    assert put["complete"]
    assert put["parts"][0]["size"] == len(PICTURE)


@pytest.mark.parametrize("scripts", [True, False])
def test_what_is_wrong_at_its_end_is_shown_at_its_field(
    browser: Browser, logo: Counter, spoilt: Path, picture: Path, scripts: bool
) -> None:
    with visit(browser, logo.address, scripts=scripts) as page:
        fill(page, spoilt)
        page.locator("button.send").click()
        expect(page.locator("#file-error")).to_contain_text("imagen")
        expect(page.locator("#notice")).to_be_checked()
        assert not [put for put in logo.puts if put["complete"]]
        if scripts:
            expect(page.locator("#file")).to_be_focused()
            expect(page.locator(".chosen")).to_contain_text("spoilt.png")  # a script can keep it; a browser does not
            expect(page.locator("[data-again]")).to_have_count(0)
        page.set_input_files("#file", picture)
        page.locator("button.send").click()
        expect(page.locator("h1")).to_have_text("Llegó")
    assert [upload.state for upload in logo.world.rows(Upload)] == [State.REJECTED, State.DELIVERED]


def test_how_far_it_is_can_be_seen_and_it_can_be_stopped_by_the_keyboard(
    browser: Browser, logo: Counter, picture: Path
) -> None:
    with visit(browser, logo.address) as page:
        fill(page, picture)
        slow(page)
        page.locator("button.send").press("Enter")
        expect(page.locator("[data-amount]")).to_contain_text("380.")  # of 380.… kB
        page.locator("[data-stop]").press("Enter")
        expect(page.locator("[data-ended]")).to_be_visible()
        expect(page.locator("button.send")).to_be_focused()
        expect(page.locator("button.send")).not_to_have_attribute("aria-disabled", "true")
        expect(page.locator(".chosen")).to_contain_text("logo.png")
    assert becomes(lambda: all(upload.state is State.CANCELLED for upload in logo.world.rows(Upload)))
    assert not [put for put in logo.puts if put["complete"]]


@pytest.mark.parametrize("language", ["es", "en"])
def test_everybody_can_follow_it(browser: Browser, logo: Counter, picture: Path, spoilt: Path, language: str) -> None:
    with visit_to_examine(browser, logo.address, language) as page:
        fill(page, spoilt)
        page.locator("button.send").click()
        expect(page.locator("#file-error svg")).to_be_visible()
        examine(page, language)
        slow(page)
        page.set_input_files("#file", picture)
        page.locator("button.send").click()
        expect(page.locator("[data-amount]")).not_to_be_empty()
        examine(page, language)
        page.locator("[data-stop]").click()
        expect(page.locator("[data-ended]")).to_be_visible()
        examine(page, language)


def test_the_same_page_sent_twice_is_one_hand_in(logo: Counter) -> None:
    customer: Customer = logo.customer()
    form = customer.open(logo.address)
    pages = [customer.send(form.address, files={"file": PICTURE}, fields=form.hidden()) for _ in range(2)]
    assert pages[0].address == pages[1].address
    assert "/o/" in pages[0].address
    assert len(logo.puts) == 1
    assert logo.upload.state is State.DELIVERED
