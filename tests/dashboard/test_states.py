"""Pages as they are when something is open or wrong: every menu and dialog, every form that is sent empty."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

import pytest
from playwright.sync_api import Locator, Page

from tests.acceptance.browser import axe
from tests.dashboard.browser import LOOKS, Opened, Visit
from tests.dashboard.life import addresses

pytestmark = [pytest.mark.live, pytest.mark.timeout(1200)]

languages = pytest.mark.parametrize("language", ["es", "en"])

OPENERS: Final = "main [popovertarget], main [command=show-modal]"
#: What stands in the source of a page that has one.
OPENING: Final = re.compile("popovertarget|show-modal")
#: What somebody types or chooses.
TYPED: Final = "input:not([type=hidden], [type=checkbox], [type=radio], [type=color]), textarea"
#: What has nothing but a button asks for nothing.
FORMS: Final = f"main form[method=post]:has({TYPED}, select)"
POSTED: Final = re.compile('method="post"')
EMPTY: Final = """(form, typed) => {
    form.noValidate = true;
    for (const field of form.querySelectorAll(typed)) field.value = "";
    form.requestSubmit();
}"""


def pages(visit: Visit, life: Mapping[str, str], wanted: str, written: re.Pattern[str]) -> Iterator[tuple[str, int]]:
    """Each page, anew for each thing of that kind on it; `written` is in the source of what has any."""
    for _, address in addresses(life):
        before, _, main = visit.page.request.get(visit.url + address).text().partition("<main")
        if "<html" not in before or not written.search(main):
            continue  # a file, a part of another page, or without one
        visit.go(address)
        for number in range(visit.page.locator(wanted).count()):
            if number:
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
        for address, number in pages(visit, life, OPENERS, OPENING):
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
        for address, number in pages(visit, life, FORMS, POSTED):
            with visit.page.expect_navigation():
                visit.page.locator(FORMS).nth(number).evaluate(EMPTY, TYPED)
            if visit.page.locator("[aria-invalid=true], [role=alert]").count():
                refused.add(address)
            wrong += [f"{address}, form {number}: {fault}" for fault in faults(visit, language)]
    assert not wrong, "\n".join(wrong)
    assert len(refused) > 10, f"hardly anything is said to be wrong: {sorted(refused)}"
