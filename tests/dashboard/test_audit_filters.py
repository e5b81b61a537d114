"""The audit log's filters: beside each other where there is room, folded away on a phone, where the log comes first."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from playwright.sync_api import expect

from app.tenants.roles import Role
from tests.dashboard.browser import NARROW, WIDE, Opened
from tests.dashboard.sitting import Two

FOLDED, OPEN = "<details>\n  <summary>", "<details open>\n  <summary>"


@pytest.mark.parametrize("at", ["/admin/audit", "{root}/audit"])
def test_they_are_open_where_one_is_set(two: Two, at: str) -> None:
    auditor, page = two.sit(Role.AUDITOR), at.format(root=two.root)
    assert FOLDED in auditor.see(page)
    assert FOLDED in auditor.see(f"{page}?action=&actor=&limit=10"), "an empty field is none that is set"
    for one in ("action=upload.*", "subject_type=upload", "since=2026-01-01"):
        assert OPEN in auditor.see(f"{page}?{one}"), one


@pytest.mark.live
@pytest.mark.parametrize("language", ["es", "en"])
def test_on_a_phone_the_log_comes_first(language: str, opened: Opened, life: Mapping[str, str]) -> None:
    at = f"/admin/organizations/{life['organization']}/audit"
    with opened(at, language=language) as visit:
        page = visit.page
        field, heading = page.locator("#action"), page.locator(".folding summary")
        expect(field).to_be_visible()  # it is wide
        expect(heading).to_be_hidden()
        visit.examine(language)
        page.set_viewport_size({"width": NARROW, "height": 844})
        expect(field).to_be_hidden()
        log = page.locator("section, div").filter(has=page.locator("table")).last
        box = log.bounding_box()
        assert box is not None
        assert box["y"] < 844, "its beginning is on the first screen"
        heading.click()
        expect(field).to_be_visible()
        field.fill("organization.*")
        field.press("Enter")
        expect(page).to_have_url(
            f"{visit.url}{at}?action=organization.*&actor=&subject_type=&subject_id=&since=&until="
        )
        expect(field).to_be_visible()  # it says what the log is narrowed to
        expect(field).to_have_value("organization.*")
        visit.examine(language)
        page.set_viewport_size({"width": WIDE, "height": 844})
