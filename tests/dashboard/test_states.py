"""Pages as they are when something is open or wrong: every menu and dialog, every form that is sent empty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final

import pytest
from playwright.sync_api import Locator, Page
from playwright.sync_api import TimeoutError as TooLong

from tests.dashboard.browser import LOOKS, Opened, Visit, axe
from tests.dashboard.life import addresses

pytestmark = [pytest.mark.live, pytest.mark.timeout(1200)]

languages = pytest.mark.parametrize("language", ["es", "en"])

OPENERS: Final = "main [popovertarget], main [command=show-modal]"
#: What somebody types or chooses.
TYPED: Final = "input:not([type=hidden], [type=checkbox], [type=radio], [type=color]), textarea"
#: What has nothing but a button asks for nothing.
FORMS: Final = f"main form[method=post]:has({TYPED}, select)"
EMPTY: Final = """(form, typed) => {
    form.noValidate = true;
    for (const field of form.querySelectorAll(typed)) field.value = "";
    form.requestSubmit();
}"""


def pages(visit: Visit, life: Mapping[str, str], wanted: str) -> Iterator[tuple[str, int]]:
    """Each page, once for each thing of that kind on it."""
    for _, address in addresses(life):
        if "<html" not in visit.page.request.get(visit.url + address).text():
            continue  # a file, or a part of another page
        visit.go(address)
        for number in range(visit.page.locator(wanted).count()):
            visit.go(address)
            yield address, number


def faults(visit: Visit, language: str) -> list[str]:
    """What keeps somebody out of the page as it is now, or what the browser complains of."""
    width, theme = LOOKS[language][0]
    visit.page.set_viewport_size({"width": width, "height": 844})
    visit.page.emulate_media(color_scheme=theme)
    found = [*axe(visit.page), *visit.complaints]
    visit.complaints.clear()
    return found


def opened_by(page: Page, opener: Locator) -> Locator:
    """What a button opens, open."""
    target = opener.get_attribute("popovertarget") or opener.get_attribute("commandfor")
    opener.click()
    found = page.locator(f"#{target}")
    found.wait_for(state="visible")
    return found


@languages
def test_what_opens_keeps_nobody_out(language: str, opened: Opened, life: Mapping[str, str]) -> None:
    wrong, seen = [], set()
    with opened(language=language) as visit:
        for address, number in pages(visit, life, OPENERS):
            opener = visit.page.locator(OPENERS).nth(number)
            if not opener.is_visible():
                continue  # within something that is closed, and opened by another
            opened_by(visit.page, opener)
            wrong += [f"{address}, opened {number}: {fault}" for fault in faults(visit, language)]
            seen.add(address)
    assert not wrong, "\n".join(wrong)
    assert len(seen) > 5, "hardly anything opens"


@languages
def test_a_form_with_nothing_in_it_says_what_is_wrong(language: str, opened: Opened, life: Mapping[str, str]) -> None:
    wrong, refused = [], set()
    with opened(language=language) as visit:
        for address, number in pages(visit, life, FORMS):
            form = visit.page.locator(FORMS).nth(number)
            form.evaluate(EMPTY, TYPED)
            with suppress(TooLong):
                visit.page.wait_for_load_state("networkidle")
            if visit.page.locator("[aria-invalid=true], [role=alert]").count():
                refused.add(address)
            wrong += [f"{address}, form {number}: {fault}" for fault in faults(visit, language)]
    assert not wrong, "\n".join(wrong)
    assert len(refused) > 10, f"hardly anything is said to be wrong: {sorted(refused)}"
