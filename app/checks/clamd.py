"""Speaks with ClamAV's daemon: a command, blocks that say how long they are, an empty one, and a line as the answer.

It is what judges; what a verdict does, and none, is `app.checks.antivirus`.
"""

from __future__ import annotations

import re
import socket
import struct
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import ClassVar, Final, Self
from urllib.parse import urlsplit

from app.config import Settings

Block = bytes | memoryview

_LENGTH: Final = struct.Struct("!L")
_END: Final = bytes(4)
#: A verdict is a line; more is none.
_MOST_ANSWER_BYTES: Final = 1024
#: `settimeout` takes a nought for 'do not wait'.
_LEAST: Final = 0.001

_SLOW: Final = "it is too slow"
_CLEAN: Final = "stream: OK"
#: Whatever it calls it: what is found and has an odd name is found.
_FOUND: Final = re.compile(r"stream: *(.*?) *FOUND", re.DOTALL)
_ODD: Final = re.compile(r"[^\w.+/:(){}#-]+")
#: What it says of a file that it did not look through, if it is set up to say so: AlertExceedsMax.
_BEYOND: Final = "Heuristics.Limits.Exceeded"
_TOO_LONG: Final = "INSTREAM size limit exceeded. ERROR"


class NoVerdict(Exception):  # noqa: N818 - nothing is wrong with the file
    """The daemon does not say what it thinks of a file; `detail` says why, for operators."""

    slug: ClassVar[str] = "scanner-away"

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__(detail)


class Beyond(NoVerdict):
    """The file is more than the daemon looks through."""

    slug: ClassVar[str] = "not-scannable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner:
    """A daemon: where it listens, how long one file may wait for it, and what holds without its verdict."""

    #: `unix:///path` or `tcp://host:port`.
    url: str
    #: To connect; and all waits for it that one file comes to, its verdict's included.
    connect_seconds: float
    seconds: float
    #: Larger files are not shown to it.
    most_bytes: int
    #: Whether nothing is handed in without its verdict.
    required: bool
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def from_settings(cls, settings: Settings) -> Self | None:
        """None where files are not scanned."""
        if settings.antivirus == "off":
            return None
        return cls(
            url=settings.antivirus_url,
            connect_seconds=settings.connect_seconds,
            seconds=settings.antivirus_seconds,
            most_bytes=settings.antivirus_max_bytes,
            required=settings.antivirus == "required",
        )

    def version(self) -> str:
        """What it says it is, with the number and date of its signatures; raises NoVerdict."""
        return _Line(self, b"VERSION").answer()

    def answers(self) -> bool:
        """Whether it is there, and soon."""
        with suppress(NoVerdict):
            return _Line(replace(self, seconds=self.connect_seconds), b"PING").answer() == "PONG"
        return False

    def look(self, *blocks: Block) -> str:
        """The name of what it finds in so many bytes, or nothing; raises NoVerdict."""
        stream = Stream(self)
        for block in blocks:
            stream.feed(block)
        return stream.verdict()


def signed_at(version: str) -> datetime | None:
    """When the signatures were made that a daemon says it has: `ClamAV 1.4.6/27810/Sat Nov 21 09:12:44 2026`."""
    with suppress(ValueError):
        return datetime.strptime(version.rpartition("/")[2], "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    return None


class _Line:
    """A connection, and one command on it. Whatever keeps the daemon from answering is a NoVerdict."""

    def __init__(self, scanner: Scanner, command: bytes) -> None:
        self._clock = scanner.clock
        self._left = scanner.seconds
        with self._waiting(min(scanner.connect_seconds, scanner.seconds)) as seconds:
            self._socket = _connected(scanner.url, seconds)
        #: Also where a file is given up, and nobody says so.
        self._close = weakref.finalize(self, self._socket.close)
        self._send(b"z" + command + b"\0")

    def answer(self) -> str:
        """The line that it says, after which nothing more is said."""
        said = bytearray()
        try:
            while b"\0" not in said and len(said) <= _MOST_ANSWER_BYTES:
                with self._waiting() as seconds:
                    self._socket.settimeout(seconds)
                    received = self._socket.recv(_MOST_ANSWER_BYTES)
                if not received:
                    raise NoVerdict("it ended in the middle")
                said += received
        finally:
            self._close()
        return said.partition(b"\0")[0].decode(errors="replace").strip()

    def _send(self, data: Block) -> None:
        with self._waiting() as seconds:
            self._socket.settimeout(seconds)
            self._socket.sendall(data)  # for so long in all

    @contextmanager
    def _waiting(self, most: float | None = None) -> Iterator[float]:
        """Wait for it, for no longer than is left to it; it is not asked again after that."""
        if self._left <= 0:
            raise NoVerdict(_SLOW)
        began = self._clock()
        try:
            yield max(self._left if most is None else most, _LEAST)
        except TimeoutError:
            raise NoVerdict(_SLOW) from None
        except OSError as exc:
            raise NoVerdict(exc.strerror or str(exc) or type(exc).__name__) from None
        finally:
            self._left -= self._clock() - began


class Stream(_Line):
    """A file that it is shown: block by block, and then its verdict. Memory: none of ours."""

    def __init__(self, scanner: Scanner) -> None:
        super().__init__(scanner, b"INSTREAM")

    def feed(self, block: Block) -> None:
        if block:  # an empty one is the end
            self._send(_LENGTH.pack(len(block)))
            self._send(block)

    def verdict(self) -> str:
        """The name of what was found, or nothing."""
        self._send(_END)
        return _judged(self.answer())

    def _send(self, data: Block) -> None:
        """It says that a file is too long before it hangs up on it, which is noticed only at what follows."""
        try:
            super()._send(data)
        except NoVerdict as none:
            raise (Beyond(_TOO_LONG) if self._last_words() == _TOO_LONG else none) from None

    def _last_words(self) -> str:
        with suppress(NoVerdict):
            return self.answer()
        return ""


def _judged(answer: str) -> str:
    """What an answer says was found; raises NoVerdict for whatever is no verdict on the whole file."""
    if answer == _CLEAN:
        return ""
    if answer == _TOO_LONG:
        raise Beyond(_TOO_LONG)
    found = _FOUND.fullmatch(answer)
    if found is None:
        raise NoVerdict(f"it says {answer[:200]!r}")
    if found[1].startswith(_BEYOND):
        raise Beyond(f"it did not look through all of it: {found[1][:200]}")
    return _ODD.sub("_", found[1])[:200] or "?"


def _connected(url: str, seconds: float) -> socket.socket:
    parts = urlsplit(url)
    if parts.scheme == "tcp":
        made = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=seconds)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made
    made = socket.socket(socket.AF_UNIX)
    try:
        made.settimeout(seconds)
        made.connect(parts.path)
    except BaseException:
        made.close()
        raise
    return made
