"""Links: who has the token comes in until it expires, is used up or withdrawn; passphrases are tried a few times."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, text

from app.database import Database
from app.tenants import doors, links
from app.tenants.errors import BadValue, LinkClosed, LinkExpired, LinkRevoked, LinkUsedUp, TooManyTries, WrongPassphrase
from app.tenants.models import Link
from app.tenants.vault import Vault
from app.words import WORDS
from tests.tenancy import NOW, Tenant, becomes, tenant

SOON = timedelta(minutes=1)


@pytest.fixture(scope="module")
def mine(database: Database, vault: Vault) -> Tenant:
    return tenant(database, vault, f"mine-{secrets.token_hex(4)}")


@pytest.fixture(scope="module")
def theirs(database: Database, vault: Vault) -> Tenant:
    return tenant(database, vault, f"theirs-{secrets.token_hex(4)}")


def make(db: Database, of: Tenant, **given: Any) -> Link:
    """A link into the tenant's form, for a day and once unless `given` otherwise."""
    with db.transaction(of.id) as session:
        return links.create(session, form=of.form, **{"expires_at": NOW + timedelta(days=1)} | given)[0]


def reload(db: Database, link: Link) -> Link:
    """The link as it stands in the database now."""
    with db.transaction(link.organization_id) as session:
        return session.get_one(Link, link.id)


def use(db: Database, link: Link, now: datetime = NOW) -> None:
    """Count a use in a transaction of its own."""
    with db.transaction(link.organization_id) as session:
        links.reserve(session, link, now)


def test_a_link_is_found_by_its_token_alone(database: Database, owner_engine: Engine, mine: Tenant) -> None:
    assert doors.link(database, mine.link_token) == doors.Found(organization_id=mine.id, id=mine.link.id)
    assert doors.link(database, mine.link_token[:-1]) is None
    assert doors.link(database, "") is None
    with owner_engine.connect() as connection:
        assert mine.link_token not in repr(connection.execute(select(Link)).all())


@pytest.mark.parametrize(
    "wrong", [{"max_uses": 0}, {"max_uses": -1}, {"max_uses": 2**31}, {"locale": "fr"}, {"recipient": "x" * 201}]
)
def test_what_no_link_can_be(database: Database, mine: Tenant, wrong: dict[str, Any]) -> None:
    with pytest.raises(BadValue) as caught:
        make(database, mine, **wrong)
    assert caught.value.field in wrong


def test_tokens_have_more_than_128_random_bits() -> None:
    assert links.TOKEN_BYTES * 8 >= 128


def test_a_link_leads_in_until_it_expires(database: Database, mine: Tenant) -> None:
    link = make(database, mine)
    links.check(link, link.expires_at - SOON)
    with pytest.raises(LinkExpired) as caught:
        links.check(link, link.expires_at)
    assert caught.value.params == {"date": link.expires_at}
    with pytest.raises(LinkExpired):
        use(database, link, link.expires_at)


def test_a_use_counts_when_reserved(database: Database, mine: Tenant) -> None:
    link = make(database, mine, max_uses=2)
    use(database, link)
    links.check(reload(database, link), NOW)
    use(database, link)
    with pytest.raises(LinkUsedUp):
        links.check(reload(database, link), NOW)
    with pytest.raises(LinkUsedUp):
        use(database, link)
    assert reload(database, link).uses == 2


def test_a_reserved_use_can_be_given_back(database: Database, mine: Tenant) -> None:
    link = make(database, mine)
    use(database, link)
    with database.transaction(mine.id) as session:
        links.release(session, link.id)
        links.release(session, link.id)  # there is no second one to give back
    assert reload(database, link).uses == 0
    use(database, link)


def test_a_use_goes_with_its_transaction(database: Database, mine: Tenant) -> None:
    link = make(database, mine)
    with pytest.raises(ZeroDivisionError), database.transaction(mine.id) as session:
        links.reserve(session, link, NOW)
        raise ZeroDivisionError
    use(database, link)


def test_of_many_at_the_same_time_as_many_get_in_as_there_are_uses(database: Database, mine: Tenant) -> None:
    link = make(database, mine, max_uses=3)

    def attempt(_: int) -> bool:
        try:
            use(database, link)
        except LinkUsedUp:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(attempt, range(8), timeout=30)) == 3
    assert reload(database, link).uses == 3


@pytest.mark.attack("ways in", "a link's last use, by two at once", "one is refused")
def test_whoever_comes_while_the_last_use_is_being_counted_waits_and_is_refused(
    database: Database, mine: Tenant
) -> None:
    link = make(database, mine)
    with ThreadPoolExecutor(1) as threads:
        with database.transaction(mine.id) as session:
            links.reserve(session, link, NOW)
            second = threads.submit(use, database, link)
            assert becomes(lambda: waits_for_a_lock(database))
        with pytest.raises(LinkUsedUp):
            second.result(timeout=30)
    assert reload(database, link).uses == 1


def waits_for_a_lock(db: Database) -> bool:
    """Whether one of our own statements waits for another's transaction."""
    with db.doors() as session:
        return bool(session.scalar(text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")))


def test_a_withdrawn_link_is_closed(database: Database, mine: Tenant) -> None:
    link = make(database, mine)
    with database.transaction(mine.id) as session:
        assert links.revoke(session, link.id, NOW)
        assert not links.revoke(session, link.id, NOW)
    with pytest.raises(LinkRevoked):
        links.check(reload(database, link), NOW)
    with pytest.raises(LinkRevoked):
        use(database, link)


def test_another_organizations_link_is_not_touched(database: Database, mine: Tenant, theirs: Tenant) -> None:
    with database.transaction(mine.id) as session:
        assert not links.revoke(session, theirs.link.id, NOW)
        links.release(session, theirs.link.id)
    links.check(reload(database, theirs.link), NOW)


@pytest.mark.parametrize("refusal", [*LinkClosed.__subclasses__(), WrongPassphrase, TooManyTries])
def test_every_refusal_has_words(refusal: type[LinkClosed]) -> None:
    assert refusal.slug in WORDS


def test_a_passphrase_opens(database: Database, owner_engine: Engine, mine: Tenant) -> None:
    link = make(database, mine, passphrase="ábrete sésamo")
    links.unlock(database, link, "ábrete sésamo", NOW)
    with pytest.raises(WrongPassphrase):
        links.unlock(database, link, "Ábrete sésamo", NOW)
    assert reload(database, link).tries == 1
    links.unlock(database, link, "ábrete sésamo", NOW)
    assert reload(database, link).tries == 0
    with owner_engine.connect() as connection:
        assert "sésamo" not in repr(connection.execute(select(Link)).all())


def test_without_a_passphrase_anything_opens(mine: Tenant) -> None:
    assert links.passphrase_ok(mine.link, "")


def test_a_passphrase_is_not_made_to_hash_books(database: Database, mine: Tenant) -> None:
    link = make(database, mine, passphrase="x" * 200)
    assert links.passphrase_ok(link, "x" * 200)
    assert not links.passphrase_ok(link, "x" * 201)


def test_tries_are_limited_and_cool_off(database: Database, mine: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    link = make(database, mine, passphrase="right")
    monkeypatch.setattr(links, "check_password_hash", lambda _, text: text == "right")  # as slow as it is meant to be
    for _ in range(links.MAX_TRIES):
        with pytest.raises(WrongPassphrase):
            links.unlock(database, link, "wrong", NOW)
    with pytest.raises(TooManyTries):
        links.unlock(database, link, "right", NOW)
    with pytest.raises(TooManyTries):
        links.unlock(database, link, "right", NOW + links.COOLING - SOON)
    with pytest.raises(WrongPassphrase):
        links.unlock(database, link, "wrong", NOW + links.COOLING)
    assert reload(database, link).tries == 1
    links.unlock(database, link, "right", NOW + links.COOLING)


@pytest.mark.attack("ways in", "a link's passphrase, guessed by many at once", "each try counts")
def test_many_tries_at_once_gain_nothing(database: Database, mine: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    link = make(database, mine, passphrase="right")
    looked: list[str] = []
    monkeypatch.setattr(links, "check_password_hash", lambda _, text: looked.append(text))

    def attempt(number: int) -> None:
        with pytest.raises((WrongPassphrase, TooManyTries)):
            links.unlock(database, link, str(number), NOW)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(attempt, range(16), timeout=30))
    assert len(looked) == links.MAX_TRIES


def test_looking_is_counted_and_is_not_using(database: Database, mine: Tenant) -> None:
    link = make(database, mine)
    assert (link.opened, link.first_opened_at, link.last_opened_at, link.last_used_at) == (0, None, None, None)
    for later in (NOW, NOW + SOON):
        links.opened(database, link, later)
    seen = reload(database, link)
    assert (seen.opened, seen.first_opened_at, seen.last_opened_at) == (2, NOW, NOW + SOON)
    assert (seen.uses, seen.last_used_at) == (0, None)
    use(database, link, NOW + SOON)
    assert reload(database, link).last_used_at == NOW + SOON


def test_openings_at_once_are_all_counted(database: Database, mine: Tenant) -> None:
    link = make(database, mine)
    with ThreadPoolExecutor(8) as many:
        list(many.map(lambda _: links.opened(database, link, NOW), range(24)))
    assert reload(database, link).opened == 24


def test_nobody_counts_for_another(database: Database, mine: Tenant, theirs: Tenant) -> None:
    link = make(database, mine)
    links.opened(database, Link(id=link.id, organization_id=theirs.id), NOW)
    assert reload(database, link).opened == 0
    with database.transaction(theirs.id) as session:
        assert link.id not in {one.id for one in links.search(session, links.Wanted(), NOW, before=None, limit=50)}
    with database.transaction(mine.id) as session:
        assert link.id in {one.id for one in links.search(session, links.Wanted(), NOW, before=None, limit=50)}
