"""Flatfile's errors: a list of sentences, some of them with the name of what they are about."""

from __future__ import annotations

import json
from typing import Final

from flask import Response

#: What is said where only a status is known.
_BY_STATUS: Final = {
    400: "Bad request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not found",
    405: "Not found",
    429: "Too many requests",
    503: "Service unavailable",
}
RETRY_AFTER_SECONDS: Final = 2


class Refused(Exception):  # noqa: N818 - what is refused is not an error of the sandbox
    """A request that Flatfile does not carry out; nothing was changed."""

    def __init__(self, status: int, message: str, *, key: str | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.body = {"errors": [{"key": key, "message": message} if key else {"message": message}]}


def present(refused: Refused) -> Response:
    """The answer that says so."""
    # Not by `jsonify`: a fault is answered outside the application.
    return Response(json.dumps(refused.body), refused.status, content_type="application/json")


def by_status(status: int) -> Response:
    """An answer with that status, in the service's shape."""
    answer = present(Refused(status, _BY_STATUS.get(status, "Something went wrong")))
    if status == 429:
        answer.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return answer
