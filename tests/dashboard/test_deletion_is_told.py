"""An organization that somebody deletes: every owner hears of it while there are days in which one can restore it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask

from app.dashboard import user_letters
from app.database import HOUSE, Database, utcnow
from app.mail import Message
from app.tenants import organizations, people, tokens
from app.tenants.models import Organization
from app.tenants.roles import Role
from app.tenants.user_models import User
from tests.dashboard.conftest import sign_in, visitor
from tests.dashboard.persons import send

Add = Callable[..., User]


class Box:
    """Keeps what was mailed; owners of other tests get letters, too."""

    def __init__(self) -> None:
        self._letters: list[Message] = []

    def send(self, message: Message) -> None:
        self._letters.append(message)

    def to(self, user: User) -> list[Message]:
        """What somebody was to be mailed by now."""
        user_letters.BESIDE.submit(lambda: None).result()
        return [one for one in self._letters if one.to == user.email]


@pytest.fixture
def box(app: Flask) -> Iterator[Box]:
    box, parts = Box(), app.extensions["ventanilla"]
    app.extensions["ventanilla"] = replace(parts, mailer=box)
    yield box
    app.extensions["ventanilla"] = parts


@pytest.fixture
def acme(database: Database) -> Organization:
    return organizations.add(database, slug=f"acme-{secrets.token_hex(4)}", name="Acme & Sons")


def deletes_at(database: Database, organization: Organization) -> object:
    with database.transaction(organization.id) as session:
        return organizations.get(session, organization.id).deletes_at


def test_every_owner_is_told_in_time_and_any_of_them_restores_it(
    app: Flask, add_user: Add, box: Box, acme: Organization, database: Database
) -> None:
    one, other, gone = (add_user(Role.OWNER) for _ in range(3))
    reader = add_user(Role.OWNER, locale="es")
    operator = add_user(Role.OPERATOR)
    with database.transaction(HOUSE) as session:
        people.disable(session, session.get_one(User, gone.id), utcnow())
    first, page = visitor(app), f"/admin/organizations/{acme.slug}"
    sign_in(first, one.email)
    done = send(first, f"{page}/settings", f"{page}/delete", typed=acme.slug)
    assert done.status_code == 303, done.text
    ends = deletes_at(database, acme)
    assert ends >= utcnow() + timedelta(days=29)  # type: ignore[operator]
    for owner in (one, other):  # whoever did it, too: it may have been their session, and not they
        (letter,) = box.to(owner)
        assert letter.subject.startswith("Acme & Sons is to be deleted")
        assert one.email in letter.text
        assert f"http://localhost{page}\n" in letter.text
        assert "Acme &amp; Sons" in letter.html
    assert "se va a eliminar" in box.to(reader)[0].subject
    assert (box.to(gone), box.to(operator)) == ([], [])
    second = visitor(app)
    sign_in(second, other.email)
    assert send(second, page, f"{page}/restore").status_code == 303
    assert deletes_at(database, acme) is None


def test_a_token_is_said_to_be_one_and_what_is_deleted_already_is_told_of_once(
    app: Flask, add_user: Add, box: Box, acme: Organization, database: Database
) -> None:
    owner = add_user(Role.OWNER)
    with database.transaction(HOUSE) as session:
        token = tokens.create(session, organization_id=None, name="house", scopes=["organizations:manage"])[1]
    for _ in range(2):
        done = app.test_client().delete(
            f"/api/v1/organizations/{acme.slug}", headers={"Authorization": f"Bearer {token}"}
        )
        assert done.status_code == 202
    (letter,) = box.to(owner)
    assert letter.text.startswith("A token of the house deleted Acme & Sons just now.")
