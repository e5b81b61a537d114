"""The gateway's signature: Ed25519, by keys whose private parts rest under the vault's master keyset.

One key signs at a time. A key is called by its thumbprint (RFC 7638), so its name proves it: neither in the table nor
in a published file can another take its place.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.records.models import SigningKey
from app.tenants.vault import Vault

CURVE: Final = {"crv": "Ed25519", "kty": "OKP"}
USE: Final = {"alg": "EdDSA", "use": "sig"}
PUBLIC_BYTES: Final = 32


class BadKeys(ValueError):  # noqa: N818 - says what they are
    """A file that holds no keys of the published kind, or one under another's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """The key that signs now."""

    id: UUID
    kid: str
    _private: Ed25519PrivateKey = field(repr=False)

    def sign(self, body: bytes) -> bytes:
        """Sign; the same body has the same signature."""
        return self._private.sign(body)


class Keys:
    """Every key that ever signed, by its name: what a signature is checked with."""

    def __init__(self, public: Mapping[str, bytes]) -> None:
        #: Those whose name is theirs; any other is as if it were not there.
        self.public: Final = {kid: key for kid, key in public.items() if thumbprint(key) == kid}

    @classmethod
    def load(cls, session: Session) -> Self:
        """Read those of this installation."""
        rows = session.execute(select(SigningKey.kid, SigningKey.public).order_by(SigningKey.created_at))
        return cls({row.kid: row.public for row in rows})

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a published file; raises BadKeys."""
        try:
            found = {key["kid"]: _decoded(key["x"]) for key in json.loads(text)["keys"] if key["crv"] == CURVE["crv"]}
        except (ValueError, TypeError, KeyError, RecursionError):
            raise BadKeys from None
        keys = cls(found)
        if not found or keys.public.keys() != found.keys():
            raise BadKeys
        return keys

    def published(self) -> dict[str, Any]:
        """The same as a JSON Web Key Set (RFC 7517)."""
        return {"keys": [CURVE | {"x": _encoded(key), "kid": kid} | USE for kid, key in self.public.items()]}

    def has_signed(self, kid: str, body: bytes, signature: bytes) -> bool:
        """Whether that key made that signature of exactly this."""
        key = self.public.get(kid)
        if key is None:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, body)
        except (InvalidSignature, ValueError):
            return False
        return True


def thumbprint(public: bytes) -> str:
    """What a key is called (RFC 7638)."""
    members = json.dumps(CURVE | {"x": _encoded(public)}, sort_keys=True, separators=(",", ":"))
    return _encoded(hashlib.sha256(members.encode()).digest())


def signer(session: Session, vault: Vault, now: datetime) -> Signer:
    """Open the key that signs now; the first time there is none, and one is made. Raises VaultError."""
    key = _active(session) or _make(session, vault, now)
    private = Ed25519PrivateKey.from_private_bytes(vault.unwrap_signing_key(key.id, key.wrapped))
    return Signer(id=key.id, kid=key.kid, _private=private)


def rotate(session: Session, vault: Vault, now: datetime) -> str:
    """Let a new key sign from now on; what the former signed stays good. Returns the new one's name."""
    _wait_turn(session)
    session.execute(update(SigningKey).where(SigningKey.retired_at.is_(None)).values(retired_at=now))
    return _add(session, vault, now).kid


def _active(session: Session) -> SigningKey | None:
    newest = select(SigningKey).where(SigningKey.retired_at.is_(None)).order_by(SigningKey.id.desc()).limit(1)
    return session.scalars(newest).one_or_none()


def _make(session: Session, vault: Vault, now: datetime) -> SigningKey:
    """Make the first key, or find that of whoever was faster."""
    _wait_turn(session)
    return _active(session) or _add(session, vault, now)


def _add(session: Session, vault: Vault, now: datetime) -> SigningKey:
    key_id, private = uuid7(), Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    key = SigningKey(
        id=key_id,
        kid=thumbprint(public),
        public=public,
        wrapped=vault.wrap_signing_key(key_id, private.private_bytes_raw()),
        created_at=now,
        retired_at=None,
    )
    session.add(key)
    session.flush()
    return key


def _wait_turn(session: Session) -> None:
    """Until the transaction ends, nobody else makes a key."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("ventanilla signing keys", 0))))


def kids(session: Session) -> dict[UUID, str]:
    """Names of all keys, by the ids of their rows."""
    return {row.id: row.kid for row in session.execute(select(SigningKey.id, SigningKey.kid))}


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if len(data) != PUBLIC_BYTES or _encoded(data) != text:
        raise ValueError
    return data
