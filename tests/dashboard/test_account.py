"""What people keep of themselves, and what owners may do about people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from app.database import HOUSE, Database
from app.tenants import organizations
from app.tenants.roles import Role
from app.tenants.user_models import User, UserSession
from tests.dashboard.conftest import PASSWORD, sign_in, visitor
from tests.dashboard.persons import actions, authenticator, clocked, code_of, entries, recovery_codes, send

Add = Callable[..., User]
Enter = Callable[..., FlaskClient]
ACCOUNT, CONFIRM = "/admin/account", "/admin/confirm"
NEW = "a completely different one"


def come(app: Flask, user: User, password: str = PASSWORD) -> FlaskClient:
    client = visitor(app)
    assert sign_in(client, user.email, password).status_code == 303
    return client


def test_name_language_and_zone(app: Flask, add_user: Add, database: Database) -> None:
    user = add_user()
    client = come(app, user)
    fields = {"name": "Ana María", "locale": "es", "timezone": "America/Tijuana"}
    assert send(client, ACCOUNT, ACCOUNT, **fields).status_code == 303
    assert "Ana María" in client.get(ACCOUNT).text
    assert entries(database, user)[-1].details == fields
    wrong = send(client, ACCOUNT, ACCOUNT, **{**fields, "timezone": "Mars"})
    assert (wrong.status_code, 'value="Mars"' in wrong.text) == (422, True)


@pytest.mark.attack("ways in", "a session that was stolen before its password was changed", "ended")
def test_a_password_that_is_changed_ends_every_other_session(app: Flask, add_user: Add, database: Database) -> None:
    user = add_user()
    mine, other = come(app, user), come(app, user)
    before = mine.get_cookie("admin")
    wrong = send(mine, ACCOUNT, "/admin/account/password", password="no", new_password=NEW)
    assert (wrong.status_code, "not your password" in wrong.text) == (422, True)
    weak = send(mine, ACCOUNT, "/admin/account/password", password=PASSWORD, new_password="short")
    assert weak.status_code == 422
    assert other.get("/admin").status_code == 200
    assert send(mine, ACCOUNT, "/admin/account/password", password=PASSWORD, new_password=NEW).status_code == 303
    assert "every other browser" in mine.get(ACCOUNT).text.lower()
    assert mine.get_cookie("admin") != before
    assert other.get("/admin").status_code == 303
    assert "user.password_changed" in actions(database, user)


def test_sessions_are_listed_and_ended(app: Flask, add_user: Add, database: Database) -> None:
    user, stranger = add_user(), add_user()
    mine, theirs = come(app, user), come(app, stranger)
    phone = visitor(app)
    phone.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0 (Linux; Android 14) Chrome/150.0 Mobile"
    sign_in(phone, user.email)
    tablet = come(app, user)
    assert "Chrome · Android" in mine.get(ACCOUNT).text
    with database.transaction(HOUSE) as session:
        rows = session.query(UserSession).filter_by(user_id=user.id).order_by(UserSession.id).all()
        (other,) = session.query(UserSession).filter_by(user_id=stranger.id).all()
    assert send(mine, ACCOUNT, f"/admin/account/sessions/{other.id}/end").status_code == 404
    assert send(mine, ACCOUNT, f"/admin/account/sessions/{rows[1].id}/end").status_code == 303
    assert (phone.get("/admin").status_code, tablet.get("/admin").status_code) == (303, 200)
    send(mine, ACCOUNT, "/admin/account/sessions/end-others")
    assert [one.get("/admin").status_code for one in (mine, tablet, theirs)] == [200, 303, 200]
    assert actions(database, user)[-2:] == ["user.session_ended", "user.sessions_ended"]


def test_what_a_browser_says_of_itself_is_only_text(app: Flask, add_user: Add) -> None:
    user, client = add_user(), visitor(app)
    client.environ_base["HTTP_USER_AGENT"] = '"><script>alert(1)</script> Firefox'
    sign_in(client, user.email)
    assert "<script>alert" not in client.get(ACCOUNT).text


@pytest.mark.parametrize(
    "path", ["/admin/account/authenticator", "/admin/account/passkeys/new", "/admin/people/invite"]
)
def test_sensitive_acts_ask_again(app: Flask, add_user: Add, path: str) -> None:
    with clocked(app) as clock:
        client = come(app, add_user())
        assert client.get(path).status_code == 200
        clock.on(minutes=16)
        asked = client.get(path)
        assert asked.status_code == 303
        assert asked.headers["Location"].startswith(CONFIRM)
        assert send(client, CONFIRM, CONFIRM, password="not the password").status_code == 422
        assert client.get(path).status_code == 303
        done = send(client, CONFIRM, CONFIRM, password=PASSWORD, next=path)
        assert done.headers["Location"] == path
        assert client.get(path).status_code == 200
        assert client.get(ACCOUNT).status_code == 200


def test_nor_are_they_done_without(app: Flask, enter: Enter, add_user: Add, database: Database) -> None:
    with clocked(app) as clock:
        client, user = enter(), add_user(Role.OPERATOR)
        page = f"/admin/people/{user.id}"
        clock.on(minutes=16)
        for act in ("disable", "reset-factors", "role"):
            answer = send(client, page, f"{page}/{act}", role="auditor")
            assert answer.headers["Location"].startswith(CONFIRM)
        with database.transaction(HOUSE) as session:
            assert session.get_one(User, user.id).disabled_at is None


def test_a_code_will_do_and_leads_nowhere_else(app: Flask, add_user: Add) -> None:
    with clocked(app) as clock:
        client = come(app, add_user())
        uri, _ = authenticator(client, clock)
        clock.on(minutes=20)
        done = send(client, CONFIRM, CONFIRM, code=code_of(uri, clock.now), next="https://evil.example")
        assert done.headers["Location"] == "/admin"
        assert client.get("/admin/account/authenticator").status_code == 200


def test_guessing_at_an_open_browser_ends(app: Flask, add_user: Add) -> None:
    client = come(app, add_user())
    said = [send(client, CONFIRM, CONFIRM, password="not it").status_code for _ in range(11)]
    assert said == 10 * [422] + [429]
    assert send(client, CONFIRM, CONFIRM, password=PASSWORD).status_code == 429


def test_owners_see_everybody(enter: Enter, add_user: Add, database: Database) -> None:
    acme = organizations.add(database, slug="acme", name="Acme & Sons")
    add_user(Role.MANAGER, acme, name="<b>Leo</b>")
    page = enter().get("/admin/people").text
    assert "&lt;b&gt;Leo&lt;/b&gt;" in page
    assert "Acme &amp; Sons" in page


def test_however_many_there_are_it_asks_as_little(app: Flask, enter: Enter, add_user: Add, database: Database) -> None:
    acme, client, asked = organizations.add(database, slug="acme", name="Acme"), enter(), list[str]()
    engine = app.extensions["ventanilla"].database.engine

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        asked.append(statement)

    add_user(Role.MANAGER, acme)
    event.listen(engine, "before_cursor_execute", note)
    client.get("/admin/people")
    few = len(asked)
    for _ in range(10):
        add_user(Role.MANAGER, acme)
    asked.clear()
    client.get("/admin/people")
    event.remove(engine, "before_cursor_execute", note)
    assert len(asked) == few < 12


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.AUDITOR])
def test_others_do_not(enter: Enter, role: Role) -> None:
    client = enter(role)
    assert client.get("/admin/people").status_code == 403
    assert send(client, ACCOUNT, "/admin/people/invite", email="a@example.com", role="owner").status_code == 403


def test_a_role_is_changed(app: Flask, enter: Enter, add_user: Add, database: Database) -> None:
    owner, user = enter(), add_user(Role.OPERATOR)
    theirs, page = come(app, user), f"/admin/people/{user.id}"
    assert send(owner, page, f"{page}/role", role="auditor").status_code == 303
    assert theirs.get("/admin").status_code == 303
    assert send(owner, page, f"{page}/role", role="manager", organization="nowhere").status_code == 422
    entry = entries(database, user)[-1]
    assert (entry.action, entry.details) == ("user.role_changed", {"before": "operator", "role": "auditor"})
    assert entry.actor != f"user:{user.id}"


def test_somebody_is_let_in_no_more_and_again(app: Flask, enter: Enter, add_user: Add) -> None:
    owner, user = enter(), add_user(Role.OPERATOR)
    theirs, page = come(app, user), f"/admin/people/{user.id}"
    send(owner, page, f"{page}/disable")
    assert theirs.get("/admin").status_code == 303
    assert sign_in(visitor(app), user.email).status_code == 403
    send(owner, page, f"{page}/enable")
    assert sign_in(visitor(app), user.email).status_code == 303
    assert theirs.get("/admin").status_code == 303  # what has ended does not begin again


def test_the_last_owner_stays(app: Flask, add_user: Add) -> None:
    user = add_user()
    client, page = come(app, user), f"/admin/people/{user.id}"
    for act, fields in (("disable", {}), ("role", {"role": "operator"})):
        refused = send(client, page, f"{page}/{act}", **fields)
        assert (refused.status_code, "no owner left" in refused.text) == (409, True)
    assert client.get("/admin/people").status_code == 200
    add_user()
    assert send(client, page, f"{page}/role", role="operator").status_code == 303


def test_a_lost_factor_is_reset(app: Flask, enter: Enter, add_user: Add) -> None:
    with clocked(app) as clock:
        owner, user = enter(), add_user(Role.OPERATOR)
        theirs, page = come(app, user), f"/admin/people/{user.id}"
        _, codes = authenticator(theirs, clock)
        assert codes
        send(owner, page, f"{page}/reset-factors")
        assert sign_in(visitor(app), user.email).headers["Location"] == "/admin"


def test_sessions_of_others_are_ended(app: Flask, enter: Enter, add_user: Add) -> None:
    owner, user = enter(), add_user(Role.OPERATOR)
    theirs, page = come(app, user), f"/admin/people/{user.id}"
    send(owner, page, f"{page}/end-sessions")
    assert (theirs.get("/admin").status_code, owner.get("/admin").status_code) == (303, 200)


def test_there_is_nobody(enter: Enter) -> None:
    nobody = "/admin/people/00000000-0000-7000-8000-000000000000"
    client = enter()
    assert client.get(nobody).status_code == 404
    assert send(client, "/admin/people/invite", f"{nobody}/disable").status_code == 404
    assert recovery_codes(client.get(nobody)) == []
