"""FormKiQ's two shapes of an error: one for what is wrong with a value, one for everything else."""

from __future__ import annotations

import json
from typing import Final

from flask import Response

#: What its own code says, or the gateway before it, where all that is known is the status.
_MESSAGES: Final = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Not Found",
    413: "Request Entity Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Endpoint request timed out",
}


class Refused(Exception):  # noqa: N818 - what is refused is not an error of the sandbox
    """A request that FormKiQ does not carry out; nothing was changed."""

    def __init__(self, status: int, message: str | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.body: dict[str, object] = {"message": message or _MESSAGES.get(status, "Internal Server Error")}


class Invalid(Refused):
    """A value that cannot be taken, by its name."""

    def __init__(self, key: str, error: str) -> None:
        super().__init__(400)
        self.body = {"errors": [{"key": key, "error": error}]}


def missing(key: str) -> Invalid:
    return Invalid(key, f"'{key}' is required")


def present(refused: Refused) -> Response:
    """The answer that says so."""
    # Not by `jsonify`: a fault is answered outside the application.
    return Response(json.dumps(refused.body), refused.status, content_type="application/json")


def by_status(status: int) -> Response:
    """An answer with that status and the words that go with it."""
    # A path or a method that it does not know is one and the same to the gateway before it.
    return present(Refused(404 if status == 405 else status))
