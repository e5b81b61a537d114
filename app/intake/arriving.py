"""A file that is still on its way in."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from pydantic import SecretStr

from app.errors import Refusal
from app.intake.body import Body
from app.intake.errors import DuplicatePart, FieldsAfterFile, FileTooLarge, Malformed, Truncated
from app.intake.multipart import Event, PartEnd, PartStart
from app.intake.part_header import PartHeader

#: A file of at most so many bytes is read whole before anything is done with it.
SMALL: Final = 1 << 16
#: What comes after a file and is none, or what nobody can read: the file before it is not taken either.
IN_DOUBT: Final = (DuplicatePart, FieldsAfterFile, Malformed)


class Following:
    """What comes after a file, where several of one name may come."""

    def __init__(self, events: Iterator[Event], name: str) -> None:
        self._events = events
        self._name = name
        self._start: PartStart | None = None
        self._broken: Refusal | None = None

    def look(self) -> bool:
        """Look past a file whose delimiter was seen: whether more was to come.

        Raises what leaves in doubt where the file ends, or what it was meant to be. A body that breaks off there leaves
        it whole; that is raised by whoever takes the next.
        """
        try:
            self._start = self._next()
        except IN_DOUBT:
            self._events = iter(())  # nothing of what else is there is taken
            raise
        except Refusal as refusal:
            self._broken = refusal
        return self._start is not None or self._broken is not None

    def take(self) -> PartStart | None:
        """The next file, after what is left of the one before; None: there is none. Raises what the body ended by."""
        if self._broken is not None:
            raise self._broken
        start, self._start = self._start or self._next(), None
        return start

    def _next(self) -> PartStart | None:
        start = next((event for event in self._events if isinstance(event, PartStart)), None)
        if start is not None and (start.header.name != self._name or not start.header.filename):
            raise FieldsAfterFile(field=start.header.name)
        return start


class Arriving:
    """The last part of a body: a file whose bytes are taken as they come, once.

    Its size is what is left of the Content-Length, less the closing delimiter and the line break behind it. A small
    file is read whole by whoever first asks for its size, and counted: the line break may be missing. A large one
    without it is Truncated, which is raised before the byte that is one too many.

    Where several files may come, nobody knows that one is the last before its end. It is supposed to be; if it was not
    it is `followed`, and smaller than was said.
    """

    def __init__(
        self, header: PartHeader, events: Iterator[Event], body: Body, size: int, following: Following | None = None
    ) -> None:
        self.name: Final = header.name
        self.filename: Final = header.filename or ""
        #: As the client said.
        self.content_type: Final = header.content_type or "application/octet-stream"
        #: Knows whether the client is still there.
        self.body: Final = body
        #: Whether its end was seen, and another file after it; then its size is what came.
        self.followed = False
        self._events = events
        self._size = size
        self._following = following
        self._ahead: deque[bytes] = deque()
        self._gathered = False
        self._ended = False

    @property
    def size(self) -> int:
        """In bytes, exactly."""
        self._count()
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

    def look_ahead(self, count: int) -> bool:
        """Whether another file follows, as far as the first bytes tell, at most `count` of a large one."""
        self.head(count)
        self._count()
        return self.followed

    def blocks(self) -> Iterator[bytes]:
        """All of it, once; ends only after the closing delimiter and the body's end were seen, and raises otherwise."""
        left = self.size
        while block := self._ahead.popleft() if self._ahead else self._read():
            left -= len(block)
            if left < 0:
                raise Truncated
            yield block
        if self.followed:
            self._size, self._gathered = self._size - left, True

    def _count(self) -> None:
        """Read a small one whole."""
        if self._size > SMALL or self._gathered:
            return
        self._gathered = True
        while block := self._read():
            self._ahead.append(block)
        self._size = sum(map(len, self._ahead))

    def _read(self) -> bytes:
        """The next block; b"" at the end, as often as it is asked for."""
        if self._ended:
            return b""
        for event in self._events:
            if isinstance(event, PartStart):
                raise FieldsAfterFile(field=event.header.name)
            if not isinstance(event, PartEnd):
                return event
            if self._following is not None:
                self._ended = True
                self.followed = self._following.look()
                break
        return b""


class Unmeasured(Arriving):
    """The same of a body that has no length, or of a file after which others may come: its size shows at its end.

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
    #: Where several may come, those after it, each to be taken before the next is asked for: what is left of one is
    #: skipped. Raises what the body ended by, TooManyFiles among it.
    others: Iterable[Unmeasured] = field(default=(), compare=False, repr=False)
