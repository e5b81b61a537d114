"""What is known of the browser that asks: where it is, what it is, and whom it has signed in before.

A browser that somebody signed in with is given a signed cookie for that account. It opens nothing: tries that come with
it are counted apart from those of strangers, so that nobody's tries keep its owner out.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from flask import Response, request
from itsdangerous import BadSignature, URLSafeSerializer

from app.intake import addresses
from app.portal import cookies
from app.portal.language import YEAR_SECONDS
from app.services import services

COOKIE: Final = "known"
#: Accounts that one browser is known for, the last first.
MOST_KNOWN: Final = 5
NONCE_BYTES: Final = 12
#: What browsers and systems call themselves → what people do; the first that fits.
BROWSERS: Final[Mapping[str, str]] = {
    "Edg": "Edge",
    "OPR": "Opera",
    "Firefox": "Firefox",
    "Chrome": "Chrome",
    "Safari": "Safari",
    "curl": "curl",
}
SYSTEMS: Final[Mapping[str, str]] = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


def address() -> str:
    """Where the request comes from; of version 6, its subscriber's whole network."""
    return addresses.address(request.environ, services().settings.forwarded_allow_ips) or "–"


def device() -> str:
    """What the browser says that it is, as one line."""
    return re.sub(r"[^\x20-\x7e]", "", request.headers.get("User-Agent", ""))


def named(device: str) -> str:
    """The same, as people call it."""
    found = [next((word for sign, word in words.items() if sign in device), None) for words in (BROWSERS, SYSTEMS)]
    return " · ".join(word for word in found if word) or "–"


def known_as(user_id: UUID | None) -> str | None:
    """What this browser is counted as for an account that it has signed in before; None where it has not."""
    return _known().get(str(user_id)) if user_id else None


def make_known(response: Response, user_id: UUID) -> None:
    """Let this browser be known for an account from now on."""
    known = _known()
    mine = known.pop(str(user_id), None) or f"{user_id}|{secrets.token_urlsafe(NONCE_BYTES)}"
    kept = {str(user_id): mine, **dict(list(known.items())[: MOST_KNOWN - 1])}
    cookies.keep(response, COOKIE, _signer().dumps(kept), seconds=YEAR_SECONDS)


def _known() -> dict[str, str]:
    try:
        known: dict[str, str] = _signer().loads(cookies.read(COOKIE))
    except BadSignature:
        return {}
    return known


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(services().settings.secret_key.get_secret_value(), salt="known browser")
