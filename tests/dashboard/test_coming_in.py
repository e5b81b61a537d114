"""Invitations and forgotten passwords: good once, for a while, and telling nobody who is here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr

from app.dashboard import user_letters
from app.database import HOUSE, Database
from app.mail import MailAway, Message
from app.tenants import organizations, people
from app.tenants.roles import Role
from app.tenants.user_models import Invitation, PasswordReset, User
from tests.dashboard.conftest import PASSWORD, sign_in, visitor
from tests.dashboard.persons import actions, authenticator, clocked, send
from tests.tenancy import becomes

Add = Callable[..., User]
Enter = Callable[..., FlaskClient]
NEW = "a completely different one"


class Box:
    """Keeps what was mailed."""

    def __init__(self, *, away: bool = False) -> None:
        self.letters: list[Message] = []
        self.away = away

    def send(self, message: Message) -> None:
        if self.away:
            raise MailAway("gone")
        self.letters.append(message)

    def way(self, number: int = -1) -> str:
        """Path of the way in that a letter brings."""
        found = re.search(r"http\S+", self.letters[number].text)
        assert found
        return urlsplit(found[0]).path


@pytest.fixture
def box(app: Flask) -> Box:
    """Where the gateway's mail goes."""
    box, parts = Box(), app.extensions["ventanilla"]
    app.extensions["ventanilla"] = replace(parts, mailer=box)
    return box


@pytest.fixture(autouse=True)
def _written() -> Iterator[None]:
    """What is done beside an answer is done before the test ends."""
    yield
    user_letters.BESIDE.submit(lambda: None).result()


def invite(client: FlaskClient, email: str = "leo@example.com", **fields: str) -> str:
    """Invite somebody; path of the address that is shown."""
    page = "/admin/people/invite"
    answer = send(client, page, page, **{"email": email, "role": "operator", "locale": "en", **fields})
    assert answer.status_code == 200, answer.text
    shown = re.search(r'value="(http[^"]+/admin/join/[^"]+)"', answer.text)
    assert shown
    return urlsplit(shown[1]).path


def join(app: Flask, way: str, **fields: str) -> FlaskClient:
    client = visitor(app)
    answer = send(client, way, way, **{"name": "Leo", "password": PASSWORD, **fields})
    assert answer.status_code == 303, answer.text
    return client


def test_somebody_is_invited_and_comes_in(app: Flask, enter: Enter, box: Box, database: Database) -> None:
    way = invite(enter(), mail="1")
    assert way == box.way()
    assert box.letters[0].to == "leo@example.com"
    assert "You are invited" in box.letters[0].subject
    client = join(app, way)
    assert client.get("/admin").status_code == 200
    with database.transaction(HOUSE) as session:
        user = people.by_email(session, "leo@example.com")
        (kept,) = session.query(Invitation).all()
        assert user
        assert (user.role, user.name) == (Role.OPERATOR, "Leo")
        assert way.rpartition("/")[2].encode() not in kept.token_hash
    assert actions(database, user) == ["user.joined", "user.signed_in"]
    assert "user.invited" in actions(database)
    again = visitor(app).get(way)
    assert (again.status_code, "Ask for a new one" in again.text) == (410, True)


def test_a_manager_is_invited_to_their_organization(app: Flask, enter: Enter, database: Database) -> None:
    acme = organizations.add(database, slug="acme", name="Acme")
    client = join(app, invite(enter(), role="manager", organization="acme"))
    assert client.get("/admin/people").status_code == 404
    with database.transaction(HOUSE) as session:
        user = people.by_email(session, "leo@example.com")
    assert user
    assert user.manages == acme.id


def test_an_invitation_ends(app: Flask, enter: Enter, database: Database) -> None:
    with clocked(app, invitation_seconds=3600.0) as clock:
        client = enter()
        late, replaced, revoked = invite(client, "a@example.com"), invite(client), None
        replacing = invite(client)
        assert visitor(app).get(replaced).status_code == 410
        assert visitor(app).get(replacing).status_code == 200
        revoked = invite(client, "c@example.com")
        with database.transaction(HOUSE) as session:
            (row,) = session.query(Invitation).filter_by(email="c@example.com").all()
        send(client, "/admin/people", f"/admin/people/invitations/{row.id}/revoke")
        assert visitor(app).get(revoked).status_code == 410
        assert send(visitor(app), replacing, revoked, name="x", password=PASSWORD).status_code == 410
        clock.on(minutes=61)
        assert visitor(app).get(late).status_code == 410
    assert "user.invitation_revoked" in actions(database)


def test_what_is_wrong_is_said_and_uses_nothing_up(app: Flask, enter: Enter) -> None:
    way, client = invite(enter()), visitor(app)
    short = send(client, way, way, name="Leo", password="xq7")
    assert (short.status_code, "12 to 128 characters" in short.text, 'value="Leo"' in short.text) == (422, True, True)
    assert "xq7" not in short.text
    assert send(client, way, way, name="", password=PASSWORD).status_code == 422
    join(app, way)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"email": "nobody"}, 422),
        ({"role": "king"}, 422),
        ({"role": "manager"}, 422),
        ({"role": "manager", "organization": "nowhere"}, 422),
        ({"locale": "fr"}, 422),
    ],
)
def test_who_cannot_be_invited(enter: Enter, fields: dict[str, str], status: int) -> None:
    page = "/admin/people/invite"
    told = {"email": "leo@example.com", "role": "operator", "locale": "en", **fields}
    assert send(enter(), page, page, **told).status_code == status


def test_who_is_here_is_not_invited(enter: Enter, add_user: Add) -> None:
    page = "/admin/people/invite"
    answer = send(enter(), page, page, email=add_user().email.upper(), role="operator", locale="en")
    assert answer.status_code == 409


def test_a_mail_that_does_not_go_is_told(enter: Enter, box: Box) -> None:
    box.away = True
    page = "/admin/people/invite"
    answer = send(enter(), page, page, email="leo@example.com", role="operator", locale="en", mail="1")
    assert "could not be sent" in answer.text


def test_a_forgotten_password_is_replaced(app: Flask, add_user: Add, box: Box, database: Database) -> None:
    user, signed_in, client = add_user(), visitor(app), visitor(app)
    sign_in(signed_in, user.email)
    assert "on its way" in send(client, "/admin/recover", "/admin/recover", email=user.email.upper()).text
    assert becomes(lambda: len(box.letters) == 1)
    way = box.way()
    assert client.get(way).status_code == 200
    assert send(client, way, way, password="short").status_code == 422
    done = send(client, way, way, password=NEW)
    assert done.headers["Location"] == "/admin/login?changed=1"
    assert signed_in.get("/admin").status_code == 303  # every session ended
    assert client.get("/admin").status_code == 303  # and none began: the second factor, if any, is still asked for
    assert sign_in(visitor(app), user.email).status_code == 403
    assert sign_in(visitor(app), user.email, NEW).status_code == 303
    assert visitor(app).get(way).status_code == 410
    assert becomes(lambda: len(box.letters) == 2)
    assert "was changed" in box.letters[1].subject
    assert actions(database, user)[-3:-1] == ["user.password_reset", "user.sign_in_failed"]


def test_nobody_is_told_who_is_known(app: Flask, add_user: Add, box: Box, database: Database) -> None:
    user, gone = add_user(), add_user()
    with database.transaction(HOUSE) as session:
        session.get_one(User, gone.id).disabled_at = gone.created_at
    said = set()
    for email in (user.email, "nobody@example.com", gone.email):
        answer = send(visitor(app), "/admin/recover", "/admin/recover", email=email)
        said.add((answer.status_code, re.sub(r'value="[^"]*"|"X-CSRF-Token": "[^"]*"', "", answer.text)))
    assert len(said) == 1
    assert becomes(lambda: len(box.letters) == 1)
    with database.transaction(HOUSE) as session:
        assert [one.user_id for one in session.query(PasswordReset)] == [user.id]


def test_who_changes_what_somebody_signs_in_with_is_seen(app: Flask, enter: Enter, add_user: Add, box: Box) -> None:
    """Each change is told to whom it is about, whoever made it."""
    with clocked(app) as clock:
        owner, user = enter(), add_user(Role.OPERATOR)
        theirs = visitor(app)
        sign_in(theirs, user.email)
        authenticator(theirs, clock)
        send(theirs, "/admin/account", "/admin/account/recovery-codes")
        send(theirs, "/admin/account", "/admin/account/authenticator/remove")
        page = f"/admin/people/{user.id}"
        send(owner, page, f"{page}/reset-factors")
        assert becomes(lambda: len(box.letters) == 4)
    assert {letter.to for letter in box.letters} == {user.email}
    assert all("second factors" in letter.subject for letter in box.letters)
    assert all("just now" in letter.text for letter in box.letters)


def test_a_mailbox_is_not_filled_and_nobody_notices(app: Flask, add_user: Add, box: Box) -> None:
    email = add_user().email
    said = {send(visitor(app), "/admin/recover", "/admin/recover", email=email).status_code for _ in range(5)}
    assert said == {200}
    assert becomes(lambda: len(box.letters) == 3)
    more = [send(visitor(app), "/admin/recover", "/admin/recover", email=email).status_code for _ in range(6)]
    assert more[-1] == 429


def test_a_way_to_a_new_password_ends(app: Flask, add_user: Add, box: Box, database: Database) -> None:
    with clocked(app) as clock:
        user = add_user()
        for _ in range(2):
            before = len(box.letters)
            send(visitor(app), "/admin/recover", "/admin/recover", email=user.email)
            assert becomes(lambda before=before: len(box.letters) == before + 1)  # type: ignore[misc]
        assert visitor(app).get(box.way(0)).status_code == 410  # the second took its place
        assert visitor(app).get(box.way(1)).status_code == 200
        clock.on(minutes=61)
        assert visitor(app).get(box.way(1)).status_code == 410
        send(visitor(app), "/admin/recover", "/admin/recover", email=user.email)
        assert becomes(lambda: len(box.letters) == 3)
        with database.transaction(HOUSE) as session:
            people.set_password(session, session.get_one(User, user.id), SecretStr(NEW), clock.now)
        assert visitor(app).get(box.way(2)).status_code == 410


def test_its_address_is_ours_whatever_host_is_asked_for(app: Flask, add_user: Add, box: Box) -> None:
    """A password that a stranger asks for is not mailed with the stranger's address in it."""
    client = visitor(app)
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/admin/recover").text)
    kept = client.get_cookie("session")
    assert token
    assert kept
    client.set_cookie("session", kept.value, domain="evil.example")
    client.post(
        "/admin/recover",
        data={"email": add_user().email, "csrf_token": token[1]},
        headers={"Host": "evil.example", "Origin": "http://localhost"},
    )
    assert becomes(lambda: len(box.letters) == 1)
    assert "http://localhost/admin/recover/" in box.letters[0].text


def test_without_mail_none_is_offered(app: Flask) -> None:
    page = visitor(app).get("/admin/recover")
    assert "No mail is sent from here" in page.text
