from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from flask import Flask
from pydantic import SecretStr

from app.database import HOUSE, Database
from app.mail import MailAway, Message
from app.records import audit
from app.tenants import passwords, people
from app.tenants.roles import Role
from app.tenants.user_models import User
from tests.cli.conftest import Run

PASSWORD = "correct horse battery staple"


def add(run: Run, email: str = "ana@example.com", *options: str) -> None:
    done = run("user", "add", email, "Ana", *options, stdin=f"{PASSWORD}\n")
    assert done.exit_code == 0, done.output


def found(database: Database, email: str = "ana@example.com") -> User:
    with database.transaction(HOUSE) as session:
        user = people.by_email(session, email)
    assert user
    return user


def test_the_first_owner_is_added(run: Run, database: Database) -> None:
    add(run, "Ana@Example.com")
    user = found(database)
    assert (user.role, user.email) == (Role.OWNER, "ana@example.com")
    assert passwords.fits(SecretStr(PASSWORD), user.password_hash)
    listed = run("user", "list").output
    assert "ana@example.com" in listed
    assert PASSWORD not in listed
    again = run("user", "add", "ANA@example.com", "Ana", stdin=f"{PASSWORD}\n")
    assert (again.exit_code, again.output) == (
        1,
        "Error: Somebody with the address ana@example.com is here already.\n",
    )


def test_a_password_is_not_too_short(run: Run) -> None:
    done = run("user", "add", "ana@example.com", "Ana", stdin="short\n")
    assert done.exit_code == 1
    assert "12 to 128 characters" in done.output


def test_a_manager_has_an_organization_and_nobody_else_has(run: Run, acme: str, database: Database) -> None:
    add(run, "eva@example.com", "--role", "manager", "--organization", acme)
    assert found(database, "eva@example.com").manages
    without = run("user", "add", "leo@example.com", "Leo", "--role", "manager", stdin=f"{PASSWORD}\n")
    operator = run(
        "user", "add", "leo@example.com", "Leo", "--role", "operator", "--organization", acme, stdin=PASSWORD
    )
    assert (without.exit_code, operator.exit_code) == (1, 1)


def test_the_last_owner_stays(run: Run, database: Database) -> None:
    add(run)
    for command in (("disable", "ana@example.com"), ("role", "ana@example.com", "auditor")):
        done = run("user", *command)
        assert (done.exit_code, "no owner left" in done.output) == (1, True)
    add(run, "eva@example.com")
    assert run("user", "disable", "ana@example.com").output == "Disabled.\n"
    assert run("user", "disable", "eva@example.com").exit_code == 1
    assert run("user", "enable", "ana@example.com").exit_code == 0
    assert run("user", "role", "eva@example.com", "auditor").exit_code == 0
    assert found(database, "eva@example.com").role == Role.AUDITOR


def test_somebody_begins_anew(run: Run, database: Database) -> None:
    add(run)
    assert run("user", "reset", "ana@example.com").exit_code == 2
    done = run("user", "reset", "ana@example.com", "--password", "--factors", stdin="another good password\n")
    assert done.output == "Done.\n"
    assert passwords.fits(SecretStr("another good password"), found(database).password_hash)
    assert run("user", "reset", "nobody@example.com", "--sessions").exit_code == 1
    with database.transaction(HOUSE) as session:
        written = {entry.action for entry in audit.listing(session)}
    assert {"user.added", "user.password_reset", "user.factors_reset", "user.sessions_ended"} <= written


@dataclass
class Box:
    """Keeps what was mailed, or is away."""

    away: bool = False
    letters: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> None:
        if self.away:
            raise MailAway("gone")
        self.letters.append(message)


@pytest.fixture
def box(app: Flask) -> Iterator[Box]:
    box, parts = Box(), app.extensions["ventanilla"]
    app.extensions["ventanilla"] = replace(parts, mailer=box)
    yield box
    app.extensions["ventanilla"] = parts


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--factors"], ["tus segundos factores"]),
        (["--password"], ["tu contraseña"]),
        (["--password", "--factors"], ["tu contraseña", "tus segundos factores"]),
        (["--sessions"], []),
    ],
)
def test_they_are_told_what_was_done_to_them(run: Run, box: Box, options: list[str], told: list[str]) -> None:
    add(run)
    assert run("user", "reset", "ana@example.com", *options, stdin="another good password\n").output == "Done.\n"
    assert {letter.to for letter in box.letters} <= {"ana@example.com"}
    assert len(box.letters) == len(told)
    assert all(words in letter.subject for letter, words in zip(box.letters, told, strict=True))
    assert all("another good password" not in letter.text for letter in box.letters)


def test_who_cannot_be_told_is_named_and_it_is_done_all_the_same(run: Run, box: Box, database: Database) -> None:
    add(run)
    box.away = True
    done = run("user", "reset", "ana@example.com", "--factors")
    assert (done.exit_code, done.stdout) == (0, "Done.\n")
    assert "could not be told by mail" in done.stderr
    with database.transaction(HOUSE) as session:
        assert "user.factors_reset" in {entry.action for entry in audit.listing(session)}


def test_an_invitation_is_shown_once(run: Run, database: Database) -> None:
    done = run("user", "invite", "leo@example.com", "--role", "auditor")
    assert done.stdout.startswith("http://localhost/admin/join/")
    token = done.stdout.strip().rpartition("/")[2]
    with database.transaction(HOUSE) as session:
        (entry,) = [one for one in audit.listing(session) if one.action == "user.invited"]
    assert entry.details == {"email": "leo@example.com", "role": "auditor"}
    assert token not in run("user", "list").output
