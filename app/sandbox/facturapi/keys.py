"""Who a secret key belongs to, and what it may do."""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from app.sandbox.facturapi.errors import Refused
from app.sandbox.facturapi.organizations import iso, new_id

if TYPE_CHECKING:
    from datetime import datetime


class Kind(StrEnum):
    """The three kinds of key, by how they begin."""

    USER = "sk_user_"
    LIVE = "sk_live_"
    TEST = "sk_test_"

    def make(self) -> str:
        return self + secrets.token_urlsafe(24).replace("-", "x").replace("_", "x")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose key came with a request: the account's, or one organization's."""

    kind: Kind
    #: None for the account's own.
    organization_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveKey:
    """A live key; shown whole once, and by its beginning ever after."""

    id: str
    secret: str
    created_at: datetime

    def shown(self) -> dict[str, str]:
        return {"id": self.id, "first_12": self.secret[:12], "created_at": iso(self.created_at)}


class Keys:
    """All keys of the account. Not locked: its owner does that."""

    def __init__(self) -> None:
        self._user: set[str] = set()
        self._test: dict[str, str] = {}
        self._live: dict[str, list[LiveKey]] = {}

    def add_user(self, secret: str) -> None:
        self._user.add(secret)

    def test(self, organization_id: str) -> str:
        return self._test[organization_id]

    def renew_test(self, organization_id: str, secret: str | None = None) -> str:
        """Replace the test key; the former dies at once."""
        self._test[organization_id] = secret or Kind.TEST.make()
        return self._test[organization_id]

    def live(self, organization_id: str) -> list[LiveKey]:
        return self._live.get(organization_id, [])

    def add_live(self, organization_id: str, now: datetime, secret: str | None = None) -> LiveKey:
        """Add a live key beside the earlier ones."""
        key = LiveKey(id=new_id(), secret=secret or Kind.LIVE.make(), created_at=now)
        self._live.setdefault(organization_id, []).append(key)
        return key

    def delete_live(self, organization_id: str, key_id: str) -> None:
        """Raises Refused where there is none of that id."""
        keys = self.live(organization_id)
        if key_id not in {key.id for key in keys}:
            raise Refused("not_found")
        self._live[organization_id] = [key for key in keys if key.id != key_id]

    def forget(self, organization_id: str) -> None:
        """Let all keys of an organization die."""
        self._test.pop(organization_id, None)
        self._live.pop(organization_id, None)

    def caller(self, authorization: str | None) -> Caller:
        """Whose key that header holds. Raises Refused, never with the key."""
        secret = _secret(authorization)
        if secret in self._user:
            return Caller(kind=Kind.USER)
        for organization_id, test in self._test.items():
            if secret == test:
                return Caller(kind=Kind.TEST, organization_id=organization_id)
        for organization_id, keys in self._live.items():
            if secret in {key.secret for key in keys}:
                return Caller(kind=Kind.LIVE, organization_id=organization_id)
        raise Refused("user_key_invalid" if secret.startswith(Kind.USER) else "api_key_invalid")


def _secret(authorization: str | None) -> str:
    """The key of a Bearer header, or the user name of a Basic one."""
    scheme, _, value = (authorization or "").partition(" ")
    value = value.strip()
    if scheme.lower() == "basic":
        try:
            value, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise Refused("api_key_invalid") from None
        if password:
            raise Refused("api_key_invalid")
    elif scheme.lower() != "bearer":
        raise Refused("missing_credentials")
    if not value:
        raise Refused("missing_credentials")
    return value


def is_key(value: Any, kind: Kind) -> bool:
    """Whether a seed's value can be a key of that kind."""
    return isinstance(value, str) and value.startswith(kind) and len(value) > len(kind) and value.isprintable()
