"""Passkeys: what is taken for one, and what is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.database import HOUSE, Database
from app.tenants.roles import Role
from app.tenants.user_models import Passkey, User
from tests.dashboard.conftest import sign_in, visitor
from tests.dashboard.key import OWNER, PRESENT, Key, asked
from tests.dashboard.persons import actions, clocked, recovery_codes, send

Add = Callable[..., User]
LOGIN, NEW = "/admin/login", "/admin/account/passkeys/new"


@pytest.fixture
def user(add_user: Add) -> User:
    return add_user()


@pytest.fixture
def key(app: Flask, user: User) -> Key:
    """A key of theirs, which was set up by the page."""
    client = visitor(app)
    sign_in(client, user.email)
    made = Key()
    done = keep(client, made.make(asked(client, NEW, "/admin/account/passkeys/options")))
    assert done.status_code == 200, done.text
    assert len(recovery_codes(done)) == 10
    return made


def keep(client: FlaskClient, answer: str) -> TestResponse:
    return send(client, NEW, "/admin/account/passkeys", answer=answer, name="Laptop")


def come(client: FlaskClient, answer: str) -> TestResponse:
    return send(client, LOGIN, "/admin/login/passkey", answer=answer)


def question(client: FlaskClient) -> dict[str, object]:
    return asked(client, LOGIN, "/admin/login/passkey/options")


def test_it_lets_in_without_a_password(app: Flask, key: Key, user: User, database: Database) -> None:
    client = visitor(app)
    assert come(client, key.use(question(client))).status_code == 303
    assert client.get("/admin").status_code == 200
    assert actions(database, user)[-1] == "user.signed_in"


@pytest.mark.attack("ways in", "the answer of a passkey, used again", "refused")
def test_it_answers_once(app: Flask, key: Key) -> None:
    client = visitor(app)
    options = question(client)
    answer = key.use(options)
    assert come(client, answer).status_code == 303
    again = visitor(app)
    question(again)
    assert come(again, answer).status_code == 403  # it answered another's question
    assert come(again, key.use(options)).status_code == 403  # and that one is asked no more


def test_nobody_asked(app: Flask, key: Key) -> None:
    client = visitor(app)
    options = question(client)
    assert come(visitor(app), key.use(options)).status_code == 403


def test_late(app: Flask, key: Key) -> None:
    with clocked(app) as clock:
        client = visitor(app)
        answer = key.use(question(client))
        clock.on(minutes=6)
        assert come(client, answer).status_code == 403


@pytest.mark.attack("ways in", "the answer of a passkey that another site asked for", "refused")
def test_from_another_site(app: Flask, key: Key) -> None:
    client = visitor(app)
    assert come(client, key.use(question(client), origin="https://evil.example")).status_code == 403


def test_without_its_owner(app: Flask, key: Key) -> None:
    """A device that did not look who it is has shown one factor, not two."""
    client = visitor(app)
    assert come(client, key.use(question(client), flags=PRESENT)).status_code == 403
    assert come(client, key.use(question(client), flags=PRESENT | OWNER)).status_code == 303


def test_a_copy_is_noticed(app: Flask, key: Key) -> None:
    client = visitor(app)
    key.signatures = 7
    assert come(client, key.use(question(client))).status_code == 303
    key.signatures = 3
    other = visitor(app)
    assert come(other, key.use(question(other))).status_code == 403


def test_that_of_nobody(app: Flask, key: Key) -> None:
    client, stranger = visitor(app), Key()
    stranger.handle = key.handle
    assert come(client, stranger.use(question(client))).status_code == 403


@pytest.mark.parametrize("answer", ["", "{}", "[]", "null", '{"id": 1}', '{"id": "AA", "response": []}', "\ud83d"])
def test_what_is_no_answer(app: Flask, key: Key, answer: str) -> None:
    del key
    client = visitor(app)
    question(client)
    assert come(client, answer.encode("utf-8", "replace").decode()).status_code == 403


def test_of_somebody_who_may_not_come_in_any_more(app: Flask, key: Key, user: User, database: Database) -> None:
    with database.transaction(HOUSE) as session:
        session.get_one(User, user.id).disabled_at = user.created_at
    client = visitor(app)
    assert come(client, key.use(question(client))).status_code == 403


def test_anothers_is_no_second_factor(app: Flask, key: Key, user: User, add_user: Add, database: Database) -> None:
    other = add_user(Role.OPERATOR)
    theirs, half = visitor(app), visitor(app)
    sign_in(theirs, other.email)
    their_key = Key()
    keep(theirs, their_key.make(asked(theirs, NEW, "/admin/account/passkeys/options")))
    assert sign_in(half, user.email).headers["Location"] == "/admin/login/factor"
    assert come(half, their_key.use(question(half))).status_code == 403
    assert half.get("/admin").status_code == 303
    assert come(half, key.use(question(half))).status_code == 303
    del database


def test_one_that_is_taken_away_lets_in_no_more(app: Flask, key: Key, database: Database) -> None:
    client = visitor(app)
    come(client, key.use(question(client)))
    with database.transaction(HOUSE) as session:
        (row,) = session.query(Passkey).all()
    send(client, "/admin/account", f"/admin/account/passkeys/{row.id}/remove")
    other = visitor(app)
    assert come(other, key.use(question(other))).status_code == 403


def test_anothers_is_not_taken_away(app: Flask, key: Key, add_user: Add, database: Database) -> None:
    client, other = visitor(app), visitor(app)
    sign_in(client, add_user().email)
    with database.transaction(HOUSE) as session:
        (row,) = session.query(Passkey).all()
    assert send(client, "/admin/account", f"/admin/account/passkeys/{row.id}/remove").status_code == 404
    assert come(other, key.use(question(other))).status_code == 303


def test_one_is_made_by_who_is_asked_and_when(app: Flask, user: User) -> None:
    client = visitor(app)
    sign_in(client, user.email)
    ask = "/admin/account/passkeys/options"
    assert keep(client, Key().make(asked(client, NEW, ask), flags=PRESENT)).status_code == 403
    assert keep(client, Key().make(asked(client, NEW, ask), origin="https://evil.example")).status_code == 403
    made = Key()
    answer = made.make(asked(client, NEW, ask))
    assert keep(client, answer).status_code == 200
    assert keep(client, answer).status_code == 403
    assert keep(client, made.make(asked(client, NEW, ask))).status_code == 403  # it is somebody's already


def test_where_there_is_no_name_there_are_none(app: Flask) -> None:
    with clocked(app, trusted_hosts=("http://127.0.0.1",)):
        client = visitor(app)
        assert "data-passkey" in client.get(LOGIN).text
        assert "data-passkey" not in client.get(LOGIN, headers={"Host": "127.0.0.1"}).text
        assert "data-passkey" not in client.get(LOGIN, headers={"Host": "evil.example"}).text
