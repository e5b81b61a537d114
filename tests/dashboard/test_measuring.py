"""How good a password is, said while it is typed, and by the measure that takes or refuses it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from pydantic import SecretStr

from app.database import HOUSE, Database, utcnow
from app.intake.shedding import MEASURES
from app.tenants import passwords, ways_in
from app.tenants.passwords import MOST, Verdict
from app.tenants.roles import Role
from app.tenants.user_errors import WeakPassword
from app.tenants.user_models import User
from tests.dashboard.browser import Opened, Visit
from tests.dashboard.conftest import ORIGIN, token_of, visitor

Choosing = Callable[..., AbstractContextManager[Visit]]

languages = pytest.mark.parametrize("language", ["es", "en"])

SAID = {
    "es": {"short": "Todavía muy corta.", "easy": "Muy fácil de adivinar.", "strong": "Muy buena: nadie la adivina."},
    "en": {"short": "Still too short.", "easy": "Too easy to guess.", "strong": "Very good: nobody guesses it."},
}
STRONG = "camarón dormido tras el 7 faro"


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ("", Verdict.SHORT),
        ("xK7 q9!", Verdict.SHORT),
        ("password1234", Verdict.EASY),
        ("ana@example.com", Verdict.EASY),
        (12 * "\u0301", Verdict.EASY),
        ("guarda4gatos", Verdict.GOOD),
        (STRONG, Verdict.STRONG),
        (MOST * "xy" + "z", Verdict.LONG),
    ],
)
def test_it_is_taken_exactly_when_it_is_called_good(said: str, verdict: Verdict, app: Flask) -> None:
    client = visitor(app)
    headers = {"Origin": ORIGIN, "X-CSRF-Token": token_of(client.get("/admin/login"))}
    data = {"password": said, "about": ["ana@example.com", "Ana"]}
    answer = client.post("/admin/password-strength", data=data, headers=headers)
    assert answer.get_json()["verdict"] == verdict
    assert "no-store" in answer.headers["Cache-Control"]
    try:
        passwords.check(SecretStr(said), about=("ana@example.com", "Ana"))
    except WeakPassword:
        assert verdict in {"short", "long", "easy"}
    else:
        assert verdict in {"good", "strong"}


def test_nobody_elsewhere_has_one_measured(app: Flask) -> None:
    client = visitor(app)
    token = token_of(client.get("/admin/login"))
    for headers in ({"Origin": ORIGIN}, {"Origin": "https://elsewhere.example", "X-CSRF-Token": token}):
        assert client.post("/admin/password-strength", data={"password": "x"}, headers=headers).status_code == 403


def test_an_address_has_only_so_many_measured(app: Flask) -> None:
    client = visitor(app)
    headers = {"Origin": ORIGIN, "X-CSRF-Token": token_of(client.get("/admin/login"))}
    environ = {"REMOTE_ADDR": "203.0.113.77"}

    def ask() -> int:
        data = {"password": STRONG}
        return client.post(
            "/admin/password-strength", data=data, headers=headers, environ_overrides=environ
        ).status_code

    assert [ask() for _ in range(MEASURES)] == [200] * MEASURES
    assert ask() == 429


def test_of_a_long_one_the_beginning_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []

    def measured(said: str, **_: object) -> dict[str, int]:
        given.append(said)
        return {"guesses": 1}

    monkeypatch.setattr("zxcvbn.zxcvbn", measured)
    passwords.strength(SecretStr("4@8({[<369&#!1/|0$5+7%2/" * 5))
    assert [len(one) for one in given] == [passwords.JUDGED]


@pytest.fixture
def choosing(opened: Opened, add_user: Callable[..., User], database: Database) -> Choosing:
    """Opens each of the pages on which somebody chooses a password."""

    @contextmanager
    def choose(page: str, language: str, **more: bool) -> Iterator[Visit]:
        role, path = None, "/admin/account"
        now, user = utcnow(), add_user(locale=language)
        with database.transaction(HOUSE) as session:
            if page == "join":
                _, token = ways_in.invite(
                    session,
                    email="leo@example.com",
                    role=Role.AUDITOR,
                    manages=None,
                    locale=language,
                    invited_by="test",
                    now=now,
                    life=timedelta(days=1),
                )
                path = f"/admin/join/{token}"
            elif page == "recover":
                path = f"/admin/recover/{ways_in.reset(session, session.get_one(User, user.id), now)}"
            else:
                role = Role.AUDITOR
        with opened(path, role=role, language=language, **more) as visit:
            yield visit

    return choose


def field(page: Page) -> str:
    return "#new_password" if page.locator("#new_password").count() else "#password"


@pytest.mark.live
@languages
@pytest.mark.parametrize("page", ["join", "recover", "account"])
def test_it_is_said_while_it_is_typed(page: str, language: str, choosing: Choosing) -> None:
    with choosing(page, language) as visit:
        typed, said = visit.page.locator(field(visit.page)), visit.page.locator(".measured [role=status]")
        meter = visit.page.locator(".measured meter")
        expect(meter).to_be_hidden()
        for verdict, text in (("short", "xK7 q9!"), ("easy", "password1234"), ("strong", STRONG)):
            typed.fill(text)
            expect(said).to_have_text(SAID[language][verdict])
            expect(meter).to_be_visible()
            if verdict != "short":  # which looks like “easy”
                visit.examine(language)
        typed.fill("")
        expect(said).to_have_text("")
        expect(meter).to_be_hidden()


@pytest.mark.live
def test_without_scripts_or_an_answer_nothing_is_said(choosing: Choosing) -> None:
    with choosing("join", "en", scripts=False) as visit:
        visit.page.fill("#password", STRONG)
        for useless in (".measured meter", "[data-reveal]"):
            expect(visit.page.locator(useless)).to_be_hidden()
    with choosing("recover", "en") as visit:
        visit.page.fill("#password", STRONG)
        expect(visit.page.locator(".measured meter")).to_be_visible()
        visit.page.route("**/password-strength", lambda route: route.fulfill(status=200, body="<html>"))
        visit.page.fill("#password", "password1234")
        expect(visit.page.locator(".measured meter")).to_be_hidden()
        expect(visit.page.locator(".measured [role=status]")).to_have_text("")


@pytest.mark.live
@languages
def test_a_password_can_be_looked_at(language: str, opened: Opened, choosing: Choosing) -> None:
    show, hide = {"es": ("Mostrar", "Ocultar"), "en": ("Show", "Hide")}[language]
    with choosing("join", language) as visit:
        button = visit.page.locator("[data-reveal]")
        expect(button).to_have_text(show)
        visit.page.fill("#password", STRONG)
        button.click()
        expect(visit.page.locator("#password")).to_have_attribute("type", "text")
        expect(visit.page.locator("#password")).to_have_value(STRONG)
        expect(button).to_have_text(hide)
        expect(button).to_have_attribute("aria-pressed", "true")
        visit.examine(language)
        button.click()
        expect(visit.page.locator("#password")).to_have_attribute("type", "password")
    for path, role in (("/admin/login", None), ("/admin/account", Role.AUDITOR), ("/admin/confirm", Role.AUDITOR)):
        with opened(path, role=role, language=language) as visit:
            fields = visit.page.locator("[type=password]").count()
            assert fields
            expect(visit.page.locator("[data-reveal]:visible")).to_have_count(fields)
