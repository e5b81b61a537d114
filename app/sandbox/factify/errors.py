"""Factify's errors: a code that goes with the status, a reason to decide by, and a sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from secrets import choice
from typing import Any, Final

from flask import Response

STATUSES: Final = {
    "invalid_argument": 400,
    "failed_precondition": 400,
    "unauthenticated": 401,
    "permission_denied": 403,
    "not_found": 404,
    "deadline_exceeded": 408,
    "already_exists": 409,
    "resource_exhausted": 429,
    "canceled": 499,
    "internal": 500,
    "unknown": 500,
    "unimplemented": 501,
    "unavailable": 503,
}

#: The code and the sentence of each reason. Clients know these and no others.
REASONS: Final = {
    "missing_required_field": ("invalid_argument", "A required field is missing"),
    "invalid_field_value": ("invalid_argument", "The value of a field is not valid"),
    "invalid_enum_value": ("invalid_argument", "The value is not one of those allowed"),
    "invalid_cursor": ("invalid_argument", "The page token is not valid"),
    "invalid_id_format": ("invalid_argument", "The id does not have the right format"),
    "missing_api_key": ("unauthenticated", "An API key is required"),
    "invalid_api_key": ("unauthenticated", "The API key is not valid"),
    "expired_api_key": ("unauthenticated", "The API key has expired"),
    "invalid_token": ("unauthenticated", "The token is not valid"),
    "expired_token": ("unauthenticated", "The token has expired"),
    "authentication_required": ("unauthenticated", "Authentication is required"),
    "insufficient_permissions": ("permission_denied", "You do not have permission to do this"),
    "resource_not_found": ("not_found", "The resource was not found"),
    "resource_already_exists": ("already_exists", "The resource already exists"),
    "rate_limit_exceeded": ("resource_exhausted", "Too many requests"),
    "quota_exceeded": ("resource_exhausted", "The quota is used up"),
    "precondition_failed": ("failed_precondition", "The state of the resource does not allow this"),
    "feature_disabled": ("failed_precondition", "This feature is disabled"),
    "internal_error": ("internal", "Something went wrong"),
    "service_unavailable": ("unavailable", "The service is not available"),
    "unimplemented": ("unimplemented", "This is not implemented"),
}

#: The reason where only a status is known; it brings its code along.
_BY_STATUS: Final = {
    401: "invalid_api_key",
    403: "insufficient_permissions",
    404: "resource_not_found",
    405: "unimplemented",
    409: "resource_already_exists",
    429: "rate_limit_exceeded",
    500: "internal_error",
    501: "unimplemented",
}
#: The same where there is a code and no reason to go with it.
_CODE_ALONE: Final = {408: "deadline_exceeded", 499: "canceled"}

#: Requests a minute that one key has: of all kinds, and POSTs.
REQUESTS_A_MINUTE, POSTS_A_MINUTE = 1_000, 100


class Refused(Exception):  # noqa: N818 - what is refused is not an error of the sandbox
    """A request that Factify does not carry out; nothing was changed."""

    def __init__(
        self,
        reason: str | None,
        message: str | None = None,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`code` is needed where there is no reason; `param` names the field that is at fault."""
        super().__init__(reason or code)
        usual, sentence = REASONS[reason] if reason else (code or "unknown", "The request could not be read")
        self.status = STATUSES[code or usual]
        self.headers = dict(headers or {})
        detail = {"reason": reason, "param": param, "request_id": _request_id()}
        self.body: dict[str, Any] = {
            "code": code or usual,
            "message": message or sentence,
            "details": [{key: value for key, value in detail.items() if value is not None}],
        }


def unreadable() -> Refused:
    """A body that is not JSON; the one error that is `unknown` and the client's own fault."""
    refused = Refused(None, code="unknown")
    refused.status = 400
    return refused


def limit_headers(limit: int, resets: datetime) -> dict[str, str]:
    """What goes with a 429: the limit a minute, what is left of it, and when it is back."""
    return {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(-int(-resets.timestamp() // 1)),
    }


def present(refused: Refused) -> Response:
    """The answer that says so."""
    # Not by `jsonify`: a fault is answered outside the application.
    body = json.dumps(refused.body, ensure_ascii=False)
    return Response(body, refused.status, refused.headers, content_type="application/json")


def by_status(status: int, resets: datetime) -> Response:
    """An answer with that status, and the code and reason that go with it best."""
    if status in _CODE_ALONE:
        refused = Refused(None, code=_CODE_ALONE[status])
    else:
        reason = _BY_STATUS.get(status, "service_unavailable" if status > 500 else "invalid_field_value")
        refused = Refused(reason, headers=limit_headers(POSTS_A_MINUTE, resets) if status == 429 else None)
    refused.status = status
    return present(refused)


def _request_id() -> str:
    return "req_" + "".join(choice("0123456789abcdefghjkmnpqrstvwxyz") for _ in range(26))
