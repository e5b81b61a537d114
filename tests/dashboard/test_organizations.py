"""Organizations on the dashboard: found, looked at, dressed, suspended, deleted by their slug, and brought back."""

from __future__ import annotations

import secrets

import pytest
from bs4 import BeautifulSoup

from app.database import utcnow
from app.tenants import organizations
from app.tenants.models import Organization
from app.tenants.roles import Role
from tests.dashboard.sitting import Two


def row(two: Two) -> Organization:
    with two.database.transaction(two.mine.id) as session:
        return organizations.get(session, two.mine.id)


def test_all_of_them_are_listed_and_narrowed(two: Two) -> None:
    page = two.sit().see("/admin/organizations")
    assert two.mine.organization.name in page
    assert two.theirs.organization.name in page
    narrowed = two.sit().see(f"/admin/organizations?q={two.mine.organization.slug}&provider=facturapi&standing=open")
    assert two.mine.organization.slug in narrowed
    assert two.theirs.organization.slug not in narrowed
    assert "There is no such organization" in two.sit().see("/admin/organizations?q=nothing-of-the-kind")


def test_an_empty_list_says_what_to_do(two: Two) -> None:
    assert "There is no such organization" in two.sit().see("/admin/organizations?standing=deleted&provider=codat")


def test_pages_go_on_by_their_cursor(two: Two) -> None:
    page = two.sit().see("/admin/organizations?limit=1")
    assert 'rel="next"' in page


def test_a_manager_is_led_to_the_own_one(two: Two) -> None:
    manager = two.sit(Role.MANAGER, at_mine=True)
    answer = manager.client.get("/admin/organizations")
    assert (answer.status_code, answer.headers["Location"]) == (302, two.root)
    page = manager.see(two.root)
    assert two.mine.organization.name in page
    assert two.theirs.organization.slug not in page
    assert f"{two.root}/suspend" not in page


def test_what_is_changed_is_shown(two: Two) -> None:
    sitting = two.sit()
    settings = f"{two.root}/settings"
    values = {
        "name": "Ñandú",
        "rfc": "eku9003173c9",
        "locale": "en",
        "timezone": "America/Tijuana",
        "accent": "#aa3300",
        "contact": "ask@acme.example",
        "notice_url": "",
        "notice_version": "",
        "keep_delivered_days": "3",
    }
    assert sitting.send(settings, settings, **values).status_code == 303
    page = sitting.see(settings)
    assert 'value="Ñandú"' in page
    assert 'value="EKU9003173C9"' in page
    assert (row(two).keep_delivered_days, row(two).notice_url) == (3, None)
    refused = sitting.send(settings, settings, **values | {"rfc": "none", "name": "Kept as typed"})
    assert refused.status_code == 422
    assert 'value="Kept as typed"' in refused.text
    assert 'aria-invalid="true"' in refused.text
    assert row(two).name == "Ñandú"
    assert two.actions("organization.")[0][1].startswith("user:")


def test_a_name_is_text_and_nothing_else(two: Two) -> None:
    with two.database.transaction(two.mine.id) as session:
        organizations.edit(organizations.get(session, two.mine.id), name="<script>alert(1)</script>", contact='"><b>')
    for path in ("/admin/organizations", two.root, f"{two.root}/settings"):
        page = two.sit().see(path)
        assert "<script>alert" not in page
        assert '"><b>' not in page


def test_suspended_and_lifted(two: Two) -> None:
    sitting = two.sit(Role.OPERATOR)
    assert sitting.send(f"{two.root}/suspend", two.root).status_code == 303
    assert row(two).suspended_at is not None
    assert "Lift the suspension" in sitting.see(two.root)
    assert sitting.send(f"{two.root}/lift", two.root).status_code == 303
    assert row(two).suspended_at is None


def test_who_manages_one_does_not_suspend_it(two: Two) -> None:
    answer = two.sit(Role.MANAGER, at_mine=True).send(f"{two.root}/suspend", two.root)
    assert answer.status_code == 403
    assert row(two).suspended_at is None


@pytest.mark.parametrize("typed", ["", "another", "MINE"])
def test_it_is_deleted_by_its_slug_alone(two: Two, typed: str) -> None:
    sitting, settings = two.sit(), f"{two.root}/settings"
    refused = sitting.send(f"{two.root}/delete", settings, typed=typed)
    assert refused.status_code == 422
    assert f'value="{two.mine.organization.accent}"' in refused.text, "the page's other form is as it was"
    assert row(two).deletes_at is None


def test_deleted_and_restored(two: Two) -> None:
    sitting, settings = two.sit(), f"{two.root}/settings"
    gone = sitting.send(f"{two.root}/delete", settings, typed=two.mine.organization.slug)
    assert gone.status_code == 303, gone.text
    found = row(two)
    assert found.deletes_at is not None
    assert (found.deletes_at - utcnow()).days in {29, 30}
    page = sitting.see(two.root)
    assert "Restore it" in page
    assert "to be deleted" in sitting.see(f"/admin/organizations?q={found.slug}")
    assert sitting.send(f"{two.root}/restore", two.root).status_code == 303
    assert row(two).deletes_at is None


def test_what_is_deleted_has_no_pages_and_stays_in_the_list(two: Two) -> None:
    with two.database.transaction(two.mine.id) as session:
        found = organizations.get(session, two.mine.id)
        found.suspended_at = found.deletes_at = found.deleted_at = utcnow()
    sitting = two.sit()
    sitting.see(two.root, 404)
    sitting.see(f"{two.root}/connections", 404)
    assert two.mine.organization.slug in sitting.see("/admin/organizations?standing=deleted")
    assert two.mine.organization.slug not in sitting.see("/admin/organizations")


def test_exported_as_a_table(two: Two) -> None:
    with two.database.transaction(two.mine.id) as session:
        organizations.edit(organizations.get(session, two.mine.id), name="=1+1")
    answer = two.sit(Role.AUDITOR).client.get("/admin/export.csv")
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    (line,) = [one for one in answer.text.splitlines() if one.startswith(two.mine.organization.slug)]
    assert line.split(",")[1] == "'=1+1"


def test_made_step_by_step(two: Two) -> None:
    sitting, slug = two.sit(Role.OPERATOR), f"n-{secrets.token_hex(5)}"
    page = "/admin/new-organization"
    named = {"name": "New", "slug": slug, "locale": "es", "timezone": "America/Mexico_City", "accent": "#1f6f5c"}
    wrong = sitting.send(page, page, **named | {"slug": "Not a slug"})
    assert wrong.status_code == 422
    beside = BeautifulSoup(wrong.text, "html.parser").select_one(".field .fault")
    assert beside
    assert beside.text.startswith("“Not a slug” cannot be a name here")
    made = sitting.send(page, page, **named)
    assert made.headers["Location"] == f"/admin/organizations/{slug}/setup/connection"
    for step in ("verify", "form", "link"):
        led = sitting.client.get(f"/admin/organizations/{slug}/setup/{step}")
        assert led.status_code == 303
    assert "To which provider?" in sitting.see(made.headers["Location"])
    assert sitting.send(page, page, **named).status_code == 409


@pytest.mark.parametrize(
    ("path", "current"),
    [("", "page"), ("/tokens", "page"), ("/tokens/new", "true")],
)
def test_its_pages_are_led_to_and_where_one_is_is_marked(two: Two, path: str, current: str) -> None:
    tabs = BeautifulSoup(two.sit().see(two.root + path), "html.parser").select("nav.tabs a")
    addresses = [str(tab["href"]) for tab in tabs]
    assert {two.root, f"{two.root}/connections", f"{two.root}/tokens"} <= set(addresses)
    (marked,) = (tab for tab in tabs if tab.get("aria-current"))
    assert (marked["href"], marked["aria-current"]) == (two.root + path.removesuffix("/new"), current)
