"""Keys that open nothing are counted for the address that brings them; after too many it has to wait.

Only what fails counts, so that a town behind one address is not kept out by its size. That guessing is hopeless is for
the keys' own length to see to; this makes it cheap for us as well: beyond the limit nothing is looked up.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from flask import Flask, Response, request

from app.intake.addresses import address
from app.intake.shedding import TooMany
from app.services import services

#: What addresses call their parts that are keys.
KEYS: Final = frozenset({"key", "public_id", "sealed", "token"})


def init_app(app: Flask) -> None:
    """Look at every request that brings a key, whichever face it is for."""
    app.before_request(hold)
    app.after_request(count)


def hold() -> None:
    """Raise TooMany where too many keys from there opened nothing just now."""
    if "Authorization" in request.headers or _in_address():
        services().shedding.guesses.check(_names())


def count(response: Response) -> Response:
    """Count a key that opened nothing."""
    if response.status_code == 401 or (response.status_code == 404 and _in_address()):
        with suppress(TooMany):  # which is for the next one to hear
            services().shedding.guesses.count(_names())
    return response


def _in_address() -> bool:
    return not KEYS.isdisjoint(request.view_args or ())


def _names() -> list[str]:
    found = address(request.environ, services().settings.forwarded_allow_ips)
    return [found] if found else []
