"""Codat's errors: one object for all of them, whole every time."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, time, timedelta
from typing import Any, Final

from flask import Response

#: What is said where only a status is known.
_BY_STATUS: Final = {
    400: "The request is not valid.",
    401: "Unauthorized",
    402: "The account's plan does not include this.",
    403: "You do not have access to this resource.",
    404: "Not found",
    408: "The request took too long.",
    429: "Too many requests; retry later.",
    503: "The service is temporarily unavailable.",
}
#: Requests a day that a client has who has no connected company yet.
DAILY: Final = 1_000


class Refused(Exception):  # noqa: N818 - what is refused is not an error of the sandbox
    """A request that Codat does not carry out; nothing was changed."""

    def __init__(
        self,
        status: int,
        error: str | None = None,
        *,
        service: str = "PublicApi",
        fault: tuple[str, str] | None = None,
        retry_after: int | None = None,
    ) -> None:
        """`fault`: what a validation found wrong, as the item's id and a sentence."""
        super().__init__(status)
        self.status = status
        self.retry_after = retry_after
        found = fault and {"itemId": fault[0], "message": fault[1], "validatorName": "FileUpload"}
        self.body: dict[str, Any] = {
            "statusCode": status,
            "service": service,
            "error": error or (fault and fault[1]) or _BY_STATUS.get(status, "An unexpected error occurred."),
            "correlationId": uuid.uuid4().hex,
            "validation": {"errors": [found], "warnings": []} if found else None,
            # A text, as the service has it: the vendor's package cannot read a boolean here.
            "canBeRetried": "Unknown",
            "detailedErrorCode": 0,
        }


def present(refused: Refused) -> Response:
    """The answer that says so."""
    # Not by `jsonify`: a fault is answered outside the application.
    body = json.dumps(refused.body, ensure_ascii=False)
    response = Response(body, refused.status, content_type="application/json")
    if refused.retry_after is not None:
        response.headers["Retry-After"] = str(refused.retry_after)
    return response


def by_status(status: int, now: datetime) -> Response:
    """An answer with that status, to whoever asked."""
    retry_after = 30 if status == 429 else None
    return stamp(present(Refused(status, retry_after=retry_after)), limit=DAILY, used=0, now=now)


def stamp(response: Response, *, limit: int, used: int, now: datetime) -> Response:
    """Tell how much of the day's requests is left; every answer does."""
    response.headers["X-Rate-Limit-Limit"] = str(limit)
    response.headers["X-Rate-Limit-Remaining"] = str(max(0, limit - used))
    response.headers["X-Rate-Limit-Reset"] = iso(midnight(now))
    return response


def midnight(now: datetime) -> datetime:
    """When the day's requests are counted anew."""
    return datetime.combine(now.date() + timedelta(days=1), time(), tzinfo=now.tzinfo)


def iso(moment: datetime) -> str:
    """Whole seconds and a `Z`."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
