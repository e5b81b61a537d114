"""The vault: what is sealed opens in its place, with its keyset, and nowhere else."""

from __future__ import annotations

import errno
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, select, update

from app.config import ConfigurationError
from app.database import HOUSE, Database
from app.tenants import connections, organizations
from app.tenants.keyset import create_keyset
from app.tenants.models import Connection, Credential, DataKey, Environment
from app.tenants.vault import Vault, VaultError, _key_place, _place
from tests.tenancy import KEY, Tenant, borrow, house, tenant


@pytest.fixture(scope="module")
def mine(database: Database, vault: Vault) -> Tenant:
    return tenant(database, vault, f"mine-{secrets.token_hex(4)}")


@pytest.fixture(scope="module")
def theirs(database: Database, vault: Vault) -> Tenant:
    return tenant(database, vault, f"theirs-{secrets.token_hex(4)}")


def the_credential(db: Database, of: Tenant) -> Credential:
    """The one credential of a tenant's connection."""
    with db.transaction(of.id) as session:
        of_the_connection = Credential.connection_id == of.connection.id, Credential.field == "key"
        return session.scalars(select(Credential).where(*of_the_connection)).one()


def opened(db: Database, vault: Vault, credential: Credential) -> str:
    """What a credential says, opened where its row says that it belongs."""
    with db.transaction(credential.organization_id) as session:
        return vault.open(session, credential).get_secret_value()


def moved(credential: Credential, **changes: object) -> Credential:
    """A copy of the row with some of it changed."""
    kept = {name: getattr(credential, name) for name in ("organization_id", "connection_id", "field", "ciphertext")}
    return Credential(**kept | changes)


def test_what_is_sealed_opens(database: Database, vault: Vault, mine: Tenant) -> None:
    assert opened(database, vault, the_credential(database, mine)) == KEY


def test_nothing_of_it_rests_in_the_clear(owner_engine: Engine, database: Database, vault: Vault, mine: Tenant) -> None:
    secret = "canary-" + secrets.token_hex(16)
    with database.transaction(mine.id) as session:
        row = vault.seal(
            session, organization_id=mine.id, connection_id=mine.connection.id, field="other", secret=SecretStr(secret)
        )
    with owner_engine.connect() as connection:
        stored = connection.execute(select(Credential).where(Credential.id == row.id)).one()
    assert secret[:8] not in repr(stored)
    assert secret.encode()[:8] not in stored.ciphertext
    assert stored.last_four == secret[-4:]


@pytest.mark.attack("tenants", "a credential's row, moved to another organization in the database", "it does not open")
def test_a_row_moved_to_another_organization_does_not_open(
    owner_engine: Engine, database: Database, vault: Vault, mine: Tenant, theirs: Tenant
) -> None:
    stolen = the_credential(database, mine).ciphertext
    row = the_credential(database, theirs)
    with owner_engine.begin() as connection:
        connection.execute(update(Credential).where(Credential.id == row.id).values(ciphertext=stolen))
    try:
        with pytest.raises(VaultError, match=str(theirs.connection.id)) as caught:
            opened(database, vault, the_credential(database, theirs))
        assert KEY not in str(caught.value)
    finally:
        with owner_engine.begin() as connection:
            connection.execute(update(Credential).where(Credential.id == row.id).values(ciphertext=row.ciphertext))
    assert opened(database, vault, the_credential(database, theirs)) == KEY


@pytest.mark.parametrize("part", ["organization_id", "connection_id", "field"])
def test_each_part_of_its_place_is_bound(
    database: Database, vault: Vault, mine: Tenant, theirs: Tenant, part: str
) -> None:
    elsewhere = {"organization_id": theirs.id, "connection_id": uuid4(), "field": "other"}
    with pytest.raises(VaultError):
        opened(database, vault, moved(the_credential(database, mine), **{part: elsewhere[part]}))


def test_it_does_not_open_even_with_its_data_key_moved_along(
    owner_engine: Engine, database: Database, vault: Vault, mine: Tenant
) -> None:
    """A thief with the whole table, who moves row and data key to an organization of theirs."""
    thief = tenant(database, vault, f"thief-{secrets.token_hex(4)}")
    with owner_engine.begin() as connection:
        key = connection.execute(select(DataKey).where(DataKey.organization_id == mine.id)).one()
        connection.execute(
            update(DataKey)
            .where(DataKey.organization_id == thief.id)
            .values(wrapped=key.wrapped, wrapped_prints=key.wrapped_prints)
        )
    stolen = moved(the_credential(database, mine), organization_id=thief.id)
    with pytest.raises(VaultError, match="VAULT_KEYSET does not open the data key"):
        opened(database, vault, stolen)


def test_the_organization_is_bound_even_under_a_shared_data_key(
    owner_engine: Engine, database: Database, vault: Vault, mine: Tenant
) -> None:
    """Should two organizations ever come to have one key, by a fault of ours, their rows still keep apart."""
    twin = tenant(database, vault, f"twin-{secrets.token_hex(4)}")
    with database.transaction(mine.id) as session:
        key = session.scalars(select(DataKey).where(DataKey.organization_id == mine.id)).one()
        shared = vault._put_under(vault._unwrap(session, key, "cipher"), twin.id, "cipher")
    with owner_engine.begin() as connection:
        connection.execute(update(DataKey).where(DataKey.organization_id == twin.id).values(wrapped=shared))
    with database.transaction(twin.id) as session:
        vault.check(session, twin.id)
    with pytest.raises(VaultError, match="does not open"):
        opened(database, vault, moved(the_credential(database, mine), organization_id=twin.id))


def test_the_two_keys_of_an_organization_are_not_exchanged(
    owner_engine: Engine, database: Database, vault: Vault
) -> None:
    odd = tenant(database, vault, f"odd-{secrets.token_hex(4)}")
    with owner_engine.begin() as connection:
        connection.execute(
            update(DataKey).where(DataKey.organization_id == odd.id).values(wrapped=DataKey.wrapped_prints)
        )
    with pytest.raises(VaultError, match="VAULT_KEYSET does not open"):
        opened(database, vault, the_credential(database, odd))


def test_another_keyset_is_named_as_the_cause(database: Database, mine: Tenant, tmp_path: Path) -> None:
    create_keyset(tmp_path / "other.json")
    other = Vault.load(tmp_path / "other.json")
    with pytest.raises(VaultError, match=r"VAULT_KEYSET does not open .* organization .*: it is not the keyset"):
        opened(database, other, the_credential(database, mine))
    with pytest.raises(VaultError, match="VAULT_KEYSET"), database.transaction(mine.id) as session:
        other.check(session, mine.id)


def test_the_house_is_named_too(database: Database, vault: Vault, tmp_path: Path) -> None:
    house(database, vault, f"house-{secrets.token_hex(4)}")
    create_keyset(tmp_path / "other.json")
    with pytest.raises(VaultError, match="the data key of the house:"), database.transaction(HOUSE) as session:
        Vault.load(tmp_path / "other.json").check(session, HOUSE)


def test_what_ciphertexts_are_bound_to_does_not_change() -> None:
    """It rests in databases: written differently, none of what was sealed before would open."""
    one, other = UUID(int=1), UUID(int=2)
    assert _place(one, other, "key") == f"ventanilla/credential/1|{one}|{other}|key".encode()
    assert _place(HOUSE, other, "key") == f"ventanilla/credential/1|house|{other}|key".encode()
    assert _key_place(one, "cipher") == f"ventanilla/data-key/1|{one}|cipher".encode()
    assert _key_place(HOUSE, "prints") == b"ventanilla/data-key/1|house|prints"


def test_check_says_nothing_where_all_is_well(database: Database, vault: Vault, mine: Tenant) -> None:
    with database.transaction(mine.id) as session:
        vault.check(session, mine.id)
    unborn = uuid4()
    with database.transaction(unborn) as session:
        vault.check(session, unborn)  # no data key yet


def test_without_a_data_key(database: Database, vault: Vault) -> None:
    nobody = uuid4()
    orphan = Credential(organization_id=nobody, connection_id=uuid4(), field="key", ciphertext=b"x")
    with pytest.raises(VaultError, match=f"There is no data key of organization {nobody}"):
        opened(database, vault, orphan)


def test_a_fingerprint_tells_secrets_apart_within_an_organization_only(
    database: Database, vault: Vault, mine: Tenant, theirs: Tenant
) -> None:
    def sealed(of: Tenant, field: str, secret: str) -> Credential:
        with database.transaction(of.id) as session:
            return vault.seal(
                session, organization_id=of.id, connection_id=of.connection.id, field=field, secret=SecretStr(secret)
            )

    one = sealed(mine, "a", "correct horse battery").fingerprint
    assert len(one) == 16
    assert sealed(mine, "b", "correct horse battery").fingerprint == one
    assert sealed(mine, "c", "correct horse battery!").fingerprint != one
    assert sealed(theirs, "a", "correct horse battery").fingerprint != one


@pytest.mark.parametrize(("length", "shown"), [(15, ""), (16, "cdef"), (0, "")])
def test_last_four_of_long_secrets_only(
    database: Database, vault: Vault, mine: Tenant, length: int, shown: str
) -> None:
    secret = "0123456789abcdef"[16 - length :]
    with database.transaction(mine.id) as session:
        row = vault.seal(
            session,
            organization_id=mine.id,
            connection_id=mine.connection.id,
            field=f"f{length}",
            secret=SecretStr(secret),
        )
    assert row.last_four == shown


def test_the_house_lends_its_credential(database: Database, vault: Vault, mine: Tenant) -> None:
    lender = house(database, vault, f"house-{secrets.token_hex(4)}", key="sk_user_of_the_house")
    borrower = borrow(database, vault, mine.id, lender, f"borrowed-{secrets.token_hex(4)}")
    with database.transaction(mine.id) as session:
        lent = connections.credential(session, vault, borrower)
    assert {field: secret.get_secret_value() for field, secret in lent.items()} == {"key": "sk_user_of_the_house"}
    assert "sk_user" not in repr(lent)


def test_a_borrower_seals_with_its_own_key(database: Database, vault: Vault) -> None:
    """The house's data key is there to be read too, and not the one to use."""
    lender = house(database, vault, f"house-{secrets.token_hex(4)}")
    newcomer = organizations.add(database, slug=f"new-{secrets.token_hex(4)}", name="New")
    borrow(database, vault, newcomer.id, lender)
    with database.transaction(newcomer.id) as session:
        own = connections.add(
            session,
            vault,
            organization_id=newcomer.id,
            provider="facturapi",
            name="own",
            environment=Environment.SANDBOX,
            settings={},
            credential={"key": SecretStr("own")},
        )
        assert connections.credential(session, vault, own)["key"].get_secret_value() == "own"
        assert set(session.scalars(select(DataKey.organization_id))) == {None, newcomer.id}


def test_whoever_is_second_to_make_a_data_key_uses_the_first(
    database: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes seal the first secret of an organization at the same time."""
    late = tenant(database, vault, f"late-{secrets.token_hex(4)}")
    first = the_credential(database, late)
    with database.transaction(late.id) as session:
        monkeypatch.setattr(Vault, "_data_key", _blind_once(Vault._data_key))
        vault.seal(
            session, organization_id=late.id, connection_id=late.connection.id, field="second", secret=SecretStr("x")
        )
    monkeypatch.undo()
    assert opened(database, vault, first) == KEY


def _blind_once(look: Callable[..., DataKey | None]) -> Callable[..., DataKey | None]:
    """A look for the data key that does not see it the first time."""
    looks = iter([lambda *_: None])

    def blind(*arguments: object) -> DataKey | None:
        return next(looks, look)(*arguments)

    return blind


def test_a_keyset_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keyset.json"
    create_keyset(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["keyset.json"]
    assert not Vault.load(path).demo


def test_the_demos_keyset_says_so(tmp_path: Path) -> None:
    create_keyset(tmp_path / "keyset.json", demo=True)
    assert Vault.load(tmp_path / "keyset.json").demo


def test_a_keyset_that_cannot_be_finished_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written beside its place, for only there it can be put in place in one step."""
    written: list[Path] = []

    def full(name: str, _: Path) -> None:
        written.append(Path(name))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(OSError, match="No space left"):
        create_keyset(tmp_path / "keyset.json")
    assert written[0].parent == tmp_path
    assert written[0].name.startswith(".keyset.json.")
    assert list(tmp_path.iterdir()) == []


def test_a_keyset_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "keyset.json"
    create_keyset(path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        create_keyset(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["keyset.json"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_keyset_that_others_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "keyset.json"
    create_keyset(path)
    path.chmod(mode)
    with pytest.raises(ConfigurationError) as caught:
        Vault.load(path)
    assert caught.value.lines == [
        f"VAULT_KEYSET: {path} can be read by others (mode {mode:04o}); run: chmod 600 {path}."
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"demo": false, "keyset": {}}',
        b'{"demo": false, "keyset": 7}',
        b"\xff\xfe",
        b'{"keyset": "x"}',
    ],
)
def test_what_holds_no_keyset_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "keyset.json"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"^VAULT_KEYSET: .* does not hold a keyset"):
        Vault.load(path)


def test_a_keyset_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keyset.json"
    create_keyset(path)
    document = json.loads(path.read_bytes())
    document["keyset"]["key"][0]["keyData"]["typeUrl"] = "type.googleapis.com/google.crypto.tink.HkdfPrfKey"
    path.write_text(json.dumps(document))
    with pytest.raises(ConfigurationError, match="does not hold a keyset") as caught:
        Vault.load(path)
    assert document["keyset"]["key"][0]["keyData"]["value"] not in str(caught.value)


def test_a_missing_keyset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^VAULT_KEYSET: .* cannot be read: No such file or directory"):
        Vault.load(tmp_path / "none.json")


def test_the_house_has_a_data_key_of_its_own(database: Database, vault: Vault) -> None:
    lender = house(database, vault, f"house-{secrets.token_hex(4)}")
    with database.transaction(HOUSE) as session:
        assert session.scalars(select(DataKey.organization_id)).all() == [None]
        found = connections.credential(session, vault, session.get_one(Connection, lender.id))
    assert found["key"].get_secret_value() == KEY


def test_only_the_keys_used_last_are_kept_open(
    database: Database, vault: Vault, mine: Tenant, theirs: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.tenants.vault.MOST_OPEN", 1)
    vault._opened.clear()
    for of in (mine, theirs, mine):
        assert opened(database, vault, the_credential(database, of)) == KEY
        assert len(vault._opened) == 1
