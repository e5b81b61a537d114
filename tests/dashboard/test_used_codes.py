"""A code that is brought a second time: its owner is told by mail, once in an hour, and the log says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask import Flask

from app.dashboard import user_letters
from app.database import HOUSE, Database
from app.mail import Message
from app.records import audit
from app.tenants.user_models import User
from tests.dashboard.conftest import sign_in, visitor
from tests.dashboard.persons import authenticator, clocked, code_of, send
from tests.dashboard.test_second_factor import FACTOR, half

Add = Callable[..., User]


class Box:
    """Keeps what was mailed of codes; of what else changes, other tests know."""

    def __init__(self) -> None:
        self.letters: list[Message] = []

    def send(self, message: Message) -> None:
        if "second factors" not in message.subject and "segundos factores" not in message.subject:
            self.letters.append(message)

    def written(self) -> list[Message]:
        """All that was to be mailed by now."""
        user_letters.BESIDE.submit(lambda: None).result()
        return self.letters


@pytest.fixture
def box(app: Flask) -> Iterator[Box]:
    box, parts = Box(), app.extensions["ventanilla"]
    app.extensions["ventanilla"] = replace(parts, mailer=box)
    yield box
    box.written()


def failures(database: Database, user: User) -> list[bool]:
    """Of each code that was refused, whether it had been used."""
    with database.transaction(HOUSE) as session:
        entries = [one for one in audit.listing(session) if one.subject_id == user.id]
    return [one.details.get("used_before", False) for one in entries if one.action == "user.factor_failed"]


@pytest.mark.attack("ways in", "a code of a second factor that was used, from whoever saw it", "its owner is mailed")
def test_its_owner_is_told(app: Flask, add_user: Add, box: Box, database: Database) -> None:
    user = add_user()
    with clocked(app) as clock:
        first = visitor(app)
        sign_in(first, user.email)
        uri, _ = authenticator(first, clock)
        code = code_of(uri, clock.now)
        assert send(half(app, user), FACTOR, FACTOR, code=code).status_code == 303
        assert box.written() == [], "using a code once is nothing to be told of"
        again = half(app, user)
        refused = send(again, FACTOR, FACTOR, code=code)
        assert (refused.status_code, "not good" in refused.text) == (403, True), "as any other that is no good"
        (letter,) = box.written()
        assert letter.to == user.email
        assert "used twice" in letter.subject
        assert "change your password at once" in letter.text
        assert code not in letter.text
        assert send(again, FACTOR, FACTOR, code=code).status_code == 403
        assert len(box.written()) == 1, "no more than one in an hour"
        clock.on(minutes=61)
        late = half(app, user)
        code = code_of(uri, clock.now)
        assert send(late, FACTOR, FACTOR, code=code).status_code == 303
        clock.on(seconds=30)
        newer = code_of(uri, clock.now)
        assert send(half(app, user), FACTOR, FACTOR, code=newer).status_code == 303
        assert send(half(app, user), FACTOR, FACTOR, code=code).status_code == 403
        assert len(box.written()) == 2, "nor is one before the last forgotten, as long as it is of now"
    assert failures(database, user) == [True, True, True]


def test_of_a_code_that_is_only_wrong_nobody_is_told(app: Flask, add_user: Add, box: Box, database: Database) -> None:
    user = add_user()
    with clocked(app) as clock:
        first = visitor(app)
        sign_in(first, user.email)
        uri, _ = authenticator(first, clock)
        code, client = code_of(uri, clock.now), half(app, user)
        assert send(client, FACTOR, FACTOR, code="000000" if code != "000000" else "111111").status_code == 403
        assert send(client, FACTOR, FACTOR, code=code).status_code == 303
        clock.on(minutes=10)
        assert send(half(app, user), FACTOR, FACTOR, code=code).status_code == 403, "it was used, and ended long ago"
    assert box.written() == []
    assert failures(database, user) == [False, False]


def test_in_their_language(app: Flask, add_user: Add, box: Box) -> None:
    user = add_user(locale="es")
    with clocked(app) as clock:
        first = visitor(app)
        sign_in(first, user.email)
        uri, _ = authenticator(first, clock)
        code = code_of(uri, clock.now)
        for status in (303, 403):
            assert send(half(app, user), FACTOR, FACTOR, code=code).status_code == status
    (letter,) = box.written()
    assert "se usó dos veces" in letter.subject
