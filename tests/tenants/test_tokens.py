"""Gateway tokens: shown once, stored hashed, told from noise by their checksum."""

from __future__ import annotations

import secrets
from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select
from sqlalchemy.exc import NoResultFound

from app.database import HOUSE, Database
from app.tenants import doors, tokens
from app.tenants.errors import AlreadyRotated, BadValue, OutOfScope, TokenRevoked, Unauthorized, WrongAddress
from app.tenants.models import ApiToken
from app.tenants.vault import Vault
from tests.tenancy import NOW, Tenant, tenant


@pytest.fixture(scope="module")
def mine(database: Database, vault: Vault) -> Tenant:
    return tenant(database, vault, f"mine-{secrets.token_hex(4)}")


@pytest.mark.parametrize("world", ["live", "demo"])
def test_the_shape_of_a_token(world: str) -> None:
    token = tokens.generate(world)  # type: ignore[arg-type]
    assert token.startswith(f"vnt_{world}_")
    assert len(token) == 47
    assert tokens.is_token(token)
    assert tokens.generate() != tokens.generate()


def test_a_known_checksum() -> None:
    """Scanners outside rely on it: it does not change."""
    assert tokens.is_token("vnt_live_" + 32 * "0" + "31IyMH")


@given(position=st.integers(0, 46), other=st.characters(codec="utf-8"))
def test_one_wrong_character_is_noticed(position: int, other: str) -> None:
    token = "vnt_demo_" + 32 * "a" + tokens._checksum("vnt_demo_" + 32 * "a")
    changed = token[:position] + other + token[position + 1 :]
    assert tokens.is_token(changed) == (changed == token)


@given(st.text())
def test_text_is_no_token(text: str) -> None:
    assert not tokens.is_token(text)


def test_a_token_is_found_and_only_its_hash_is_kept(database: Database, owner_engine: Engine, mine: Tenant) -> None:
    with database.transaction(mine.id) as session:
        row, token = tokens.create(session, organization_id=mine.id, name="ci", scopes=["uploads:write"])
    assert doors.token(database, token) == doors.FoundToken(organization_id=mine.id, id=row.id)
    assert row.last_four == token[-4:]
    assert row.scopes == ["uploads:write"]
    with owner_engine.connect() as connection:
        assert token[4:20] not in repr(connection.execute(select(ApiToken)).all())


def test_a_token_of_the_house_is_found(database: Database) -> None:
    with database.transaction(HOUSE) as session:
        row, token = tokens.create(session, organization_id=None, name="house", scopes=[])
    assert doors.token(database, token) == doors.FoundToken(organization_id=None, id=row.id)


def test_what_is_unknown_or_no_token_is_not_found(database: Database) -> None:
    assert doors.token(database, tokens.generate()) is None
    assert doors.token(database, "vnt_live_nonsense") is None


def test_the_demos_token_stays_the_same(database: Database, mine: Tenant) -> None:
    token = tokens.generate("demo")
    with database.transaction(mine.id) as session:
        assert tokens.create(session, organization_id=mine.id, name="demo", scopes=[], token=token)[1] == token
        with pytest.raises(ValueError, match="Not a token"):
            tokens.create(session, organization_id=mine.id, name="demo", scopes=[], token="vnt_demo_short")


def test_withdrawing(database: Database, vault: Vault, mine: Tenant) -> None:
    theirs = tenant(database, vault, f"theirs-{secrets.token_hex(4)}")
    with database.transaction(theirs.id) as session:
        (other,) = tokens.listing(session)
    with database.transaction(mine.id) as session:
        row, _ = tokens.create(session, organization_id=mine.id, name="x", scopes=[])
        assert row.id in {token.id for token in tokens.listing(session)}
        assert tokens.revoke(session, row.id, NOW)
        assert not tokens.revoke(session, row.id, NOW)
        assert not tokens.revoke(session, other.id, NOW)
        session.refresh(row)
        assert row.revoked_at == NOW


def test_what_a_token_may_do_is_one_of_these() -> None:
    assert len(set(tokens.SCOPES)) == len(tokens.Scope) == 16
    assert (tokens.WRITE, tokens.READ) == ("uploads:write", "uploads:read")


@pytest.mark.parametrize(
    ("networks", "address", "good"),
    [
        ([], "203.0.113.9", True),
        ([], None, True),
        (["192.0.2.0/24"], "192.0.2.200", True),
        (["192.0.2.0/24"], "192.0.3.0", False),
        (["192.0.2.0/24"], "2001:db8::1", False),
        (["192.0.2.0/24"], None, False),
        (["192.0.2.7"], "192.0.2.7", True),
        (["192.0.2.7"], "192.0.2.8", False),
        (["2001:db8::/32", "192.0.2.0/24"], "2001:db8:1::9", True),
        (["2001:db8::5"], "2001:db8::5", True),
        (["2001:db8::5"], "2001:db8::6", False),
    ],
)
def test_from_where_it_lets_in(
    database: Database, mine: Tenant, networks: list[str], address: str | None, *, good: bool
) -> None:
    with database.transaction(mine.id) as session:
        row, token = tokens.create(session, organization_id=mine.id, name="x", scopes=[tokens.READ], networks=networks)
    asked: dict[str, Any] = {"address": ip_address(address) if address else None, "now": NOW}
    if good:
        assert doors.let_in(database, token, tokens.READ, **asked).id == row.id
    else:
        with pytest.raises(WrongAddress):
            doors.let_in(database, token, tokens.READ, **asked)


@pytest.mark.parametrize("network", ["192.0.2.1/24", "192.0.2.0/33", "example.com", "", "192.0.2.0/24 ", "::1%lo"])
def test_what_is_no_network(database: Database, mine: Tenant, network: str) -> None:
    with database.transaction(mine.id) as session, pytest.raises(BadValue):
        tokens.create(session, organization_id=mine.id, name="x", scopes=[], networks=[network])


def test_what_is_asked_first(database: Database, mine: Tenant) -> None:
    """One that has ended says nothing of where it was good, and one from elsewhere nothing of what for."""
    with database.transaction(mine.id) as session:
        row, token = tokens.create(
            session,
            organization_id=mine.id,
            name="x",
            scopes=[tokens.READ],
            networks=["192.0.2.0/24"],
            expires_at=NOW,
        )
    elsewhere, here = ip_address("203.0.113.9"), ip_address("192.0.2.9")
    before = NOW - timedelta(seconds=1)
    with pytest.raises(Unauthorized):
        doors.let_in(database, token, tokens.WRITE, address=elsewhere, now=NOW)
    with pytest.raises(WrongAddress):
        doors.let_in(database, token, tokens.WRITE, address=elsewhere, now=before)
    with pytest.raises(OutOfScope):
        doors.let_in(database, token, tokens.WRITE, address=here, now=before)
    assert doors.let_in(database, token, tokens.READ, address=here, now=before).id == row.id


def test_its_last_use_is_noted_once_a_minute(database: Database, mine: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    with database.transaction(mine.id) as session:
        row, token = tokens.create(session, organization_id=mine.id, name="x", scopes=[tokens.READ])
    written = []
    alone = database.alone()
    execute = alone.execute

    def counted(statement: Any, values: Any) -> Any:
        if statement is doors.USE:
            written.append(values["now"])
        return execute(statement, values)

    monkeypatch.setattr(alone, "execute", counted)
    moments = [NOW + timedelta(seconds=seconds) for seconds in (0, 1, 59, 60, 61, 119, 120)]
    for moment in moments:
        doors.let_in(database, token, tokens.READ, address=None, now=moment)
    assert written == [moments[0], moments[3], moments[6]]
    with database.transaction(mine.id) as session:
        session.refresh(row := session.get_one(ApiToken, row.id))
        assert row.last_used_at == moments[6]


def test_who_is_not_let_in_has_not_used_it(database: Database, mine: Tenant) -> None:
    with database.transaction(mine.id) as session:
        row, token = tokens.create(session, organization_id=mine.id, name="x", scopes=[], networks=["192.0.2.0/24"])
    with pytest.raises(WrongAddress):
        doors.let_in(database, token, tokens.READ, address=None, now=NOW)
    with database.transaction(mine.id) as session:
        assert session.get_one(ApiToken, row.id).last_used_at is None


def test_rotating(database: Database, mine: Tenant) -> None:
    with database.transaction(mine.id) as session:
        former, old = tokens.create(
            session,
            organization_id=mine.id,
            name="ci",
            scopes=[tokens.READ],
            networks=["192.0.2.0/24", "2001:db8::/32"],
        )
        made, new = tokens.rotate(session, former.id, overlap=timedelta(hours=1), now=NOW)
    assert (made.name, made.scopes, made.expires_at) == ("ci", [tokens.READ], None)
    here, hour = ip_address("192.0.2.9"), timedelta(hours=1)
    for token, moment, good in ((old, hour, False), (new, hour, True), (old, hour - timedelta(seconds=1), True)):
        if good:
            assert doors.let_in(database, token, tokens.READ, address=here, now=NOW + moment).owner == mine.id
        else:
            with pytest.raises(Unauthorized):
                doors.let_in(database, token, tokens.READ, address=here, now=NOW + moment)
    admitted = doors.admit(database, new)
    assert admitted
    assert set(admitted.networks) == {ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")}


def test_rotating_one_that_ends_by_itself(database: Database, mine: Tenant) -> None:
    """The new one is good for as long as the former one was made for, and that one for no longer than it was."""
    with database.transaction(mine.id) as session:
        former, _ = tokens.create(
            session, organization_id=mine.id, name="x", scopes=[], expires_at=NOW + timedelta(minutes=10)
        )
        former.created_at = NOW - timedelta(days=30)
        made, _ = tokens.rotate(session, former.id, overlap=timedelta(hours=1), now=NOW)
        assert former.expires_at == NOW + timedelta(minutes=10)
        assert made.expires_at == NOW + timedelta(days=30, minutes=10)


@pytest.mark.parametrize("ends", [True, False])
def test_rotating_until_a_certain_time(database: Database, mine: Tenant, *, ends: bool) -> None:
    until = NOW + timedelta(hours=2)
    end = NOW + timedelta(minutes=10) if ends else None
    with database.transaction(mine.id) as session:
        former, _ = tokens.create(session, organization_id=mine.id, name="x", scopes=[], expires_at=end)
        former.created_at = NOW - timedelta(days=30)
        made, text = tokens.rotate(
            session, former.id, overlap=timedelta(hours=1), now=NOW, until=until, token=tokens.generate("demo")
        )
        assert (made.expires_at, text.startswith("vnt_demo_")) == (until, True)


def test_what_cannot_be_rotated(database: Database, vault: Vault, mine: Tenant) -> None:
    theirs = tenant(database, vault, f"theirs-{secrets.token_hex(4)}")
    hour: dict[str, Any] = {"overlap": timedelta(hours=1), "now": NOW}
    with database.transaction(theirs.id) as session:
        (other,) = tokens.listing(session)
    with database.transaction(mine.id) as session:
        make = {"organization_id": mine.id, "name": "x", "scopes": []}
        rotated, revoked, ended = (tokens.create(session, **make)[0] for _ in range(3))  # type: ignore[arg-type]
        tokens.rotate(session, rotated.id, **hour)
        tokens.revoke(session, revoked.id, NOW)
        ended.expires_at = NOW
        session.flush()
        for one in (rotated, revoked, ended):
            with pytest.raises(AlreadyRotated):
                tokens.rotate(session, one.id, **hour)
        with pytest.raises(NoResultFound):
            tokens.rotate(session, other.id, **hour)


@pytest.mark.parametrize("owner", ["mine", "house"])
def test_whoever_works_for_an_organization_sees_that_a_token_was_revoked(
    database: Database, mine: Tenant, owner: str
) -> None:
    whose = mine.id if owner == "mine" else HOUSE
    with database.transaction(whose) as session:
        row, _ = tokens.create(session, organization_id=whose, name="x", scopes=[])
    with database.transaction(mine.id) as session:
        tokens.check_not_withdrawn(session, row.id)
    with database.transaction(whose) as session:
        assert tokens.revoke(session, row.id, NOW)
    with database.transaction(mine.id) as session, pytest.raises(TokenRevoked):
        tokens.check_not_withdrawn(session, row.id)


def test_nothing_but_being_withdrawn_ends_what_is_under_way(database: Database, mine: Tenant) -> None:
    """One that has ended, or was rotated, was good when it let in."""
    with database.transaction(mine.id) as session:
        row, _ = tokens.create(
            session, organization_id=mine.id, name="x", scopes=[], expires_at=NOW - timedelta(days=1)
        )
        tokens.check_not_withdrawn(session, row.id)
