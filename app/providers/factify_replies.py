"""What Factify's answers say: a document, a version, a list of them, or a refusal by its code and reason."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from app.providers import reading
from app.providers.base import Ending, Listed, Outcome, ProviderStatus
from app.providers.outcomes import DOUBTFUL, by_cause, by_status
from app.providers.wire import Answer, NoAnswer, Outgoing, Reply

#: What an id consists of, behind the three letters that say whose.
_ID: Final = r"[0-9a-hjkmnp-tv-z]{26}"
DOCUMENT_ID: Final = re.compile(f"doc_{_ID}")
VERSION_ID: Final = re.compile(f"ver_{_ID}")
#: What reasons come to that say more than their status.
_REASONS: Final[Mapping[str, tuple[Ending, str]]] = {
    **dict.fromkeys(
        ("missing_api_key", "invalid_api_key", "expired_api_key"), (Ending.CREDENTIAL, "credential-refused")
    ),
    **dict.fromkeys(
        ("invalid_token", "expired_token", "authentication_required"), (Ending.CREDENTIAL, "credential-refused")
    ),
    "insufficient_permissions": (Ending.FAILED, "settings-wrong"),
    "feature_disabled": (Ending.FAILED, "plan-not-allowed"),
    "quota_exceeded": (Ending.FAILED, "quota-used-up"),
}
#: Names of what it calls wrong, as the field or part of ours that it came from.
_FIELDS: Final[Mapping[str, str]] = {
    **{name: name for name in ("title", "description", "access_level", "document_id")},
    "payload": "file",
}
_STATUSES: Final[Mapping[str, ProviderStatus]] = {"processing": "processing", "ready": "ready", "failed": "failed"}
#: Headers that an exported file's address may ask for: those that do not make it another request.
_HEADER: Final = re.compile(
    r"(?!(host|connection|transfer-encoding|content-length|cookie)$)[a-z0-9-]{1,80}", re.IGNORECASE
)
_VALUE: Final = re.compile(r"[\x20-\x7e]{0,2000}")


def document(answer: Answer) -> Mapping[str, Any] | None:
    """The document that an answer shows; None where it shows none."""
    told = reading.body(answer).get("document")
    return told if isinstance(told, dict) and DOCUMENT_ID.fullmatch(reading.text(told, "id") or "") else None


def version(answer: Answer, document_id: str | None = None) -> Mapping[str, Any] | None:
    """The version that an answer shows, of that document if it has to be; None where it shows none."""
    told = reading.body(answer)
    if document_id not in {None, reading.text(told, "document_id")}:
        return None
    return told if VERSION_ID.fullmatch(reading.text(told, "id") or "") else None


def items(answer: Answer) -> Sequence[Mapping[str, Any]] | None:
    """What an answer lists; None where it is no list. An empty one may have no items at all."""
    told = reading.body(answer)
    return reading.objects(told.get("items", [] if "pagination" in told else None))


def next_page(answer: Answer) -> str | None:
    """The token of the page after this one; None at the end."""
    return reading.text(reading.block(reading.body(answer), "pagination"), "next_page_token")


def left(answer: Answer) -> int | None:
    """How many documents more a quota allows; None where it has no limit, which is written as 0 or not at all."""
    told = reading.body(answer)
    limit, used, available = (_number(told, name) for name in ("limit", "used", "available"))
    if not limit:
        return None
    return max(0, limit - (used or 0) if available is None else available)


def export(answer: Answer) -> Outgoing | None:
    """The request for the exported bytes; None where an answer does not say how to get them."""
    told = reading.body(answer)
    url, headers = reading.text(told, "url"), told.get("headers") or {}
    if url is None or not isinstance(headers, dict):
        return None
    if not all(_HEADER.fullmatch(name) and _VALUE.fullmatch(str(value)) for name, value in headers.items()):
        return None
    return Outgoing(method="GET", url=url, headers={name: str(value) for name, value in headers.items()})


def status(shown: Mapping[str, Any]) -> ProviderStatus | None:
    """How far it got with what was uploaded; None for a word that it did not have so far."""
    return _STATUSES.get(reading.text(shown, "processing_status") or "")


def listed(shown: Mapping[str, Any]) -> Listed:
    """A document or a version, as it is listed."""
    id_ = str(shown["id"])
    return Listed(
        id=id_,
        name=reading.text(shown, "title") or id_,
        content_type="application/pdf",
        created_at=reading.moment(shown, "created_at"),
        status=reading.text(shown, "processing_status"),
    )


def is_missing(answer: Answer) -> bool:
    """Whether it says that there is no such thing; any other 404 says that there is no such address."""
    return isinstance(answer, Reply) and answer.status == 404 and _told(answer)[0] == "not_found"


def is_forbidden(answer: Answer) -> bool:
    """Whether the credential was taken, and may not do this."""
    return isinstance(answer, Reply) and answer.status == 403 and _told(answer)[0] == "permission_denied"


def refusal(answer: Answer) -> Outcome:
    """What an answer means that is not the one hoped for."""
    if isinstance(answer, NoAnswer):
        return by_cause(answer)
    code, reason, detail = _told(answer)
    outcome = by_status(
        answer,
        code=reason or code,
        message=reading.text(reading.complaint(answer), "message") if code else None,
        log_id=reading.text(detail, "request_id"),
        reset="x-ratelimit-reset",
    )
    outcome = replace(outcome, field=_FIELDS.get(reading.text(detail, "param") or ""))
    if answer.ok or answer.status in DOUBTFUL:
        return outcome
    if said := _REASONS.get(reason or ""):
        ending, problem = said
        return replace(outcome, ending=ending, problem=problem)
    if code is None and answer.status in {403, 404}:
        # It is not Factify that speaks: nobody has judged the key, or looked for the document.
        return replace(outcome, ending=Ending.FAILED, problem="provider-error")
    if answer.status == 403:
        return replace(outcome, ending=Ending.FAILED, problem="settings-wrong")
    return outcome


def _told(answer: Reply) -> tuple[str | None, str | None, Mapping[str, Any]]:
    """The code of an error, its first reason, and the detail that the reason stands in."""
    told = reading.complaint(answer)
    entries = reading.objects(told.get("details")) or []
    first: Mapping[str, Any] = entries[0] if entries else {}
    detail = next((one for one in entries if reading.text(one, "reason")), first)
    return reading.text(told, "code"), reading.text(detail, "reason"), detail


def _number(shown: Mapping[str, Any], name: str) -> int | None:
    """A number, which Connect's JSON writes as a text where it may be large."""
    value = shown.get(name)
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return int(value)
    return value if type(value) is int else None
