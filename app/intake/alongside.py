"""A body that is passed on as it came, and read along on its way: what is judged is what leaves, byte for byte.

Its parts may come in any order, as the clients of vendors send them: one file, or all of a body that is small. What
was read is given on block by block, but for its tail: the last byte before the closing delimiter, and all behind it.
That waits for the body's end and whoever judges; without it there is neither a whole request nor a whole form.
"""

from __future__ import annotations

import time
import traceback
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.errors import Refusal
from app.intake import multipart
from app.intake.arriving import Arriving
from app.intake.body import Body
from app.intake.errors import (
    BadFileName,
    BodyTooLarge,
    FileTooLarge,
    LengthRequired,
    NotAField,
    NotAFile,
    TooManyFiles,
    Truncated,
    UnknownPart,
)
from app.intake.multipart import Event, Limits, PartEnd, PartStart
from app.intake.pace import Clock, Deadlines
from app.intake.part_header import PartHeader
from app.intake.reception import Collected, Reception, judge, text

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a vendor calls the parts of a form, by what they are for us."""

    #: A file's name there → the operation's own name for it.
    files: Mapping[str, str]
    fields: Collection[str] = ()
    secrets: Collection[str] = ()


class Tap:
    """A source of multipart events that keeps what was read of it until somebody takes it."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._kept: deque[bytes] = deque()

    @property
    def left(self) -> int | None:
        """Bytes still to come."""
        return self._body.left

    def block(self) -> bytes:
        """The next bytes; b"" at the end."""
        block = self._body.block()
        if block:
            self._kept.append(block)
        return block

    def take(self) -> Iterator[bytes]:
        """What was read since it was last taken."""
        while self._kept:
            yield self._kept.popleft()


@contextmanager
def read_along(
    environ: WSGIEnvironment, names: Names, limits: Limits, deadlines: Deadlines, *, clock: Clock = time.monotonic
) -> Iterator[Alongside]:
    """Begin to take a form that is to be passed on; raises as `receive` does, and LengthRequired without a length."""
    try:
        body = Body.of(environ, deadlines, clock)
        boundary = multipart.boundary_of(environ.get("CONTENT_TYPE", ""))
        judge(environ, body)
        if body.left is None:
            raise LengthRequired
        if body.left > limits.body_bytes:
            raise BodyTooLarge(limits.body_bytes)
        tap = Tap(body)
        try:
            with closing(multipart.parts(tap, boundary, limits)) as events:
                yield Alongside(tap, events, body, names, limits, closing_bytes=len(b"\r\n----\r\n") + len(boundary))
        except Truncated:
            body.trusted = False  # its length may be too short: what follows is then no request
            raise
    except Refusal as refusal:
        traceback.clear_frames(refusal.__traceback__)
        raise


class Alongside:
    """One body, to be read once: whole by `collect`, or by `file` and then `passed`."""

    def __init__(
        self, tap: Tap, events: Iterator[Event], body: Body, names: Names, limits: Limits, *, closing_bytes: int
    ) -> None:
        self.body: Final = body
        #: Bytes of it all.
        self.length: Final = body.left or 0
        #: What the fields say that have come so far.
        self.fields: Final[dict[str, str]] = {}
        self._tap = tap
        self._events = events
        self._names = names
        self._limits = limits
        self._closing_bytes = closing_bytes

    def collect(self) -> tuple[Collected, bytes]:
        """Take all of it into memory; its parts under the names that they have for us, and as it came."""
        named = (_renamed(event, self._names.files) for event in self._events)
        reception = Reception(named, self.body, self._limits, closing_bytes=self._closing_bytes)
        collected = reception.collect(
            files=set(self._names.files.values()), fields=self._names.fields, secrets=self._names.secrets
        )
        return collected, b"".join(self._tap.take())

    def file(self) -> Arriving | None:
        """Take what comes before the file, which is left to arrive; None where there is none.

        Its `size` is the most that it can have: exact where nothing comes after it.
        """
        start = self._next_file()
        if start is None:
            return None
        name = self._names.files[start.header.name]
        most = self._limits.file_bytes
        room = self.length - start.offset - self._closing_bytes
        if room > most + self._limits.field_bytes:  # more than what may come after it
            raise FileTooLarge(most, field=name, name=name)
        header = PartHeader(name=name, filename=start.header.filename, content_type=start.header.content_type)
        return Arriving(header, self._content(), self.body, min(room, most))

    def passed(self, judged: Iterable[bytes]) -> Iterator[bytes]:
        """The body as it came, as far as the file in it has been judged; its tail once `judged` has ended.

        Of a body that is here already nothing leaves before that.
        """
        free = 0 if self.body.left == 0 else self.length - self._closing_bytes - 1
        tail = bytearray()
        for _ in judged:
            for block in self._tap.take():
                tail += block[max(free, 0) :]
                if free > 0:
                    yield block[:free]
                free -= len(block)
        for block in self._tap.take():
            tail += block
        yield bytes(tail)

    def _content(self) -> Iterator[Event]:
        """The file's bytes; then whatever comes after it is read, too."""
        while isinstance(event := next(self._events), bytes):
            yield event
        if (another := self._next_file()) is not None:
            raise TooManyFiles(1, field=another.header.name)

    def _next_file(self) -> PartStart | None:
        """Take fields until a file begins; None at the body's end."""
        name, content = "", bytearray()
        for event in self._events:
            if isinstance(event, PartStart):
                if event.header.name in self._names.files:
                    return _checked(event)
                name, content = self._field(event.header), bytearray()
            elif isinstance(event, PartEnd):
                self.fields[name] = text(name, content)
            else:
                content += event
        return None

    def _field(self, header: PartHeader) -> str:
        """The name of a field that there may be."""
        if header.name not in self._names.fields:
            raise UnknownPart(name=header.name)
        if header.filename is not None:
            raise NotAField(field=header.name, name=header.name)
        return header.name


def _checked(start: PartStart) -> PartStart:
    """The same, if it is a file's with a name."""
    name = start.header.name
    if start.header.filename is None:
        raise NotAFile(field=name, name=name)
    if not start.header.filename:
        raise BadFileName(field=name)
    return start


def _renamed(event: Event, files: Mapping[str, str]) -> Event:
    """The same event under our own name of its part; one that is ours and not the vendor's is none."""
    if not isinstance(event, PartStart):
        return event
    name = event.header.name
    if name in files.values() and name not in files:
        raise UnknownPart(name=name)
    header = PartHeader(
        name=files.get(name, name), filename=event.header.filename, content_type=event.header.content_type
    )
    return PartStart(header=header, offset=event.offset)
