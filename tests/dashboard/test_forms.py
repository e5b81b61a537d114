"""Forms on the dashboard: built, looked at as customers see them, published, opened and closed."""

from __future__ import annotations

import html
from uuid import UUID

import pytest

from app.tenants import connections
from app.tenants.models import Environment, Form
from app.tenants.roles import Role
from app.tenants.vault import Vault
from tests.dashboard.sitting import Sitting, Two

LOGO = {"connection": "facturapi", "operation": "facturapi/logo", "offered": "0"}


def forms(two: Two) -> list[Form]:
    with two.database.transaction(two.mine.id) as session:
        return session.query(Form).order_by(Form.id).all()


def build(two: Two, by: Sitting, **fields: str | list[str]) -> Form:
    """Publish a form by the page."""
    chosen = f"{two.root}/forms/new?connection={fields['connection']}&operation={fields['operation']}"
    made = by.send(f"{two.root}/forms", chosen, **fields)
    assert made.status_code == 303, made.text
    form = forms(two)[-1]
    assert made.headers["Location"] == f"{two.root}/forms/{form.id}"
    return form


def page_of(two: Two, form: Form, language: str) -> str:
    client = two.app.test_client()
    client.set_cookie("lang", language)
    return client.get(f"/f/{form.public_id}").text


@pytest.fixture
def flatfile(two: Two, vault: Vault) -> str:
    with two.database.transaction(two.mine.id) as session:
        connections.add(
            session,
            vault,
            organization_id=two.mine.id,
            provider="flatfile",
            name="flat",
            environment=Environment.SANDBOX,
            settings={},
        )
    return "flat"


def test_a_form_is_chosen_built_and_published(two: Two, flatfile: str) -> None:
    operator = two.sit(Role.OPERATOR)
    ways = operator.see(f"{two.root}/forms/new")
    assert "operation=facturapi/logo" in ways.replace("%2F", "/")
    assert "operation=flatfile/file" in ways.replace("%2F", "/")
    fields: dict[str, str | list[str]] = {
        "connection": flatfile,
        "operation": "flatfile/file",
        "offered": "6",
        "types": ["csv"],
        "protected": "1",
        "durable": "false",
        "open": "1",
        "link_only": "1",
        "presets.mode": "export",
        "settings.texts.es.title": "Tu <lista>",
        "settings.texts.en.explanation": "One line\r\nand another",
    }
    form = build(two, operator, **fields)
    assert form.settings == {
        "types": ["csv"],
        "protected": True,
        "durable": False,
        "presets": {"mode": "export"},
        "texts": {"es": {"title": "Tu <lista>"}, "en": {"explanation": "One line\nand another"}},
    }
    assert (form.open, form.link_only) == (True, True)
    shown = operator.see(f"{two.root}/forms/{form.id}")
    assert 'value="Tu &lt;lista&gt;"' in shown
    assert "One line\nand another</textarea>" in shown
    assert two.actions("form.")[0][0] == "form.added"


def test_what_is_wrong_stands_at_its_field_and_what_was_built_stays(two: Two, flatfile: str) -> None:
    before = len(forms(two))
    fields = {**LOGO, "settings.texts.es.title": 121 * "x", "settings.texts.en.title": "Your <logo>"}
    answer = two.sit().send(f"{two.root}/forms", "/admin/account", **fields)
    assert answer.status_code == 422
    assert 'id="settings-texts-es-title-fault"' in answer.text
    assert 'value="Your &lt;logo&gt;"' in answer.text
    none = two.sit().send(
        f"{two.root}/forms", "/admin/account", connection=flatfile, operation="flatfile/file", offered="6"
    )
    assert (none.status_code, len(forms(two))) == (422, before)
    assert '<a href="#types">' in none.text


def test_a_form_is_changed_closed_and_opened(two: Two) -> None:
    operator = two.sit(Role.OPERATOR)
    form = build(two, operator, **LOGO, open="1")
    one = f"{two.root}/forms/{form.id}"
    saved = operator.send(one, one, **LOGO, **{"settings.texts.es.title": "Logotipo <b>nuevo</b>"})
    assert saved.status_code == 303, saved.text
    assert "Logotipo &lt;b&gt;nuevo&lt;/b&gt;" in page_of(two, form, "es")
    assert "Logotipo" not in page_of(two, form, "en")
    assert operator.send(f"{one}/close", one).status_code == 303
    assert two.app.test_client().get(f"/f/{form.public_id}").status_code == 403
    assert operator.send(f"{one}/open", one).status_code == 303
    assert two.app.test_client().get(f"/f/{form.public_id}").status_code == 200
    assert [action for action, _ in two.actions("form.")][:3] == ["form.opened", "form.closed", "form.changed"]


def test_a_preview_is_the_customers_page_and_takes_nothing(two: Two) -> None:
    operator = two.sit(Role.OPERATOR)
    form = build(two, operator, **LOGO, **{"settings.texts.en.title": "Your <logo>"})
    at = f"{two.root}/forms/{form.id}/preview"
    shown = operator.client.get(f"{at}?language=en")
    assert shown.status_code == 200
    assert "Your &lt;logo&gt;</h1>" in shown.text
    assert "<script" not in shown.text
    assert 'method="post"' not in shown.text
    assert 'class="send" disabled' in shown.text
    policy = shown.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in policy
    assert "script-src 'none'" in policy
    assert "form-action 'none'" in policy
    assert "Your &lt;logo&gt;" not in operator.see(f"{at}?language=es")
    assert operator.client.post(at, headers={"Origin": "http://localhost"}).status_code == 405
    page = operator.client.get(f"{two.root}/forms/{form.id}").headers["Content-Security-Policy"]
    assert "frame-src 'self'" in page
    assert "frame-ancestors 'none'" in page


def test_a_draft_is_looked_at_and_kept_nowhere(two: Two) -> None:
    before = len(forms(two))
    draft = {**LOGO, "language": "es", "settings.texts.es.title": "Borrador"}
    shown = two.sit(Role.OPERATOR).send(f"{two.root}/forms/preview", "/admin/account", **draft)
    assert (shown.status_code, "Borrador</h1>" in shown.text) == (200, True)
    assert len(forms(two)) == before


def test_a_button_for_a_website_is_offered_escaped(two: Two) -> None:
    operator = two.sit(Role.OPERATOR)
    form = build(two, operator, **LOGO, **{"settings.texts.en.title": 'A "logo" <x>'})
    page = operator.see(f"{two.root}/forms/{form.id}")
    assert "&amp;lt;x&amp;gt;&lt;/a&gt;" in page
    assert f'src="/f/{form.public_id}/qr.svg"' in page


def test_what_shows_it_inside_a_page_is_offered_once_its_origin_is_named(two: Two) -> None:
    operator = two.sit(Role.OPERATOR)
    form = build(two, operator, **{**LOGO, "settings.texts.es.title": 'Tu "logo"'})
    page = f"{two.root}/forms/{form.id}"
    assert "&lt;iframe" not in operator.see(page)
    wrong = operator.send(page, page, offered="0", frame_origins="https://a.example\nhttp://b.example")
    assert wrong.status_code == 422
    assert "“http://b.example” cannot be named" in wrong.text
    assert "https://a.example\nhttp://b.example" in wrong.text
    said = {"offered": "0", "settings.texts.es.title": 'Tu "logo"'}
    operator.send(page, page, **said, frame_origins="https://A.example/\r\nhttps://b.example")
    (form,) = [one for one in forms(two) if one.id == form.id]
    assert form.settings["frame_origins"] == ["https://a.example", "https://b.example"]
    shown = html.unescape(operator.see(page))
    assert f'/embedded/es/f/{form.public_id}" title="Tu &quot;logo&quot;"' in shown
    assert f"/embedded/en/f/{form.public_id}" in shown
    assert "/embed.js" in shown


def test_all_forms_are_found_by_whose_they_are(two: Two) -> None:
    slug = two.mine.organization.slug
    auditor = two.sit(Role.AUDITOR)
    page = auditor.see(f"/admin/forms?q={slug}&operation=facturapi/certificate")
    assert f"/admin/organizations/{slug}/forms/{two.mine.form.id}" in page
    assert two.theirs.organization.slug not in page
    assert "There is no such form" in auditor.see(f"/admin/forms?q={slug}&operation=codat/file")
    manager = two.sit(Role.MANAGER, at_mine=True).client.get("/admin/forms")
    assert (manager.status_code, manager.headers["Location"]) == (302, f"{two.root}/forms")


def test_who_only_looks_builds_nothing_and_nobody_reaches_anothers(two: Two) -> None:
    auditor, one = two.sit(Role.AUDITOR), f"{two.root}/forms/{two.mine.form.id}"
    page = auditor.see(one)
    assert "Save" not in page.partition("<main")[2]
    auditor.see(f"{two.root}/forms/new", 403)
    for path in (one, f"{one}/close", f"{two.root}/forms/preview"):
        assert auditor.send(path).status_code == 403
    manager, theirs = two.sit(Role.MANAGER, at_mine=True), two.theirs
    their_own = f"/admin/organizations/{theirs.organization.slug}/forms/{theirs.form.id}"
    manager.see(their_own, 404)
    manager.see(f"{two.root}/forms/{theirs.form.id}", 404)
    manager.see(f"{two.root}/forms/{theirs.form.id}/preview", 404)
    manager.see(f"{two.root}/forms/{UUID(int=0)}", 404)
