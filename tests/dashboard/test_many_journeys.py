"""In a real browser: many organizations from a table, and many certificates in one go, up to what became of each."""

from __future__ import annotations

import secrets

import pytest
from playwright.sync_api import expect

from app.sandbox import sat
from app.tenants.roles import Role
from app.tenants.vault import Vault
from tests.dashboard.browser import Opened
from tests.dashboard.sitting import Two
from tests.dashboard.test_certificates import PASSWORD, ready, rfc
from tests.servers import Sandbox

pytestmark = [pytest.mark.live, pytest.mark.parametrize("language", ["es", "en"])]

VERDICTS = {"es": ["nueva", "cambiada", "como está", "mal"], "en": ["new", "changed", "as it is", "wrong"]}
OUTCOMES = {"es": ["entregado", "no enviado"], "en": ["delivered", "not sent"]}


def test_organizations_come_from_a_table(two: Two, opened: Opened, language: str) -> None:
    new, mine, theirs = f"i-{secrets.token_hex(5)}", two.mine.organization.slug, two.theirs.organization
    table = f"slug,name,rfc\n{new},<b>Uno</b>,\n{mine},Otra,\n{theirs.slug},{theirs.name},\nx-{new},Dos,no rfc\n"
    with opened("/admin/organizations", role=Role.OPERATOR, language=language) as visit:
        page = visit.page
        page.locator("main a[href$='/import']").click()
        visit.examine(language)
        page.set_input_files("#sheet", {"name": "mesa.csv", "mimeType": "text/csv", "buffer": table.encode()})
        page.locator("form.card button.btn-primary").click()
        expect(page.locator("tbody td:nth-child(3)")).to_have_text(VERDICTS[language])
        visit.examine(language)
        page.locator("form.card button.btn-primary").click()
        expect(page.locator("tbody td:nth-child(3)")).to_have_text(VERDICTS[language])
        expect(page.locator("form.card")).to_have_count(0)
        visit.examine(language)
        visit.go(f"/admin/organizations/{new}")
        expect(page.locator("h1")).to_have_text("<b>Uno</b>")


def test_certificates_find_where_they_belong(
    two: Two, vault: Vault, sandbox: Sandbox, opened: Opened, language: str
) -> None:
    mine = rfc()
    ready(two, vault, sandbox, two.mine.id, mine)
    files = [
        {"name": f"{one}.{ending}", "mimeType": "application/octet-stream", "buffer": content}
        for one, issued in ((one, sat.issue(rfc=one, pair=one, password=PASSWORD)) for one in (mine, rfc()))
        for ending, content in (("cer", issued.cer), ("key", issued.key))
    ]
    with opened("/admin/organizations", role=Role.OPERATOR, language=language) as visit:
        page = visit.page
        page.locator("main a[href$='/certificates']").click()
        visit.examine(language)
        page.fill("#passwords", f"another\n{PASSWORD}")
        page.set_input_files("#files", files)  # type: ignore[arg-type]
        page.locator("form.card button.btn-primary").click()
        said = page.locator("tbody tr td:nth-child(5)")
        expect(said.filter(has_text=OUTCOMES[language][0])).to_have_count(1)
        expect(said.filter(has_text=OUTCOMES[language][1])).to_have_count(1)
        expect(page.locator(f"tbody tr:has-text('{mine}')")).to_contain_text(two.mine.organization.name)
        assert PASSWORD not in page.content()
        visit.examine(language)
