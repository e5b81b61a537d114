"""Signing in and out: who gets in, what a browser keeps of it, and what somebody learns who does not."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr

from app.database import HOUSE, Database, utcnow
from app.tenants import passwords, people, user_sessions
from app.tenants.roles import Role
from app.tenants.user_models import User, UserSession
from tests.dashboard.conftest import ORIGIN, PASSWORD, sign_in, token_of, visitor
from tests.dashboard.persons import actions, clocked, entries, send

Add = Callable[..., User]
Enter = Callable[..., FlaskClient]


def session_of(client: FlaskClient) -> str:
    cookie = client.get_cookie("admin")
    assert cookie
    return str(cookie.value)


@pytest.mark.parametrize("role", [Role.OWNER, Role.OPERATOR, Role.AUDITOR])
def test_by_password(enter: Enter, role: Role) -> None:
    assert enter(role).get("/admin").status_code == 200


def test_not_without(app: Flask) -> None:
    answer = visitor(app).get("/admin")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/login?next=%2Fadmin")


def test_the_page_is_one_that_a_script_can_fill_in(app: Flask) -> None:
    page = visitor(app).get("/admin/login").text
    assert len(re.findall(r'type="submit"', page)) == 1
    for name, word in (("email", "username"), ("password", "current-password")):
        field = re.search(rf'<input[^>]*name="{name}"[^>]*>', page)
        assert field
        assert f'autocomplete="{word}"' in field[0]
        assert f'for="{name}"' in page


def test_however_the_address_is_typed(app: Flask, add_user: Add) -> None:
    assert sign_in(visitor(app), f" {add_user().email.upper()} ").status_code == 303


def test_nobody_learns_whether_an_address_is_known(app: Flask, add_user: Add, database: Database) -> None:
    known, gone = add_user(), add_user()
    with database.transaction(HOUSE) as session:
        session.get_one(User, gone.id).disabled_at = gone.created_at
    tried = [(known.email, "not the password"), ("nobody@example.com", PASSWORD), (gone.email, PASSWORD)]
    answers = [sign_in(visitor(app), email, password) for email, password in tried]
    assert {answer.status_code for answer in answers} == {403}
    own = r'value="[^"]*"|"X-CSRF-Token": "[^"]*"'  # the page's token, and what was typed
    said = {re.sub(own, "", answer.text) for answer in answers}
    assert len(said) == 1
    assert "That did not let you in" in said.pop()
    assert all(not answer.headers.getlist("Set-Cookie")[1:] for answer in answers)


def test_who_is_not_known_takes_as_much_work(app: Flask, add_user: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str | None] = []
    fits = passwords.fits

    def watched(plain: SecretStr, kept: str | None) -> bool:
        looked.append(kept)
        return fits(plain, kept)

    monkeypatch.setattr(passwords, "fits", watched)
    sign_in(visitor(app), add_user().email, "not the password")
    sign_in(visitor(app), "nobody@example.com", "not the password")
    assert len(looked) == 2
    assert looked[1] is None


def test_signing_out_ends_it_here_and_now(enter: Enter, database: Database) -> None:
    client = enter()
    kept = session_of(client)
    left = send(client, "/admin/account", "/admin/logout")
    assert (left.headers["Location"], left.headers["Clear-Site-Data"]) == ("/admin/login", '"cache"')
    client.set_cookie("admin", kept)
    assert client.get("/admin").status_code == 303
    assert actions(database)[-1] == "user.signed_out"


def test_a_session_that_was_planted_is_not_the_one_that_begins(app: Flask, add_user: Add) -> None:
    """Neither one that nobody has, nor a thief's own: the browser gets another, and its pages another token."""
    thief = visitor(app)
    sign_in(thief, add_user().email)
    for planted in ("planted", session_of(thief)):
        victim = visitor(app)
        before = token_of(victim.get("/admin/login"))
        victim.set_cookie("admin", planted)
        data = {"email": add_user().email, "password": PASSWORD, "csrf_token": before}
        assert victim.post("/admin/login", data=data, headers={"Origin": ORIGIN}).status_code == 303
        assert session_of(victim) != planted
        assert len(session_of(victim)) >= 43
        stale = victim.post("/admin/logout", data={"csrf_token": before}, headers={"Origin": ORIGIN})
        assert stale.status_code == 403
        assert victim.get("/admin").status_code == 200
    thief.set_cookie("admin", "planted")
    assert thief.get("/admin").status_code == 303


def test_signing_in_again_ends_what_the_browser_had(app: Flask, add_user: Add, database: Database) -> None:
    client, user = visitor(app), add_user()
    sign_in(client, user.email)
    first = session_of(client)
    # the page leads on who is signed in already; the form is sent all the same
    token = token_of(client.get("/admin/account"))
    data = {"email": user.email, "password": PASSWORD, "csrf_token": token}
    client.post("/admin/login", data=data, headers={"Origin": ORIGIN})
    assert session_of(client) != first
    with database.transaction(HOUSE) as session:
        assert session.query(UserSession).filter_by(user_id=user.id).count() == 1


def test_what_is_kept_of_a_session_does_not_open_it(enter: Enter, database: Database) -> None:
    client = enter()
    with database.transaction(HOUSE) as session:
        (row,) = session.query(UserSession).all()
        assert row.token_hash == user_sessions.token_hash(session_of(client))
        assert session_of(client) not in str(vars(row))


def test_the_cookies_are_for_the_browser_alone(app: Flask, add_user: Add) -> None:
    set_cookies = {
        cookie.partition("=")[0]: cookie
        for cookie in sign_in(visitor(app), add_user().email).headers.getlist("Set-Cookie")
    }
    for name in ("admin", "known"):
        assert "HttpOnly" in set_cookies[name]
        assert "SameSite=Lax" in set_cookies[name]
    assert "Max-Age" not in set_cookies["admin"]  # it ends with the browser, if not before


def test_over_tls_they_are_bound_to_the_host(app: Flask, add_user: Add) -> None:
    app.config["SESSION_COOKIE_SECURE"] = True
    cookies = sign_in(visitor(app), add_user().email).headers.getlist("Set-Cookie")
    assert [one for one in cookies if one.startswith("__Host-admin=") and "Secure" in one and "Path=/" in one]
    assert [one for one in cookies if one.startswith("__Host-known=") and "Secure" in one]


def test_unused_it_ends(app: Flask, add_user: Add) -> None:
    with clocked(app, session_idle_seconds=3600.0, session_seconds=36_000.0) as clock:
        client = visitor(app)
        sign_in(client, add_user().email)
        for _ in range(3):
            clock.on(minutes=59)
            assert client.get("/admin/account").status_code == 200
        clock.on(minutes=61)
        assert client.get("/admin/account").status_code == 303


def test_in_use_it_ends_too(app: Flask, add_user: Add) -> None:
    with clocked(app, session_idle_seconds=3600.0, session_seconds=7200.0) as clock:
        client = visitor(app)
        sign_in(client, add_user().email)
        for _ in range(2):
            clock.on(minutes=59)
            assert client.get("/admin/account").status_code == 200
        clock.on(minutes=3)
        assert client.get("/admin/account").status_code == 303


@pytest.mark.parametrize("change", ["password", "role", "disabled", "factors"])
def test_what_changes_somebody_ends_their_sessions(app: Flask, add_user: Add, database: Database, change: str) -> None:
    client, user = visitor(app), add_user(Role.OPERATOR)
    sign_in(client, user.email)
    with database.transaction(HOUSE) as session:
        row, now = session.get_one(User, user.id), utcnow()
        match change:
            case "password":
                people.set_password(session, row, SecretStr("quite another one"), now)
            case "role":
                people.change_role(session, row, Role.AUDITOR, None, now)
            case "disabled":
                people.disable(session, row, now)
            case _:
                people.reset_factors(session, row, now)
    assert client.get("/admin/account").status_code == 303


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/admin",
        "//evil.example/admin",
        "/\\evil.example",
        "/admin//evil.example",
        "/admin/../f/x",
        "/admin/%2E%2e/f/x",
        "javascript:alert(1)",
        "/administrator",
        "/admin\r\nSet-Cookie: x=y",
    ],
)
def test_it_leads_nowhere_else(app: Flask, add_user: Add, wanted: str) -> None:
    client = visitor(app)
    page = client.get("/admin/login", query_string={"next": wanted})
    data = {"email": add_user().email, "password": PASSWORD, "csrf_token": token_of(page), "next": wanted}
    answer = client.post("/admin/login", data=data, headers={"Origin": ORIGIN})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin")


def test_it_leads_on(app: Flask, add_user: Add) -> None:
    answer = sign_in(visitor(app), add_user().email, next="/admin/people?x=1")
    assert answer.headers["Location"] == "/admin/people?x=1"


@pytest.mark.attack(
    "browsers", "a form of the dashboard from another site, or with another's token", "403; nothing is changed"
)
@pytest.mark.parametrize("path", ["/admin/login", "/admin/logout", "/admin/recover", "/admin/account"])
@pytest.mark.parametrize("how", ["another site", "no token", "another's token"])
def test_other_sites_and_others_tokens_send_nothing(
    app: Flask, enter: Enter, add_user: Add, path: str, how: str
) -> None:
    client = enter()
    token = token_of(client.get("/admin/account"))
    data = {"email": add_user().email, "password": PASSWORD, "name": "x", "csrf_token": token}
    headers = {"Origin": "https://evil.example"} if how == "another site" else {"Origin": ORIGIN}
    if how != "another site":
        data["csrf_token"] = "" if how == "no token" else token_of(visitor(app).get("/admin/login"))
    answer = client.post(path, data=data, headers=headers)
    assert answer.status_code == 403
    assert client.get("/admin/account").status_code == 200  # nothing happened


def test_what_is_written_down(app: Flask, add_user: Add, database: Database) -> None:
    user = add_user()
    sign_in(visitor(app), user.email, "not the password")
    sign_in(visitor(app), user.email)
    failed, entered = entries(database, user)
    assert (failed.action, failed.actor, failed.details) == ("user.sign_in_failed", "visitor", {"address": "127.0.0.1"})
    assert (entered.action, entered.actor) == ("user.signed_in", f"user:{user.id}")
    assert entered.details["via"] == "password"
    assert PASSWORD not in str([vars(one) for one in (failed, entered)])


def test_nothing_of_flask_security_is_served(app: Flask) -> None:
    """Its own pages, and its answers in JSON, are where nobody asked for them."""
    assert "security" not in app.blueprints
    assert "security" not in app.extensions
    assert not hasattr(app, "login_manager")
    rules = {rule.rule for rule in app.url_map.iter_rules() if "admin" in rule.rule or "log" in rule.rule}
    assert {rule for rule in rules if not rule.startswith(("/admin", "/proxy"))} == set()
    for path in ("/login", "/logout", "/register", "/reset", "/tf-setup", "/wan-signin", "/mf-recovery"):
        client = visitor(app)
        assert client.get(path).status_code == 404
        assert client.post(path, json={"email": "x", "password": "y"}).status_code == 404
