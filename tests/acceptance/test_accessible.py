"""Every page for everybody: what axe finds, on a phone and a desk, light and dark, in both languages; room for all."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.database import utcnow
from app.providers import registry
from app.records.models import Upload
from app.records.states import State
from app.sandbox.sat import Issued, issue
from app.tenants import links
from app.tenants.models import Form, Link
from tests.acceptance.browser import examine, fill, visit, visit_to_examine
from tests.acceptance.counter import Counter
from tests.acceptance.walking import ZOOMED, read, walk
from tests.checks.cases import NOW as ISSUED
from tests.checks.cases import Files

pytestmark = [pytest.mark.live]

languages = pytest.mark.parametrize("language", ["es", "en"])
Open = Callable[..., Counter]

#: What the sandbox has to do for a hand-in to end in a state.
REFUSED = {"method": "PUT", "action": "status", "status": 400, "body": {"message": "La llave no sirve.", "code": "x"}}
LOST = {"method": "PUT", "action": "drop_answer"}
DOWN = {"method": "GET", "action": "reset"}
FIRST_LOOK = {"method": "GET", "action": "delay", "seconds": 0}
ENDINGS = {State.DELIVERED: (), State.FAILED: (REFUSED,), State.UNKNOWN: (LOST, FIRST_LOOK, DOWN, DOWN)}


def files_of(one: Issued) -> Files:
    return Files(cer=one.cer, key=one.key, password=one.password)


def outcome(counter: Counter, csd: Issued, language: str) -> str:
    """Hand in, and give the address of the page that tells what became of it."""
    page = counter.hand_in(files_of(csd), language=language)
    assert "/o/" in page.address
    return page.address


@languages
@pytest.mark.parametrize("operation", sorted(registry.OPERATIONS))
def test_a_form(operation: str, language: str, browser: Browser, open_counter: Open) -> None:
    counter = open_counter(operation=operation, notice_url="https://acme.example/aviso")
    with visit_to_examine(browser, counter.address, language) as page:
        for summary in page.locator("summary").all():
            summary.click()
        examine(page, language)


@languages
def test_a_form_with_errors(
    language: str, browser: Browser, counter: Counter, csd: Issued, paths: dict[str, Path]
) -> None:
    with visit_to_examine(browser, counter.address, language) as page:
        page.locator("button.send").click()
        expect(page.locator("[aria-invalid]")).to_have_count(4)
        expect(page.locator("#cer")).to_be_focused()
        examine(page, language)

        fill(page, paths, "not the password")
        expect(page.locator("[aria-invalid]")).to_have_count(0)
        page.locator("button.send").click()
        expect(page.locator("[role=alert]")).to_be_visible()
        examine(page, language)


@languages
def test_a_form_with_a_question(language: str, browser: Browser, counter: Counter, paths: dict[str, Path]) -> None:
    newer = issue(number="30001000000500009999", not_before=ISSUED, not_after=utcnow() + timedelta(days=3000))
    counter.hand_in(files_of(newer))
    with visit_to_examine(browser, counter.address, language) as page:
        fill(page, paths, newer.password)
        page.locator("button.send").click()
        expect(page.locator("#replace")).to_be_focused()
        examine(page, language)


@languages
def test_a_form_that_is_being_filled_in(
    language: str, browser: Browser, counter: Counter, paths: dict[str, Path]
) -> None:
    with visit_to_examine(browser, counter.address, language) as page:
        page.set_input_files("#cer", paths["csd.zip"])
        expect(page.locator("#cer-seen .doubt")).to_be_visible()
        page.set_input_files("#key", paths["csd.key"])
        expect(page.locator("#key-seen .good")).to_be_visible()
        page.fill("#password", "12345678a")
        page.locator("[data-reveal]").click()
        examine(page, language)

        page.set_input_files("#cer", paths["csd.key"])
        page.set_input_files("#key", paths["csd.cer"])
        expect(page.locator("#cer-seen button")).to_be_visible()
        examine(page, language)


@languages
def test_a_link_with_a_passphrase(language: str, browser: Browser, counter: Counter) -> None:
    link = counter.link(passphrase="camarón dormido")
    with visit_to_examine(browser, link, language) as page:
        expect(page.locator("#passphrase")).to_be_focused()
        examine(page, language)
        page.fill("#passphrase", "otra cosa")
        page.locator("button.send").click()
        expect(page.locator("#passphrase-error")).not_to_be_empty()
        examine(page, language)


@languages
def test_a_link_that_wants_a_page_of_its_own(language: str, browser: Browser, counter: Counter) -> None:
    token = counter.link(passphrase="camarón dormido").rpartition("/")[2]
    with Session(counter.world.owner) as session, session.begin():
        session.execute(update(Form).values(settings={"frame_origins": ["https://acme.example"]}))
    inside = f"{counter.world.gateway.url}/embedded/{language}"
    with visit(browser, f"{inside}/l/{token}", language=language, width=640) as page:
        for address in (f"{inside}/l/{token}", f"{inside}/f/{counter.form.public_id}"):
            page.goto(address)
            examine(page, language)
            page.set_viewport_size(ZOOMED)
            walk(page)
            read(page)


@languages
def test_pages_behind_which_nothing_is(language: str, browser: Browser, counter: Counter) -> None:
    link = counter.link()
    (row,) = counter.world.rows(Link)
    with counter.world.database.transaction(counter.organization.id) as session:
        links.revoke(session, row.id, utcnow())
    expired = counter.link(expires_at=utcnow() + timedelta(hours=1))
    counter.world.set_clock(utcnow() + timedelta(hours=2))
    with visit_to_examine(browser, expired, language) as page:
        for address in (expired, link, f"{counter.address}x"):
            page.goto(address)
            examine(page, language)


@languages
@pytest.mark.parametrize("state", ENDINGS)
def test_an_outcome(state: State, language: str, browser: Browser, counter: Counter, csd: Issued) -> None:
    for fault in ENDINGS[state]:
        counter.world.sandbox.fault(**fault)
    address = outcome(counter, csd, language)
    assert counter.upload.state == state
    with visit_to_examine(browser, address, language) as page:
        examine(page, language)
        if state == State.UNKNOWN:
            page.locator("button.send").click()
            expect(page).to_have_url(re.compile("asked"))
            expect(page.locator("[role=status]")).to_be_visible()
            examine(page, language)


def test_an_outcome_in_any_other_state(browser: Browser, counter: Counter, csd: Issued) -> None:
    address = outcome(counter, csd, "es")
    for state in set(State) - set(ENDINGS):
        with Session(counter.world.owner) as session, session.begin():
            session.execute(update(Upload).values(state=state, problem="interrupted"))
        with visit_to_examine(browser, address, "es") as page:
            examine(page, "es")
