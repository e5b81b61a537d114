"""In a real browser: a failed upload is found, understood, sent again, and seen arriving while its page stays open."""

from __future__ import annotations

from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from app.config import Settings
from app.database import Database, utcnow
from app.delivery import retrying
from app.tenants.roles import Role
from app.tenants.vault import Vault
from tests.api.conftest import Desk, desk, make_tenant
from tests.api.documents import Documents, documents, redelivering
from tests.dashboard.browser import Opened

__all__ = ["desk", "make_tenant"]

pytestmark = pytest.mark.live

#: What is read and pressed, by language.
SAID = {
    "en": {
        "failed": "failed",
        "because": "refused by the provider",
        "again": "Send again",
        "check": "Check again",
        "waiting": "waiting",
        "delivered": "delivered",
        "new": "1 new: show it",
        "filters": "Filters",
        "all": "Act on all of these",
        "retry": "Send again what failed",
        "undo": "Undo",
        "undone": "Cancel what still waits",
        "cancelled": "cancelled",
    },
    "es": {
        "failed": "falló",
        "because": "no aceptado por el proveedor",
        "again": "Enviar de nuevo",
        "check": "Revisar de nuevo",
        "waiting": "en espera",
        "delivered": "entregado",
        "new": "1 nuevo: mostrarlo",
        "filters": "Filtros",
        "all": "Actuar sobre todos estos",
        "retry": "Enviar de nuevo lo que falló",
        "undo": "Deshacer",
        "undone": "Cancelar lo que sigue en espera",
        "cancelled": "cancelado",
    },
}


@pytest.fixture(params=["en", "es"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def shelf(desk: Desk, vault: Vault) -> Documents:
    return documents(desk, vault)


def failing(shelf: Documents) -> UUID:
    """Hand something in that the provider refuses."""
    shelf.desk.sandbox.fault(provider="codat", action="status", status=422, method="POST")
    answer = shelf.hand_in().json
    assert answer
    return UUID(answer["upload"])


def stays(page: Page) -> None:
    """Mark the page; a page that was loaded anew has no mark."""
    page.evaluate("window.stays = true")


def test_a_failed_upload_is_put_right_while_its_page_is_open(
    opened: Opened, shelf: Documents, worker: Database, vault: Vault, settings: Settings, language: str
) -> None:
    said, _ = SAID[language], failing(shelf)
    with opened("/admin/uploads", role=Role.OPERATOR, language=language) as visit:
        page = visit.page
        page.locator(".chips").get_by_role("link", name=said["failed"], exact=True).click()
        page.get_by_text(said["filters"], exact=True).click()
        visit.examine(language)
        page.get_by_role("link", name="tabla.csv").click()
        expect(page.locator("#status")).to_contain_text(said["because"])
        page.get_by_role("button", name=said["again"]).first.click()
        visit.examine(language)  # with the dialog open
        page.get_by_role("dialog").get_by_role("button", name=said["again"]).click()
        expect(page.locator("#status .state")).to_have_text(said["waiting"])
        stays(page)
        with redelivering(worker, vault, settings) as redeliverer:
            assert redeliverer.next(shelf.desk.mine.organization.id)
        expect(page.locator("#status .state")).to_have_text(said["delivered"])
        expect(page.locator("#attempts .attempts > li")).to_have_count(2)
        assert page.evaluate("window.stays")
        visit.examine(language)


def test_what_is_unconfirmed_is_asked_about(opened: Opened, shelf: Documents, language: str) -> None:
    said = SAID[language]
    shelf.desk.sandbox.fault(provider="codat", action="drop_answer", method="POST")
    shelf.desk.sandbox.fault(provider="codat", action="status", status=500, method="GET", times=20)
    assert shelf.hand_in("?durable=0").status_code == 504
    shelf.desk.sandbox.control("DELETE", "/faults")
    with opened("/admin/uploads?state=unknown", role=Role.OPERATOR, language=language) as visit:
        page = visit.page
        page.get_by_role("link", name="tabla.csv").click()
        visit.examine(language)
        page.get_by_role("button", name=said["check"]).first.click()
        expect(page.locator("#status .state")).to_have_text(said["delivered"])
        visit.examine(language)


def test_a_row_changes_in_its_place_and_what_is_new_is_offered(
    opened: Opened, shelf: Documents, database: Database, language: str
) -> None:
    said, upload_id = SAID[language], failing(shelf)
    with opened("/admin/uploads", language=language) as visit:
        page = visit.page
        expect(page.locator("table.uploads tbody tr")).to_have_count(1)
        stays(page)
        with database.transaction(shelf.desk.mine.organization.id) as session:
            retrying.retry(session, upload_id, actor="tests", now=utcnow())
        expect(page.locator(f"#state-{upload_id} .state")).to_have_text(said["waiting"])
        failing(shelf)
        offer = page.locator("#live a")
        expect(offer).to_have_text(said["new"])
        expect(page.locator("table.uploads tbody tr")).to_have_count(1)
        assert page.evaluate("window.stays")
        visit.examine(language)
        offer.click()
        expect(page.locator("table.uploads tbody tr")).to_have_count(2)


def test_all_that_failed_is_sent_again_and_taken_back(opened: Opened, shelf: Documents, language: str) -> None:
    said = SAID[language]
    for _ in range(2):
        failing(shelf)
    with opened("/admin/uploads?state=failed", language=language) as visit:
        page = visit.page
        page.get_by_role("link", name=said["all"]).click()
        visit.examine(language)
        page.get_by_role("button", name=said["retry"]).click()
        visit.examine(language)
        page.get_by_role("dialog").get_by_role("button", name=said["retry"]).click()
        expect(page.locator("#run strong.number")).to_have_text("2")
        visit.examine(language)
        page.get_by_role("button", name=said["undo"], exact=True).click()
        page.get_by_role("dialog").get_by_role("button", name=said["undone"]).click()
        expect(page.locator("#run strong.number")).to_have_text("2")
        visit.go("/admin/uploads")
        expect(page.locator("table.uploads .state")).to_have_text([said["cancelled"]] * 2)


def test_all_of_it_without_scripts(opened: Opened, shelf: Documents) -> None:
    failing(shelf)
    with opened("/admin/uploads", scripts=False) as visit:
        page = visit.page
        expect(page.locator("table.uploads .state")).to_have_text(["failed"])
        page.get_by_role("link", name="tabla.csv").click()
        expect(page.locator("#status")).to_contain_text("refused by the provider")
