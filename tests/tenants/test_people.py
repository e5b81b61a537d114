"""The rules about people below every page: passwords, the last owner, what is counted."""

from __future__ import annotations

import secrets
import threading
import unicodedata
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from app.database import HOUSE, Database, utcnow
from app.tenants import passwords, people, tries, ways_in
from app.tenants.errors import BadEmail, BadValue
from app.tenants.roles import Role
from app.tenants.tries import Count
from app.tenants.user_errors import EmailTaken, InvitationClosed, LastOwner, WeakPassword
from app.tenants.user_models import User

GOOD = SecretStr("correct horse battery staple")


def add(database: Database, role: Role = Role.OPERATOR, **told: Any) -> User:
    values: dict[str, Any] = {"email": f"{secrets.token_hex(8)}@example.com", "name": "Ana", "password": GOOD} | told
    with database.transaction(HOUSE) as session:
        return people.add(session, role=role, now=utcnow(), **values)


@pytest.mark.parametrize(
    "plain",
    ["short", "eleven char", "a" * 20, "ababababababab", 129 * "x1y2z", "ana@example.com", "Ana Ruiz Ana Ruiz"],
)
def test_what_is_no_password(plain: str) -> None:
    with pytest.raises(WeakPassword) as caught:
        passwords.check(SecretStr(plain), about=("ana@example.com", "Ana Ruiz"))
    assert plain not in str(caught.value.params)


@pytest.mark.attack("ways in", "a password that thieves try first, however it is spelt", "nobody can choose it")
@pytest.mark.parametrize(
    "plain",
    [
        *("123456789012", "qwertyuiop123", "1qaz2wsx3edc", "Password1234!", "P@ssw0rd1234", "passwordpassword"),
        *("Contraseña2026", "contrasena123456", "iloveyou12345", "TeAmo123456789", "Administrador1", "adm1n1str4t0r99"),
        *("Bienvenido2026!", "Mexico2026Mexico", "Liverpool12345", "Agosto2026!!", "Ventanilla2026", "abcdefghijkl"),
    ],
)
def test_what_everybody_thinks_of_is_no_password(plain: str) -> None:
    with pytest.raises(WeakPassword):
        passwords.check(SecretStr(plain))


@pytest.mark.parametrize("plain", ["83920174650193", "mi perro come 3 tacos", "correo-lapiz-nube-7", "xK9#vQ2!mZ7&"])
def test_anything_else_is_one(plain: str) -> None:
    """Of whatever kinds of characters."""
    passwords.check(SecretStr(plain))


@pytest.mark.parametrize("plain", ["twelve chars", GOOD.get_secret_value(), "Ana Ruiz and a good deal more"])
def test_what_is_one(plain: str) -> None:
    passwords.check(SecretStr(plain), about=("ana@example.com", "Ana Ruiz"))


def test_a_password_fits_however_its_accents_are_typed() -> None:
    plain = "contraseña fácil de teclear"
    kept = passwords.hashed(SecretStr(unicodedata.normalize("NFC", plain)))
    assert kept.startswith("$argon2id$")
    assert passwords.fits(SecretStr(unicodedata.normalize("NFD", plain)), kept)
    assert not passwords.fits(SecretStr(plain + " "), kept)
    assert not passwords.fits(SecretStr(plain), None)


def test_two_of_one_password_look_different() -> None:
    assert passwords.hashed(GOOD) != passwords.hashed(GOOD)


def test_an_address_is_one_however_it_is_typed(database: Database) -> None:
    user = add(database, email=f" Ana.{secrets.token_hex(4)}@Example.COM ")
    assert user.email == user.email.lower().strip()
    with pytest.raises(EmailTaken):
        add(database, email=user.email.upper())
    with database.transaction(HOUSE) as session:
        found = people.by_email(session, user.email.upper())
        assert found
        assert found.id == user.id


@pytest.mark.parametrize("email", ["", "ana", "ana@example", "a b@example.com", "ana@example.com\nBcc: x@example.com"])
def test_what_is_no_address(database: Database, email: str) -> None:
    with pytest.raises(BadEmail):
        add(database, email=email)


def test_a_manager_has_an_organization_and_nobody_else_has(database: Database) -> None:
    for role, manages in ((Role.MANAGER, None), (Role.OWNER, uuid4())):
        with pytest.raises(BadValue):
            add(database, role, manages=manages)


def test_of_two_owners_who_end_each_other_one_stays(database: Database, clean: None) -> None:
    """Each sees the other, and one of the two waits until there is nobody left to see."""
    owners = [add(database, Role.OWNER), add(database, Role.OWNER)]
    both, refused = threading.Barrier(2), list[str]()

    def disable(user: User) -> None:
        with database.transaction(HOUSE) as session:
            mine = people.lock(session, user.id)
            assert mine
            both.wait()
            try:
                people.disable(session, mine, utcnow())
            except LastOwner:
                refused.append(mine.email)

    threads = [threading.Thread(target=disable, args=(user,)) for user in owners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.transaction(HOUSE) as session:
        left = [one for one in people.listing(session) if one.role == Role.OWNER and one.disabled_at is None]
    assert (len(left), len(refused)) == (1, 1)


def test_an_owner_who_is_disabled_does_not_count(database: Database, clean: None) -> None:
    gone, last = add(database, Role.OWNER), add(database, Role.OWNER)
    with database.transaction(HOUSE) as session:
        people.disable(session, session.get_one(User, gone.id), utcnow())
    with pytest.raises(LastOwner), database.transaction(HOUSE) as session:
        people.change_role(session, session.get_one(User, last.id), Role.OPERATOR, None, utcnow())


@pytest.mark.attack("ways in", "a password, guessed by many at once", "each try counts")
def test_many_tries_at_once_are_all_counted(database: Database) -> None:
    count, now = Count(what=secrets.token_hex(8), most=5, span=timedelta(minutes=15)), utcnow()
    allowed = list[bool]()

    def attempt() -> None:
        with database.transaction(HOUSE) as session:
            over = tries.count(session, [count], now)
        allowed.append(over is None)

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(allowed) == [False] * 3 + [True] * 5


def test_a_count_ends_with_its_span(database: Database) -> None:
    count, now = Count(what=secrets.token_hex(8), most=1, span=timedelta(minutes=15)), utcnow()

    def attempt(minutes: int) -> bool:
        with database.transaction(HOUSE) as session:
            return tries.count(session, [count], now + timedelta(minutes=minutes)) is None

    assert [attempt(minutes) for minutes in (0, 5, 14, 15, 16)] == [True, False, False, True, False]


def test_what_is_counted_names_nobody() -> None:
    counts = tries.signing_in("ana@example.com", "192.0.2.1", None)
    assert len({one.key for one in counts}) == len(counts)
    assert all(b"ana" not in one.key and len(one.key) == 32 for one in counts)


def test_an_invitation_is_accepted_by_one_of_two(database: Database) -> None:
    told: dict[str, Any] = {"role": Role.AUDITOR, "manages": None, "locale": "es", "invited_by": "tests"}
    now = utcnow()
    with database.transaction(HOUSE) as session:
        made, token = ways_in.invite(
            session, email=f"{secrets.token_hex(6)}@example.com", now=now, life=timedelta(days=1), **told
        )
        assert made.role == Role.AUDITOR
    done = list[str]()

    def join(name: str) -> None:
        try:
            with database.transaction(HOUSE) as session:
                invited = ways_in.invitation(session, token, now)
                ways_in.accept(session, invited, name=name, password=GOOD, locale="es", timezone="UTC", now=now)
        except InvitationClosed:
            done.append("closed")
        else:
            done.append("in")

    threads = [threading.Thread(target=join, args=(name,)) for name in ("Ana", "Eva")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == ["closed", "in"]


def test_the_database_itself_keeps_addresses_small(database: Database) -> None:
    user = add(database)
    with pytest.raises(IntegrityError), database.transaction(HOUSE) as session:
        session.execute(update(User).where(User.id == user.id).values(email="ANA@example.com"))
