"""What comes after the password: codes that are good once, recovery codes, roles that cannot be without."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.database import HOUSE, Database
from app.tenants.roles import Role
from app.tenants.user_models import User
from tests.dashboard.conftest import ORIGIN, sign_in, token_of, visitor
from tests.dashboard.persons import actions, authenticator, clocked, code_of, offered, recovery_codes, send

Add = Callable[..., User]
FACTOR, NEW = "/admin/login/factor", "/admin/login/factor/new"


def half(app: Flask, user: User, **more: str) -> FlaskClient:
    """Somebody who showed their password, and has still to show a factor."""
    client = visitor(app)
    answer = sign_in(client, user.email, **more)
    assert answer.headers["Location"].partition("?")[0] == FACTOR
    return client


@pytest.mark.attack("ways in", "a code of a second factor, used again", "refused")
def test_a_code_is_asked_for_and_good_once(app: Flask, add_user: Add, database: Database) -> None:
    user = add_user()
    with clocked(app) as clock:
        first = visitor(app)
        sign_in(first, user.email)
        uri, _ = authenticator(first, clock)
        client, code = half(app, user), code_of(uri, clock.now)
        assert client.get("/admin").status_code == 303  # the password alone opens nothing
        wrong = send(client, FACTOR, FACTOR, code="000000" if code != "000000" else "111111")
        assert (wrong.status_code, "not good" in wrong.text) == (403, True)
        assert send(client, FACTOR, FACTOR, code=f"{code[:3]} {code[3:]}").status_code == 303
        assert client.get("/admin").status_code == 200
        again = half(app, user)
        assert send(again, FACTOR, FACTOR, code=code).status_code == 403  # somebody looked over a shoulder
        clock.on(seconds=60)
        assert send(again, FACTOR, FACTOR, code=code_of(uri, clock.now)).status_code == 303
    assert "user.factor_failed" in actions(database, user)


def test_an_old_code_is_no_good(app: Flask, add_user: Add) -> None:
    user = add_user()
    with clocked(app) as clock:
        first = visitor(app)
        sign_in(first, user.email)
        uri, _ = authenticator(first, clock)
        code, client = code_of(uri, clock.now), half(app, user)
        clock.on(seconds=120)
        assert send(client, FACTOR, FACTOR, code=code).status_code == 403


def test_a_recovery_code_is_good_once(app: Flask, add_user: Add, database: Database) -> None:
    user = add_user()
    with clocked(app) as clock:
        first = visitor(app)
        sign_in(first, user.email)
        _, codes = authenticator(first, clock)
        assert len(set(codes)) == 10
        used = codes[3].upper().replace("-", " ")
        assert send(half(app, user), FACTOR, FACTOR, code=used).status_code == 303
        assert send(half(app, user), FACTOR, FACTOR, code=used).status_code == 403
        assert send(half(app, user), FACTOR, FACTOR, code=codes[4]).status_code == 303
        assert "8 are left" in first.get("/admin/account").text
        made = send(first, "/admin/account", "/admin/account/recovery-codes")
        assert len(recovery_codes(made)) == 10
        assert send(half(app, user), FACTOR, FACTOR, code=codes[5]).status_code == 403
    with database.transaction(HOUSE) as session:
        kept = session.get_one(User, user.id)
        assert not any(code.replace("-", "").encode() in b"".join(kept.recovery) for code in codes)
        assert b"otpauth" not in (kept.totp or b"")


@pytest.mark.attack("ways in", "codes of a second factor, guessed", "429")
def test_guessing_codes_ends(app: Flask, add_user: Add) -> None:
    user = add_user()
    with clocked(app) as clock:
        first = visitor(app)
        sign_in(first, user.email)
        uri, _ = authenticator(first, clock)
        client = half(app, user)
        answers = [send(client, FACTOR, FACTOR, code="00000x") for _ in range(11)]
        assert [answer.status_code for answer in answers] == 10 * [403] + [429]
        assert answers[-1].headers["Retry-After"] == "900"
        assert send(client, FACTOR, FACTOR, code=code_of(uri, clock.now)).status_code == 429
        clock.on(minutes=16)
        again = half(app, user)
        assert send(again, FACTOR, FACTOR, code=code_of(uri, clock.now)).status_code == 303


def test_what_was_begun_is_not_gone_on_with_for_ever(app: Flask, add_user: Add) -> None:
    user = add_user()
    with clocked(app) as clock:
        first = visitor(app)
        sign_in(first, user.email)
        uri, _ = authenticator(first, clock)
        client = half(app, user)
        token = token_of(client.get(FACTOR))
        clock.on(minutes=11)
        data = {"code": code_of(uri, clock.now), "csrf_token": token}
        answer = client.post(FACTOR, data=data, headers={"Origin": ORIGIN})
        assert answer.status_code == 403
        assert "Sign in again" in answer.text
        assert client.get("/admin").status_code == 303


def test_nor_after_the_password_changed(app: Flask, add_user: Add) -> None:
    user = add_user()
    with clocked(app) as clock:
        first = visitor(app)
        sign_in(first, user.email)
        uri, _ = authenticator(first, clock)
        client = half(app, user)
        clock.on(seconds=30)
        fields = {"password": "correct horse battery staple", "new_password": "quite another one"}
        assert send(first, "/admin/account", "/admin/account/password", **fields).status_code == 303
        assert client.get(FACTOR).status_code == 403
        assert uri


@pytest.mark.parametrize("role", [Role.OWNER, Role.OPERATOR])
def test_a_role_may_need_one(app: Flask, add_user: Add, role: Role) -> None:
    user = add_user(role)
    with clocked(app, second_factor=("owner",)) as clock:
        client = visitor(app)
        answer = sign_in(client, user.email, next="/admin/account")
        if role is Role.OPERATOR:
            assert answer.headers["Location"] == "/admin/account"
            return
        assert client.get("/admin/account").status_code == 303
        page = client.get(answer.headers["Location"], follow_redirects=True)
        sealed, uri = offered(page)
        fields = {"offer": sealed, "csrf_token": token_of(page), "next": "/admin/account"}
        wrong = client.post(NEW, data={**fields, "code": "x"}, headers={"Origin": ORIGIN})
        assert wrong.status_code == 403
        assert offered(wrong)[0] == sealed  # it has not to be scanned again
        done = client.post(NEW, data={**fields, "code": code_of(uri, clock.now)}, headers={"Origin": ORIGIN})
        assert len(recovery_codes(done)) == 10
        assert 'href="/admin/account"' in done.text
        assert client.get("/admin/account").status_code == 200
        gone = send(client, "/admin/account", "/admin/account/authenticator/remove")
        assert (gone.status_code, "needs a second factor" in gone.text) == (409, True)
        assert client.get("/admin/account").status_code == 200


def test_whoever_is_in_without_one_is_asked_when_it_is_needed(app: Flask, add_user: Add) -> None:
    client, user = visitor(app), add_user()
    sign_in(client, user.email)
    assert client.get("/admin/account").status_code == 200
    with clocked(app, second_factor=("owner",)):
        assert client.get("/admin/account").status_code == 303


def test_only_who_has_none_sets_one_up_with_the_password_alone(app: Flask, add_user: Add) -> None:
    user = add_user()
    with clocked(app) as clock:
        first = visitor(app)
        sign_in(first, user.email)
        authenticator(first, clock)
        client = half(app, user)
        assert client.get(NEW).status_code == 403
        answer = send(client, "/admin/login", NEW, offer="x", code="123456")
        assert answer.status_code == 403
        assert client.get("/admin").status_code == 303


def test_an_offer_is_for_one_person(app: Flask, add_user: Add) -> None:
    with clocked(app) as clock:
        mine, theirs = visitor(app), visitor(app)
        sign_in(mine, add_user().email)
        sign_in(theirs, add_user().email)
        page = "/admin/account/authenticator"
        sealed, uri = offered(theirs.get(page))
        answer = send(mine, page, page, offer=sealed, code=code_of(uri, clock.now))
        assert answer.status_code == 403
        assert offered(answer)[0] != sealed


def test_without_a_factor_recovery_codes_end(app: Flask, add_user: Add, database: Database) -> None:
    user = add_user()
    with clocked(app) as clock:
        client = visitor(app)
        sign_in(client, user.email)
        authenticator(client, clock)
        send(client, "/admin/account", "/admin/account/authenticator/remove")
        with database.transaction(HOUSE) as session:
            assert session.get_one(User, user.id).recovery == []
        assert sign_in(visitor(app), user.email).headers["Location"] == "/admin"
    assert actions(database, user)[-2:] == ["user.factor_removed", "user.signed_in"]
