"""What the browser's passkey is asked, and what it is held to when the answer comes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from flask import Response, jsonify, request, session
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from app.services import services
from app.tenants import passkeys
from app.tenants.passkeys import Site
from app.tenants.user_errors import WrongPasskey

#: Where the question stands until it is answered, or another takes its place.
ASKED: Final = "passkey"
LIFE: Final = timedelta(minutes=5)
#: The field that a page brings the answer in.
ANSWER: Final = "answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a passkey answered, and to what."""

    site: Site
    asked: bytes
    said: str


def site() -> Site | None:
    """The site that passkeys are for, as this browser reaches it; None where it could have none: an address has not."""
    host = request.host
    for origin in services().settings.origins:
        name = urlsplit(origin).hostname or ""
        if urlsplit(origin).netloc == host and not _is_number(name):
            return Site(origin=origin)
    return None


def ask(use: str, challenge: bytes, options: dict[str, Any]) -> Response:
    """Ask the browser's passkey, for one use."""
    at = services().clock().timestamp()
    session[ASKED] = {"use": use, "challenge": bytes_to_base64url(challenge), "at": at}
    return jsonify(options)


def answered(use: str) -> Answer:
    """What the browser brings back, which answers once; raises WrongPasskey."""
    asked, here = session.pop(ASKED, None), site()
    late = asked is None or services().clock().timestamp() - asked["at"] > LIFE.total_seconds()
    if late or here is None or asked["use"] != use:
        raise WrongPasskey
    return Answer(site=here, asked=base64url_to_bytes(asked["challenge"]), said=request.form.get(ANSWER, ""))


def need_site() -> Site:
    """The site; raises WrongPasskey where there can be no passkeys."""
    here = site()
    if here is None:
        raise WrongPasskey
    return here


def new() -> bytes:
    """Something to ask."""
    return passkeys.challenge()


def _is_number(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
