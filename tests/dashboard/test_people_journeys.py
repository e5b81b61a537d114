"""What people do with a real browser to come in and look after their account, in both languages, with a passkey too."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page

from app.database import HOUSE, Database, utcnow
from app.tenants import factors, ways_in
from app.tenants.roles import Role
from app.tenants.user_models import User
from tests.dashboard.browser import Opened, Visit
from tests.dashboard.conftest import PASSWORD
from tests.dashboard.persons import code_of

pytestmark = [pytest.mark.live]

Add = Callable[..., User]
LANGUAGES = pytest.mark.parametrize("language", ["es", "en"])
#: What stands on the buttons.
WORDS: Final = {
    "en": {
        "sign in": "Sign in",
        "passkey": "Sign in with a passkey",
        "use passkey": "Use a passkey",
        "new passkey": "Set up a passkey",
        "kept": "I have kept them",
        "set up": "Set it up",
        "invite": "Invite",
        "come in": "Come in",
        "go on": "Go on",
        "others": "Sign out everywhere else",
    },
    "es": {
        "sign in": "Iniciar sesión",
        "passkey": "Entrar con una llave de acceso",
        "use passkey": "Usar una llave de acceso",
        "new passkey": "Configurar una llave de acceso",
        "kept": "Ya los guardé",
        "set up": "Configurar",
        "invite": "Invitar",
        "come in": "Entrar",
        "go on": "Continuar",
        "others": "Cerrar sesión en los demás",
    },
}


@contextmanager
def device(page: Page) -> Iterator[None]:
    """A device that makes passkeys and knows its owner."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options: dict[str, Any] = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    yield
    session.detach()


def fill_in(visit: Visit, email: str, language: str) -> None:
    visit.page.locator("#email").fill(email)
    visit.page.locator("#password").fill(PASSWORD)
    press(visit, WORDS[language]["sign in"])


def press(visit: Visit, word: str) -> None:
    visit.page.get_by_role("button", name=word, exact=True).or_(
        visit.page.get_by_role("link", name=word, exact=True)
    ).first.click()


def is_at(visit: Visit, path: str) -> None:
    visit.page.wait_for_url(visit.url + path)


@LANGUAGES
def test_by_password(opened: Opened, add_user: Add, language: str) -> None:
    user = add_user(locale=language)
    with opened("/admin/people", role=None, language=language) as visit:
        visit.examine(language)
        fill_in(visit, "nobody@example.com", language)
        visit.page.locator("[data-faults]").wait_for()
        visit.examine(language)
        assert visit.page.locator("#email").input_value() == "nobody@example.com"
        assert visit.page.locator("#password").input_value() == ""
        fill_in(visit, user.email, language)
        is_at(visit, "/admin/people")
        visit.examine(language)


def test_without_scripts(opened: Opened, add_user: Add) -> None:
    user = add_user(locale="en")
    with opened("/admin/login", role=None, scripts=False) as visit:
        assert not visit.page.get_by_role("button", name=WORDS["en"]["passkey"]).is_visible()
        fill_in(visit, user.email, "en")
        is_at(visit, "/admin")


@LANGUAGES
def test_by_an_authenticator(opened: Opened, add_user: Add, database: Database, app: Flask, language: str) -> None:
    user, words = add_user(locale=language), WORDS[language]
    with opened("/admin/account/authenticator", role=None, language=language) as visit:
        fill_in(visit, user.email, language)
        is_at(visit, "/admin/account/authenticator")
        visit.page.locator("summary").click()
        visit.examine(language)
        uri = f"otpauth://totp/x?secret={visit.page.locator('.key').inner_text().replace('-', '')}"
        visit.page.locator("#code").fill("000000")
        press(visit, words["set up"])
        visit.page.locator(".fault").first.wait_for()
        visit.examine(language)
        visit.page.locator("#code").fill(code_of(uri, utcnow()))
        press(visit, words["set up"])
        codes = visit.page.locator(".codes code")
        codes.first.wait_for()
        assert codes.count() == factors.RECOVERY_CODES
        recovery = codes.first.inner_text()
        visit.examine(language)
        press(visit, words["kept"])
        is_at(visit, "/admin/account")
        visit.examine(language)
        visit.page.context.clear_cookies()
        visit.go("/admin/account")
        fill_in(visit, user.email, language)
        visit.page.locator("#code").wait_for()
        visit.examine(language)
        visit.page.locator("#code").fill("000000")
        press(visit, words["sign in"])
        visit.page.locator(".fault").first.wait_for()
        visit.examine(language)
        visit.page.locator("#code").fill(recovery)  # the authenticator's own code was used a moment ago
        press(visit, words["sign in"])
        is_at(visit, "/admin/account")


@LANGUAGES
def test_by_a_passkey(opened: Opened, add_user: Add, language: str) -> None:
    """Set up, then in place of the password, then after it, then before a sensitive act."""
    user, words = add_user(locale=language), WORDS[language]
    with opened("/admin/account/passkeys/new", role=None, language=language) as visit, device(visit.page):
        fill_in(visit, user.email, language)
        is_at(visit, "/admin/account/passkeys/new")
        visit.page.locator("#name").fill("Laptop <b>")
        visit.examine(language)
        press(visit, words["new passkey"])
        visit.page.locator(".codes").wait_for()
        press(visit, words["kept"])
        visit.page.get_by_text("Laptop <b>").first.wait_for()
        visit.examine(language)

        visit.page.context.clear_cookies()
        visit.go("/admin/account")
        press(visit, words["passkey"])
        is_at(visit, "/admin/account")

        visit.page.context.clear_cookies()
        visit.go("/admin/account")
        fill_in(visit, user.email, language)
        visit.page.get_by_role("button", name=words["use passkey"]).wait_for()
        visit.examine(language)
        press(visit, words["use passkey"])
        is_at(visit, "/admin/account")

        visit.go("/admin/confirm?next=/admin/people")
        visit.examine(language)
        press(visit, words["use passkey"])
        is_at(visit, "/admin/people")


@LANGUAGES
def test_somebody_is_invited(opened: Opened, language: str) -> None:
    words = WORDS[language]
    with opened("/admin/people/invite", language=language) as visit:
        visit.examine(language)
        visit.page.locator("#email").fill("leo@example.com")
        visit.page.locator("input[name=role][value=manager]").check()
        press(visit, words["invite"])
        visit.page.locator(".fault").first.wait_for()
        visit.examine(language)
        visit.page.locator("input[name=role][value=auditor]").check()
        press(visit, words["invite"])
        address = visit.page.locator("#secret").input_value()
        visit.examine(language)
        visit.go("/admin/people")
        visit.page.locator("dialog").first.wait_for(state="attached")
        visit.page.get_by_role("button", name=re.compile("Withdraw|Retirar")).click()
        visit.page.locator("dialog[open]").wait_for()
        visit.examine(language)
    with opened(address.removeprefix(visit.url), role=None, language=language) as guest:
        guest.examine(language)
        guest.page.locator("#name").fill("Leo")
        guest.page.locator("#password").fill("short")
        press(guest, words["come in"])
        guest.page.locator(".fault").first.wait_for()
        guest.examine(language)
        guest.page.locator("#password").fill(PASSWORD)
        press(guest, words["come in"])
        is_at(guest, "/admin")
        guest.examine(language)
    with opened(address.removeprefix(visit.url), role=None, language=language) as late:
        late.examine(language)


@LANGUAGES
def test_a_forgotten_password(opened: Opened, add_user: Add, database: Database, language: str) -> None:
    user = add_user(locale=language)
    with database.transaction(HOUSE) as session:
        token = ways_in.reset(session, session.get_one(User, user.id), utcnow())
    with opened("/admin/recover", role=None, language=language) as visit:
        visit.examine(language)
        visit.go(f"/admin/recover/{token}")
        visit.examine(language)
        visit.page.locator("#password").fill(PASSWORD + "!")
        visit.page.locator("form button[type=submit]").click()
        visit.page.locator(".alert-success").wait_for()
        visit.examine(language)


@LANGUAGES
def test_people_and_sessions_are_ended(opened: Opened, add_user: Add, browser: Browser, language: str) -> None:
    other = add_user(Role.OPERATOR, name="Eva <i>Ruiz</i>")
    with opened(f"/admin/people/{other.id}", language=language) as visit:
        visit.examine(language)
        visit.page.get_by_role("button", name=re.compile("^(Disable|Desactivar)$")).first.click()
        visit.page.locator("dialog[open]").wait_for()
        visit.examine(language)
        visit.page.locator("dialog[open] .btn-danger").click()
        visit.page.locator(".alert-success").wait_for()
        visit.examine(language)
        visit.page.locator("input[name=role][value=manager]").check()
        visit.page.locator("section:has(#role-title) button[type=submit]").click()
        visit.page.locator(".fault").first.wait_for()
        visit.examine(language)
        visit.go("/admin/account")
        visit.examine(language)
