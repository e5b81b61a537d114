"""What FormKiQ's answers say, and those of the bucket behind it: a document, where to put it, or a refusal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit
from uuid import UUID
from xml.parsers import expat

from app.providers import reading
from app.providers.base import Ending, Outcome
from app.providers.outcomes import by_cause, by_status
from app.providers.wire import Answer, FilePart, NoAnswer, Reply

#: Why a key or token is refused although it is genuine: the site, or what it may do there.
DENIED: Final = "fkq access denied"
#: Names of what it calls wrong, as the field of ours that it came from.
FIELDS: Final[Mapping[str, str]] = {
    "path": "path",
    **dict.fromkeys(("tag", "tags"), "tags"),
    **dict.fromkeys(("attribute", "attributes"), "attributes"),
    **dict.fromkeys(("action", "actions"), "actions"),
    "metadata": "document_metadata",
}
#: Headers that a presigned address may ask for. Any other would be ours to choose, or is none of the bucket's business.
_SIGNED: Final = re.compile(r"(x-amz-[a-z0-9-]{1,80}|content-md5)", re.IGNORECASE)
_VALUE: Final = re.compile(r"[\x20-\x7e]{0,2000}")
#: Most of an XML error that is read.
_LONGEST_XML: Final = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the bytes of a document are to be put."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    #: The address had ended by the clock of whoever gave it.
    ended: bool


def document(answer: Answer, id: UUID | str) -> Mapping[str, Any] | None:  # noqa: A002 - the provider's id
    """The document that an answer shows; None where it shows none, or not the one that was asked for."""
    shown = reading.body(answer)
    return shown if shown.get("documentId") == str(id) else None


def place(answer: Answer, id: UUID) -> Place | None:  # noqa: A002
    """Where an answer says that the bytes of that document go; None where it does not."""
    shown = document(answer, id)
    if shown is None or not isinstance(answer, Reply):
        return None
    url, headers = shown.get("url"), shown.get("headers") or {}
    if not isinstance(url, str) or not isinstance(headers, dict):
        return None
    if not all(_SIGNED.fullmatch(name) and isinstance(value, str) for name, value in headers.items()):
        return None
    if not all(_VALUE.fullmatch(value) for value in headers.values()):
        return None
    return Place(url=url, headers=headers, ended=_ended(url, answer.headers.get("date", "")))


def is_missing(answer: Answer, id: UUID | str) -> bool:  # noqa: A002
    """Whether it says that there is no such document; any other 404 says that there is no such address."""
    return isinstance(answer, Reply) and answer.status == 404 and str(id) in (_message(answer) or "")


def has_content(shown: Mapping[str, Any]) -> bool:
    """Whether bytes have come for a document."""
    return isinstance(shown.get("contentLength"), int) and shown["contentLength"] > 0


def is_equal(shown: Mapping[str, Any], file: FilePart) -> bool:
    """Whether the bytes that came are these: by length, and by checksum where both are known."""
    if not has_content(shown) or shown["contentLength"] != file.size:
        return False
    checksum = reading.text(shown, "checksum") if shown.get("checksumType") == "SHA256" else None
    return checksum is None or file.sha256 is None or checksum.lower() == file.sha256


def refusal(answer: Answer) -> Outcome:
    """What an answer of the API means that is not the one hoped for."""
    if isinstance(answer, NoAnswer):
        return by_cause(answer)
    message = _message(answer)
    outcome = replace(by_status(answer, message=message), field=_field(answer))
    if answer.status == 404:  # not of a document: whoever looks for one asks `is_missing`
        return replace(outcome, problem="settings-wrong")
    if answer.status == 403 and (message is None or message.startswith(DENIED)):
        # Who may not come to a site is known all the same; and without a message it is not FormKiQ that speaks.
        problem = "settings-wrong" if message else "provider-error"
        return replace(outcome, ending=Ending.FAILED, problem=problem)
    return outcome


def store_refusal(answer: Answer) -> Outcome:
    """What an answer of the bucket means. It judges an address and never the credential, which it does not get."""
    if isinstance(answer, NoAnswer):
        return by_cause(answer)
    told = {} if answer.ok else xml(answer.body)
    code, message = told.get("Code"), told.get("Message")
    outcome = by_status(answer, code=code, message=message, log_id=told.get("RequestId"))
    if code in {"SlowDown", "TooManyRequests"}:
        return replace(outcome, ending=Ending.RETRY, problem="provider-busy")
    if code == "AccessDenied" and "expired" in (message or ""):
        return replace(outcome, ending=Ending.RETRY, problem="provider-error")
    if code == "EntityTooLarge":
        return replace(outcome, ending=Ending.FAILED, problem="provider-refused")
    if not answer.ok and 400 <= answer.status < 500 and outcome.ending is not Ending.RETRY:
        return replace(outcome, ending=Ending.FAILED, problem="provider-error")
    return outcome


def xml(body: bytes) -> Mapping[str, str]:
    """The texts in an XML error, by the names of their elements; empty for anything with a document type, or no XML."""
    found: dict[str, str] = {}
    open_: list[str] = []

    def start(name: str, _attributes: Any) -> None:
        open_.append(name)

    def text(data: str) -> None:
        if len(open_) == 2:
            found[open_[1]] = (found.get(open_[1], "") + data)[:500]

    def refuse(*_: Any) -> None:
        raise ValueError

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _name: open_.pop()
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(body[:_LONGEST_XML], True)  # noqa: FBT003 - its parameter has no other name
    except (expat.ExpatError, ValueError, LookupError):
        return {}
    return {name: value for name, value in found.items() if value.strip()}


def _message(answer: Reply) -> str | None:
    """What it says is wrong, in either of the shapes in which it says so."""
    faults = "; ".join(": ".join(filter(None, fault)) for fault in _faults(answer))
    return reading.text(reading.complaint(answer), "message") or faults or None


def _faults(answer: Reply) -> list[tuple[str, str]]:
    entries = reading.objects(reading.complaint(answer).get("errors")) or []
    return [(reading.text(one, "key") or "", reading.text(one, "error") or "") for one in entries[:5]]


def _field(answer: Reply) -> str | None:
    """The field of ours that it finds fault with."""
    return next((FIELDS[name] for key, _ in _faults(answer) if (name := key.partition(".")[0]) in FIELDS), None)


def _ended(url: str, date: str) -> bool:
    """Whether a presigned address ended before the moment at which it was given; no if that cannot be told."""
    try:
        query = parse_qs(urlsplit(url).query)
        signed = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return signed + timedelta(seconds=int(query["X-Amz-Expires"][0])) <= parsedate_to_datetime(date)
    except (KeyError, ValueError, OverflowError, TypeError):
        return False
