"""Calls of others that are handed on: what they ask a provider, and what it answers, both as they came."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from socket import socket
from typing import Any, Final

from app.intake.body import Body
from app.providers.wire import NoAnswer, Reply

#: Longest answer that is read into memory; none that means something comes near.
ANSWER_BYTES: Final = 4 << 20


class CutOff(Exception):  # noqa: N818 - says what happened
    """An answer ended before its end; who has had the beginning of it has to be cut off, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that somebody makes of a provider through us."""

    method: str
    #: Path and query below the provider's base URL, byte for byte.
    target: str
    #: All but those that say who asks, and those between two neighbours.
    headers: Sequence[tuple[str, str]] = field(repr=False)
    #: Blocks, or something to read them from; None where there is no body.
    body: Any = field(default=None, repr=False)
    #: Whose it is: watched while the provider is waited for.
    client: Body | None = field(default=None, repr=False)
    #: Whose answer it is, where nobody wants it once that connection is closed.
    asker: socket | None = field(default=None, repr=False)
    #: Origin of a store that the provider sent it to, by an address that it signed: no credential goes along.
    store: str | None = None

    @property
    def name(self) -> str:
        """What it is remembered by: of an address that somebody signed, the path alone."""
        return self.target if self.store is None else self.target.partition("?")[0]


class Answered(ABC):
    """What a provider answered."""

    def __init__(self, *, status: int, reason: str, headers: Sequence[tuple[str, str]]) -> None:
        self.status = status
        self.reason = reason
        self.headers = headers

    @abstractmethod
    def blocks(self) -> Iterator[bytes]:
        """Its body, once."""

    @abstractmethod
    def close(self) -> None:
        """Let go of it."""


class Whole(Answered):
    """An answer in memory."""

    def __init__(self, *, status: int, reason: str, headers: Sequence[tuple[str, str]], content: bytes) -> None:
        super().__init__(status=status, reason=reason, headers=headers)
        self.content = content

    def blocks(self) -> Iterator[bytes]:
        yield from filter(None, (self.content,))

    def close(self) -> None:
        """There is nothing to let go of."""

    @property
    def reply(self) -> Reply:
        """As a provider's adapter reads it."""
        headers = {name.lower(): value for name, value in self.headers}
        return Reply(status=self.status, headers=headers, body=self.content)


def read_whole(answered: Answered) -> Whole | NoAnswer:
    """All of an answer, where there is an end in sight."""
    content = bytearray()
    try:
        for block in answered.blocks():
            content += block
            if len(content) > ANSWER_BYTES:
                raise CutOff  # noqa: TRY301
    except CutOff:
        answered.close()
        return NoAnswer(cause="truncated", released=True)
    return Whole(status=answered.status, reason=answered.reason, headers=answered.headers, content=bytes(content))
