"""A file that is still on its way in."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from pydantic import SecretStr

from app.intake.body import Body
from app.intake.errors import FieldsAfterFile, FileTooLarge, Truncated
from app.intake.multipart import Event, PartEnd, PartStart
from app.intake.part_header import PartHeader

#: A file of at most so many bytes is read whole before anything is done with it.
SMALL: Final = 1 << 16


class Arriving:
    """The last part of a body: a file whose bytes are taken as they come, once.

    Its size is what is left of the Content-Length, less the closing delimiter and the line break behind it. A small
    file is read whole by whoever first asks for its size, and counted: the line break may be missing. A large one
    without it is Truncated, which is raised before the byte that is one too many.
    """

    def __init__(self, header: PartHeader, events: Iterator[Event], body: Body, size: int) -> None:
        self.name: Final = header.name
        self.filename: Final = header.filename or ""
        #: As the client said.
        self.content_type: Final = header.content_type or "application/octet-stream"
        #: Knows whether the client is still there.
        self.body: Final = body
        self._events = events
        self._size = size
        self._ahead: deque[bytes] = deque()
        self._gathered = False

    @property
    def size(self) -> int:
        """In bytes, exactly."""
        if self._size <= SMALL and not self._gathered:
            self._gather()
        return self._size

    @property
    def whole(self) -> bool:
        """Whether all of it is in memory, and the closing delimiter was seen."""
        return self.size <= SMALL

    def head(self, count: int) -> bytes:
        """The first bytes, at most `count`; fewer only where there are no more. They stay to be taken."""
        held = sum(map(len, self._ahead))
        while held < count and (block := self._read()):
            self._ahead.append(block)
            held += len(block)
        return b"".join(self._ahead)[:count]

    def blocks(self) -> Iterator[bytes]:
        """All of it, once; ends only after the closing delimiter and the body's end were seen, and raises otherwise."""
        left = self.size
        while block := self._ahead.popleft() if self._ahead else self._read():
            left -= len(block)
            if left < 0:
                raise Truncated
            yield block

    def _gather(self) -> None:
        self._gathered = True
        while block := self._read():
            self._ahead.append(block)
        self._size = sum(map(len, self._ahead))

    def _read(self) -> bytes:
        """The next block; b"" at the end, as often as it is asked for."""
        for event in self._events:
            if isinstance(event, PartStart):
                raise FieldsAfterFile(field=event.header.name)
            if not isinstance(event, PartEnd):
                return event
        return b""


class Unmeasured(Arriving):
    """The same of a body that has no length: how large the file is shows at its end.

    `size` is the most that is taken; a larger one is FileTooLarge, raised before the byte that is one too many.
    """

    def blocks(self) -> Iterator[bytes]:
        """All of it, once; ends only after the closing delimiter and the body's end were seen, and raises otherwise."""
        left = self._size
        while block := self._read():
            left -= len(block)
            if left < 0:
                raise FileTooLarge(self._size, field=self.name, name=self.name)
            yield block


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed:
    """What came before the file, and the file: none where a body has none, or where its input was left empty."""

    fields: dict[str, str] = field(repr=False)
    secrets: dict[str, SecretStr]
    file: Arriving | None
