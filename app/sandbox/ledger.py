"""Every request that a provider got, as it came over the wire: the truth that tests compare the gateway with."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, field
from threading import Lock
from typing import Any

#: Requests remembered; the oldest go first.
REMEMBERED = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a multipart body, or a document that came inside JSON."""

    name: str
    filename: str | None
    content_type: str | None
    size: int
    sha256: str


@dataclass(slots=True, kw_only=True)
class Entry:
    """One request, listed from its headers on and filled in as it goes."""

    provider: str
    method: str
    #: As it was sent, not decoded, without the query.
    path: str
    query: str
    #: Kept on purpose: this is the provider's side, and the keys are the sandbox's own.
    authorization: str | None
    headers: dict[str, str]
    #: Unix seconds of the body's first and last byte so far; of the headers where there is no body.
    first_byte_at: float
    last_byte_at: float
    #: The whole body is here. Stays false for ever when the client left in its middle.
    complete: bool = False
    bytes: int = 0
    #: Of the whole body; None until it is complete.
    sha256: str | None = None
    parts: list[Part] = field(default_factory=list)
    #: What the provider answered, even where a fault kept the answer from arriving; None: nothing was answered.
    status: int | None = None


class Ledger:
    """The entries in the order in which their headers arrived."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=REMEMBERED)
        self._lock = Lock()

    def add(self, entry: Entry) -> None:
        with self._lock:
            self._entries.append(entry)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()

    def listing(self, provider: str | None = None) -> list[dict[str, Any]]:
        """The entries, of one provider or of all, ready for JSON."""
        with self._lock:
            entries = tuple(self._entries)
        return [asdict(entry) for entry in entries if provider in {None, entry.provider}]
