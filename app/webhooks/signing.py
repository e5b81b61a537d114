"""Signatures of webhooks as https://www.standardwebhooks.com has them: HMAC-SHA256 of id, time and body."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pydantic import SecretStr

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32


def new_secret() -> SecretStr:
    """Return a secret as receivers are given it."""
    return SecretStr(PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode())


def headers(message_id: str, body: bytes, at: datetime, keys: Sequence[SecretStr]) -> dict[str, str]:
    """The three headers of a webhook that is sent at that time, with a signature by each key.

    No full stop may stand in the id: it is what keeps id, time and body apart.
    """
    timestamp = str(int(at.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(key, signed) for key in keys),
    }


def _signature(secret: SecretStr, signed: bytes) -> str:
    key = base64.b64decode(secret.get_secret_value().removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
