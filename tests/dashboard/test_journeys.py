"""What an operator does with forms, links, tokens, webhooks and the audit log, in a real browser, in both languages."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import expect
from sqlalchemy import Engine, text

from app.database import Database, utcnow
from app.records.models import WebhookDelivery
from app.records.sealing import seal
from app.tenants.roles import Role
from app.tenants.vault import Vault
from tests.dashboard.browser import Opened
from tests.dashboard.sitting import Two

pytestmark = [pytest.mark.live, pytest.mark.parametrize("language", ["es", "en"])]


def test_a_form_is_built_and_a_customer_opens_it_by_a_link(two: Two, opened: Opened, language: str) -> None:
    other = {"es": "en", "en": "es"}[language]
    with opened(f"{two.root}/forms/new", role=Role.OPERATOR, language=language) as visit:
        page = visit.page
        visit.examine(language)
        page.locator("a[href*='facturapi/logo'], a[href*='facturapi%2Flogo']").click()
        page.fill(f"[name='settings.texts.{language}.title']", "Logo <b>2027</b>")
        page.fill(f"[name='settings.texts.{language}.explanation']", "Kemper\nPNG")
        page.locator(f"#builder button[name=language][value={language}]").click()
        shown = page.frame_locator("iframe[name=preview]")
        expect(shown.locator("h1")).to_have_text("Logo <b>2027</b>")
        expect(shown.locator("button.send")).to_be_disabled()
        page.locator(f"#builder button[name=language][value={other}]").click()
        expect(shown.locator("h1")).not_to_have_text("Logo <b>2027</b>")
        visit.examine(language)
        page.locator("#builder button.btn-primary").click()
        page.wait_for_url("**/forms/0*")
        expect(shown.locator("h1")).to_have_text("Logo <b>2027</b>")
        visit.examine(language)
        page.locator("details:has(pre) > summary").click()
        page.locator("img.drawn").evaluate("image => image.decode()")  # or it fails
        page.locator(".page-actions a.btn-primary").click()
        page.fill("[name=recipient]", "Ana Ruiz")
        page.select_option("[name=locale]", language)
        visit.examine(language)
        page.locator("form.card button.btn-primary").click()
        path = "/l/" + page.locator("#secret").input_value().rpartition("/")[2]
        page.locator("img.drawn").evaluate("image => image.decode()")
        visit.examine(language)
        visit.go(path)
        expect(page.locator("h1")).to_have_text("Logo <b>2027</b>")
        visit.go(f"{two.root}/links?standing=open&recipient=ana")
        expect(page.locator("tbody tr")).to_have_count(1)
        expect(page.locator("tbody tr")).to_contain_text({"es": "una vez", "en": "once"}[language])
        page.locator("tbody button[commandfor^=revoke]").click()
        expect(page.locator("dialog[open] h2")).to_contain_text("Ana Ruiz")
        visit.examine(language)
        page.locator("dialog[open] .answers .btn-danger").click()
        expect(page.locator("main [data-notice]")).to_be_visible()
        assert two.app.test_client().get(path).status_code == 410


def test_a_token_is_shown_once(two: Two, opened: Opened, language: str) -> None:
    with opened(f"{two.root}/tokens/new", role=Role.OPERATOR, language=language) as visit:
        page = visit.page
        page.fill("[name=name]", "till")
        page.locator("form.card button.btn-primary").click()
        expect(page.locator("#scopes .fault")).to_be_visible()
        expect(page.locator("[name=name]")).to_have_value("till")
        visit.examine(language)
        page.check("input[value='uploads:read']")
        page.locator("form.card button.btn-primary").click()
        token = page.locator("#secret").input_value()
        assert two.app.test_client().get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 200
        visit.examine(language)
        visit.go(f"{two.root}/tokens")
        assert token not in page.content()
        page.locator("tr:has-text('till') button[commandfor^=rotate]").click()
        visit.examine(language)
        page.locator("dialog[open] .answers .btn-primary").click()
        assert page.locator("#secret").input_value() != token
        visit.go(f"{two.root}/tokens")
        page.locator("tr:has-text('till') button[commandfor^=revoke]").first.click()
        expect(page.locator("dialog[open] h2")).to_contain_text("till")
        page.locator("dialog[open] .answers button").first.click()
        expect(page.locator("dialog[open]")).to_have_count(0)


def test_a_webhook_is_sent_again(two: Two, worker: Database, opened: Opened, language: str) -> None:
    with opened(f"{two.root}/webhooks/new", role=Role.OPERATOR, language=language) as visit:
        page = visit.page
        visit.examine(language)
        page.fill("[name=url]", "https://hooks.example/v1")
        page.check("input[value='upload.failed']")
        page.locator("form.card button.btn-primary").click()
        assert page.locator("#secret").input_value().startswith("whsec_")
        visit.examine(language)
        page.locator("main a.btn:not(.btn-primary)").last.click()
        page.wait_for_url("**/webhooks/0*")
        endpoint_id = UUID(page.url.rpartition("/")[2])
        _failed(two, worker, endpoint_id)
        page.reload()
        visit.examine(language)
        page.locator("tbody a").first.click()
        expect(page.locator("pre.code")).to_contain_text("<i>ñ</i>.pdf")
        visit.examine(language)
        page.locator(".page-actions button.btn-primary").click()
        expect(page.locator("main [data-notice]")).to_be_visible()
        expect(page.locator(".facts .state.busy")).to_be_visible()


def _failed(two: Two, worker: Database, endpoint_id: UUID) -> None:
    """Let an endpoint have been told of something in vain."""
    row = WebhookDelivery(
        organization_id=two.mine.id,
        endpoint_id=endpoint_id,
        event_id=uuid4(),
        event="upload.failed",
        body=json.dumps({"type": "upload.failed", "data": {"filename": "<i>ñ</i>.pdf"}}),
        tries=3,
        due_at=utcnow(),
        deadline_at=utcnow(),
        ended_at=utcnow(),
        answer="503",
    )
    with worker.transaction(two.mine.id) as session:
        session.add(row)


def test_a_planted_change_is_found(
    two: Two, worker: Database, vault: Vault, owner_engine: Engine, opened: Opened, language: str
) -> None:
    seal(worker, vault)
    with opened(f"{two.root}/audit", role=Role.AUDITOR, language=language) as visit:
        page = visit.page
        page.locator(".page-actions button.btn-primary").click()
        expect(page.locator("main .alert-success")).to_be_visible()
        visit.examine(language)
        with owner_engine.begin() as connection:
            change = text("UPDATE audit_entries SET actor = '<b>nobody</b>' WHERE organization_id = :id")
            connection.execute(change, {"id": two.mine.id})
        page.locator(".page-actions button.btn-primary").click()
        expect(page.locator("main .alert-danger")).to_be_visible()
        expect(page.locator("section:has(#found) li")).to_have_count(1)
        visit.examine(language)
