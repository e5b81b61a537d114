"""Tokens as Cognito makes them: signed for an hour, and had anew with a refresh token."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import uuid4

#: The same at each start, so that a token outlives the process that made it; it guards nothing.
_KEY: Final = b"sandbox"
POOL: Final = "us-east-2_sandbox"
LIFETIME_SECONDS: Final = 3600

Use = Literal["access", "id"]


class BadToken(ValueError):  # noqa: N818 - named for what is wrong
    """Not a token that this pool made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Whoever a refresh token belongs to."""

    client_id: str
    groups: tuple[str, ...]


def make(user: User, *, use: Use, now: datetime, seconds: float, issuer: str) -> str:
    """A token that ends `seconds` from now; in the past where they are negative."""
    issued, name = int(now.timestamp()), hashlib.sha256(repr(user).encode()).hexdigest()[:32]
    payload: dict[str, Any] = {
        "sub": name,
        "cognito:groups": list(user.groups),
        "iss": f"{issuer}/{POOL}",
        "token_use": use,
        "auth_time": issued,
        "iat": issued,
        "exp": issued + int(seconds),
        "jti": str(uuid4()),
    }
    if use == "access":
        payload |= {"client_id": user.client_id, "scope": "aws.cognito.signin.user.admin", "username": name}
    else:
        payload |= {"aud": user.client_id, "email": "user@example.com", "cognito:username": name}
    body = f"{_encoded({'alg': 'HS256', 'kid': 'sandbox', 'typ': 'JWT'})}.{_encoded(payload)}"
    return f"{body}.{_signature(body)}"


def read(token: str) -> dict[str, Any]:
    """What a token says, if it is one of ours. Raises BadToken."""
    body, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signature(body).encode()):
        raise BadToken
    try:
        payload: dict[str, Any] = json.loads(_decoded(body.partition(".")[2]))
    except (ValueError, binascii.Error):
        raise BadToken from None
    return payload


def new_refresh_token() -> str:
    return secrets.token_urlsafe(48)


def _signature(body: str) -> str:
    return _unpadded(hmac.new(_KEY, body.encode(), hashlib.sha256).digest())


def _encoded(value: dict[str, Any]) -> str:
    return _unpadded(json.dumps(value, separators=(",", ":")).encode())


def _unpadded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
