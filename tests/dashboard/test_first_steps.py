"""From nothing to a delivered first file, by the browser alone, in both languages; pages on the way are examined."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from app.database import Database
from app.records.models import Upload
from app.records.states import State
from app.sandbox import sat
from app.tenants import doors, organizations
from app.tenants.roles import Role
from tests.dashboard.browser import Opened, Visit
from tests.dashboard.sitting import Two
from tests.servers import Sandbox

pytestmark = pytest.mark.live

RFC = "EKU9003173C9"
#: Where pictures go, for whoever wants to look.
PICTURES = os.environ.get("PICTURES")


def look(visit: Visit, name: str, language: str) -> None:
    """Examine the page, and keep a picture of it where somebody asked for that."""
    if PICTURES:
        for width in (1280, 360):
            visit.page.set_viewport_size({"width": width, "height": 844})
            visit.page.emulate_media(color_scheme="light" if (width == 1280) == (language == "en") else "dark")
            visit.page.screenshot(path=f"{PICTURES}/{name}-{language}-{width}.png", full_page=True)
    visit.examine(language)


def go_on(page: Page) -> None:
    page.locator("main form.card button.btn-primary").click()


@pytest.mark.parametrize("language", ["es", "en"])
def test_from_nothing_to_a_first_file(
    opened: Opened, database: Database, sandbox: Sandbox, tmp_path: Path, language: str
) -> None:
    slug, key, account = f"n-{secrets.token_hex(5)}", f"sk_live_{secrets.token_hex(16)}", secrets.token_hex(12)
    sandbox.seed(facturapi={"organizations": [{"id": account, "name": "Kemper", "live_keys": [key]}]})
    with opened("/admin/organizations", role=Role.OPERATOR, language=language) as visit:
        page = visit.page
        page.locator("main .page-actions .btn-primary").click()
        page.fill("#name", "Escuela Kemper")
        page.fill("#rfc", RFC)
        page.fill("#slug", "Not a slug")
        page.locator("#slug").evaluate("field => field.removeAttribute('pattern')")
        go_on(page)
        expect(page.locator("#slug")).to_have_attribute("aria-invalid", "true")
        expect(page.locator("#name")).to_have_value("Escuela Kemper")
        look(visit, "new-refused", language)
        page.fill("#slug", slug)
        go_on(page)
        look(visit, "choose-provider", language)
        page.locator("button[name=provider][value=facturapi]").click()
        page.locator("#environment").select_option("sandbox")
        page.fill("#credential-key", f"sk_live_{secrets.token_hex(16)}")
        page.fill("#settings-organization_id", account)
        go_on(page)
        expect(page.locator("main [role=alert]")).to_be_visible()
        look(visit, "connection-refused", language)
        page.locator("#environment").select_option("sandbox")
        page.fill("#credential-key", key)
        go_on(page)
        if page.locator("input[type=radio][name='settings.organization_id']").count():
            page.locator("input[type=radio][name='settings.organization_id']").first.check()
            page.fill("#credential-key", key)
            go_on(page)
        expect(page.locator("main .state.good")).to_be_visible()
        look(visit, "verified", language)
        page.locator("main a.btn-primary").click()
        page.locator("input[value='facturapi facturapi/certificate']").check()
        page.go_back()
        page.go_forward()
        look(visit, "form", language)
        page.locator("input[value='facturapi facturapi/certificate']").check()
        go_on(page)
        page.fill("#recipient", "Ana")
        look(visit, "link", language)
        go_on(page)
        address = page.locator("#secret").input_value()
        look(visit, "done", language)
        visit.go(urlsplit(address).path)
        hand_in(page, tmp_path)
    organization = doors.organization(database, slug)
    assert organization
    with database.transaction(organization) as session:
        (upload,) = session.scalars(select(Upload)).all()
    assert upload.state is State.DELIVERED


def hand_in(page: Page, folder: Path) -> None:
    """As the customer does."""
    issued = sat.issue(rfc=RFC)
    for name, content in (("cer", issued.cer), ("key", issued.key)):
        (folder / f"csd.{name}").write_bytes(content)
        page.set_input_files(f"#{name}", folder / f"csd.{name}")
    page.fill("#password", issued.password)
    page.locator("button.send").click()
    expect(page.locator(".state")).to_be_visible()


@pytest.mark.parametrize("language", ["es", "en"])
def test_the_pages_are_open_to_everybody(opened: Opened, two: Two, language: str) -> None:
    """Also with dialogs open; what is typed about its looks shows on the phone beside it."""
    with two.database.transaction(two.mine.id) as session:
        organizations.edit(organizations.get(session, two.mine.id), contact="ask@acme.example")
    with opened("/admin/organizations", language=language) as visit:
        page = visit.page
        for name, path in {
            "organizations": "/admin/organizations",
            "organization": two.root,
            "settings": f"{two.root}/settings",
            "connections": "/admin/connections",
            "its-connections": f"{two.root}/connections",
            "connection": f"{two.root}/connections/facturapi",
            "new-formkiq": f"{two.root}/connections/new?provider=formkiq",
            "import": "/admin/import",
            "certificates": "/admin/certificates",
            "nothing": "/admin/organizations?q=nothing-of-the-kind",
        }.items():
            visit.go(path)
            look(visit, name, language)
        visit.go(f"{two.root}/settings")
        page.fill("#name", "Otro nombre")
        page.locator("#accent").fill("#ffdd00")
        expect(page.locator("[data-preview-name]")).to_have_text("Otro nombre")
        expect(page.locator(".phone-button")).to_have_css("background-color", "rgb(255, 221, 0)")
        expect(page.locator(".phone-button")).to_have_css("color", "rgb(16, 21, 26)")
        page.locator("button[commandfor=delete]").click()
        expect(page.locator("#delete")).to_be_visible()
        look(visit, "delete", language)
        page.fill("#typed", two.mine.organization.slug)
        page.locator("#delete .btn-danger").click()
        expect(page.locator("main .alert-danger")).to_be_visible()
        look(visit, "deleting", language)
