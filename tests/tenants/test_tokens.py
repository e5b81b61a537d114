"""Gateway tokens: shown once, stored hashed, told from noise by their checksum."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from app.database import HOUSE, Database
from app.tenants import doors, tokens
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
