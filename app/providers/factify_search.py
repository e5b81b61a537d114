"""Looks for a file at Factify that may have arrived without an answer: by time and title, then by its bytes."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from hashlib import sha256
from typing import Any, Final

from app.providers import factify_replies as replies
from app.providers import reading
from app.providers.wire import Answer, Outgoing, Reply

ROOT: Final = "/v1beta"
ON_A_PAGE: Final = 100
#: Most pages that are looked through, and most files that are fetched to compare them.
MOST_PAGES, MOST_COMPARED = 5, 5


class Finding(Enum):
    """What a search came to."""

    THERE = auto()
    ABSENT = auto()
    #: Good answers that cannot tell: something like it is there, or there is too much.
    UNCLEAR = auto()
    #: There was no good answer.
    UNANSWERED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is looked for."""

    #: Of which document it is a version; None: it is a document.
    document_id: str | None
    #: None where it was given none.
    title: str | None
    #: By the provider's clock, if that is known; nothing made before it can be meant.
    since: datetime
    sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """How a search ended: with the answer that decided it, and what was found."""

    finding: Finding
    answer: Answer
    shown: Mapping[str, Any] | None = None


class Hash:
    """A sink that keeps nothing but the SHA-256 of what passes."""

    def __init__(self) -> None:
        self._hash = sha256()

    def feed(self, block: bytes, /) -> None:
        self._hash.update(block)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


Searching = Generator[Outgoing, Answer, Found]


def search(wanted: Wanted) -> Searching:
    """List what was made since, newest first, and compare the bytes of what has the same title."""
    compared, token, unclear = 0, None, False
    for _ in range(MOST_PAGES):
        listing = yield listed_since(wanted, token)
        items = replies.items(listing)
        if items is None:
            return Found(finding=Finding.UNANSWERED, answer=listing)
        for shown in items:
            if not _may_be(wanted, shown):
                continue
            compared += 1
            if compared > MOST_COMPARED or wanted.sha256 is None:
                return Found(finding=Finding.UNCLEAR, answer=listing)
            same = yield from _has(wanted, shown)
            if same:
                return Found(finding=Finding.THERE, answer=listing, shown=shown)
            unclear = unclear or same is None
        token, former = replies.next_page(listing), token
        if token is None or token == former or _is_past(wanted, items):
            return Found(finding=Finding.UNCLEAR if unclear else Finding.ABSENT, answer=listing)
    return Found(finding=Finding.UNCLEAR, answer=listing)


def listed_since(wanted: Wanted, token: str | None) -> Outgoing:
    """A page of documents since then, or of all versions: those have no such filter."""
    query = {"page_size": str(ON_A_PAGE)} | ({"page_token": token} if token else {})
    if wanted.document_id is not None:
        return Outgoing(method="GET", path=f"{ROOT}/documents/{wanted.document_id}/versions", query=query)
    since = wanted.since.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Outgoing(method="GET", path=f"{ROOT}/documents", query=query | {"created.after": since})


def exported(document_id: str, version_id: str | None = None) -> Outgoing:
    """Ask where the bytes of a document, or of a version of it, can be fetched."""
    query = {"version_id": version_id} if version_id else {}
    return Outgoing(method="GET", path=f"{ROOT}/documents/{document_id}/export", query=query)


def _may_be(wanted: Wanted, shown: Mapping[str, Any]) -> bool:
    pattern = replies.DOCUMENT_ID if wanted.document_id is None else replies.VERSION_ID
    if not pattern.fullmatch(reading.text(shown, "id") or ""):
        return False
    made = reading.moment(shown, "created_at")
    if made is not None and made < wanted.since:
        return False
    return wanted.title is None or shown.get("title") == wanted.title


def _is_past(wanted: Wanted, items: Any) -> bool:
    """Whether a page reaches back to before what is wanted can have been made."""
    made = reading.moment(items[-1], "created_at") if items else None
    return made is not None and made < wanted.since


def _has(wanted: Wanted, shown: Mapping[str, Any]) -> Generator[Outgoing, Answer, bool | None]:
    """Whether its bytes are the wanted ones; None where they could not be had."""
    id_ = str(shown["id"])
    asked = exported(id_) if wanted.document_id is None else exported(wanted.document_id, id_)
    fetch = replies.export((yield asked))
    if fetch is None:
        return None
    sink = Hash()
    answer = yield Outgoing(method="GET", url=fetch.url, headers=fetch.headers, sink=sink)
    if not isinstance(answer, Reply) or answer.status != 200:
        return None
    return sink.sha256 == wanted.sha256
