"""Keys: one signs at a time, those before it stay good, and none can take another's name."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from uuid import uuid4

import pytest
from sqlalchemy import Engine, select, text, update
from sqlalchemy.orm import Session

from app.database import Database
from app.records import signing
from app.records.models import SigningKey
from app.records.signing import BadKeys, Keys
from app.tenants.vault import Vault, VaultError
from tests.tenancy import NOW

#: RFC 8037, appendix A.
PUBLIC = base64.urlsafe_b64decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
KID = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.fixture
def session(worker: Database) -> Iterator[Session]:
    """A transaction of the worker that leaves nothing."""
    with worker.doors() as session:
        yield session
        session.rollback()


def test_a_key_is_called_by_its_thumbprint() -> None:
    assert signing.thumbprint(PUBLIC) == KID


def test_the_first_key_is_made_when_something_is_to_be_signed(session: Session, vault: Vault) -> None:
    session.execute(update(SigningKey).values(retired_at=NOW))
    first, again = signing.signer(session, vault, NOW), signing.signer(session, vault, NOW)
    assert first.kid == again.kid
    assert Keys.load(session).has_signed(first.kid, b"said", again.sign(b"said"))
    assert not Keys.load(session).has_signed(first.kid, b"Said", again.sign(b"said"))


def test_what_former_keys_signed_stays_good(session: Session, vault: Vault) -> None:
    former = signing.signer(session, vault, NOW)
    signature = former.sign(b"said")
    kid = signing.rotate(session, vault, NOW)
    now = signing.signer(session, vault, NOW)
    assert now.kid == kid != former.kid
    keys = Keys.load(session)
    assert keys.has_signed(former.kid, b"said", signature)
    assert not keys.has_signed(now.kid, b"said", signature)
    assert {former.kid, now.kid} <= set(Keys.parse(json.dumps(keys.published())).public)


def test_a_private_part_opens_in_its_own_row_alone(session: Session, vault: Vault) -> None:
    signing.signer(session, vault, NOW)
    key = session.scalars(select(SigningKey).where(SigningKey.retired_at.is_(None))).one()
    with pytest.raises(VaultError, match="does not open signing key"):
        vault.unwrap_signing_key(uuid4(), key.wrapped)
    assert vault.unwrap_signing_key(key.id, key.wrapped) not in key.wrapped


def test_the_gateway_cannot_read_what_signs(database: Database, owner_engine: Engine) -> None:
    with owner_engine.connect() as connection:
        asked = "SELECT has_column_privilege('ventanilla_app', 'signing_keys', :column, 'SELECT')"
        readable = {name: connection.scalar(text(asked), {"column": name}) for name in ("public", "wrapped")}
    assert readable == {"public": True, "wrapped": False}
    with database.doors() as session:
        Keys.load(session)


def test_no_key_takes_anothers_name() -> None:
    assert Keys({KID: bytes(32)}).public == {}
    assert Keys({KID: PUBLIC}).public == {KID: PUBLIC}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"keys": []}',
        '{"keys": [{"crv": "P-256", "kid": "a", "x": "b"}]}',
        json.dumps({"keys": [{"crv": "Ed25519", "kid": KID, "x": "A" * 43}]}),
        json.dumps({"keys": [{"crv": "Ed25519", "kid": KID, "x": "ñ"}]}),
        json.dumps({"keys": [{"crv": "Ed25519", "kid": KID, "x": "!" * 43}]}),
        json.dumps({"keys": [{"crv": "Ed25519", "kid": KID}]}),
    ],
)
def test_a_file_that_holds_no_keys(text: str) -> None:
    with pytest.raises(BadKeys):
        Keys.parse(text)


def test_a_signature_that_is_none() -> None:
    assert not Keys({KID: PUBLIC}).has_signed(KID, b"", b"")
    assert not Keys({}).has_signed(KID, b"", bytes(64))
