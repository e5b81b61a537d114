"""A reader of multipart/form-data of the sandbox's own: incremental, exact to the byte, and lenient in all else.

Written anew on purpose. The gateway's parser would agree with the gateway's mistakes, and Werkzeug's, an obvious
choice, was found to put a stray CR into a part when a block ends at an unlucky byte: no witness to compare hashes with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from werkzeug.http import parse_options_header

#: Longest header of a part.
HEADER_BYTES = 16 << 10

_BLANK_LINE = b"\r\n\r\n"


class Malformed(ValueError):  # noqa: N818 - named for what is wrong
    """Not multipart/form-data, or damaged beyond guessing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartHead:
    """What a part says of itself."""

    name: str
    filename: str | None
    content_type: str | None


class PartEnd:
    """The part that began last is whole."""


Event = PartHead | bytes | PartEnd


class _State(Enum):
    PREAMBLE = auto()
    HEADER = auto()
    CONTENT = auto()
    EPILOGUE = auto()


class MultipartReader:
    """Fed in blocks of any size, it gives each part's head, its content in pieces, and its end."""

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"\r\n--" + boundary
        # The first delimiter may stand at the very beginning.
        self._buffer = bytearray(b"\r\n")
        self._state = _State.PREAMBLE

    @property
    def complete(self) -> bool:
        """The closing delimiter has been seen; what follows it does not matter."""
        return self._state is _State.EPILOGUE

    def feed(self, block: bytes) -> Iterator[Event]:
        """Take the next block. Raises Malformed; the reader is of no use then."""
        self._buffer += block
        while True:
            if self.complete:
                self._buffer.clear()
                return
            events, goes_on = self._header() if self._state is _State.HEADER else self._content()
            yield from events
            if not goes_on:
                return

    def _header(self) -> tuple[list[Event], bool]:
        # The buffer begins with the end of the delimiter's line, so a part without any header has a blank line too.
        end = self._buffer.find(_BLANK_LINE)
        if end < 0:
            if len(self._buffer) > HEADER_BYTES:
                raise Malformed
            return [], False
        head = _head(bytes(self._buffer[:end]))
        del self._buffer[: end + len(_BLANK_LINE)]
        self._state = _State.CONTENT
        return [head], True

    def _content(self) -> tuple[list[Event], bool]:
        """Give what is surely content; stop at a delimiter, or at what may become one with the next block."""
        at = self._buffer.find(self._delimiter)
        if at < 0:
            return self._give(max(0, len(self._buffer) - len(self._delimiter) + 1)), False
        after = self._buffer[at + len(self._delimiter) :]
        padding = len(after) - len(after.lstrip(b" \t"))
        line_end = bytes(after[padding : padding + 2])
        if after.startswith(b"--"):
            ended, self._state = self._end(at), _State.EPILOGUE
            return ended, True
        if line_end == b"\r\n":
            ended, self._state = self._end(at), _State.HEADER
            del self._buffer[: len(self._delimiter) + padding]
            return ended, True
        if line_end in {b"", b"\r"} or bytes(after) == b"-":
            return self._give(at), False
        # A longer word that only begins like the boundary.
        return self._give(at + 1), True

    def _give(self, count: int) -> list[Event]:
        piece = bytes(self._buffer[:count])
        del self._buffer[:count]
        return [piece] if piece and self._state is _State.CONTENT else []

    def _end(self, at: int) -> list[Event]:
        piece = self._give(at)
        return [*piece, PartEnd()] if self._state is _State.CONTENT else piece


def _head(text: bytes) -> PartHead:
    try:
        lines = [line.partition(":") for line in text.decode().split("\r\n") if line]
    except UnicodeDecodeError:
        raise Malformed from None
    headers: Mapping[str, str] = {name.strip().lower(): value.strip() for name, _, value in lines}
    kind, options = parse_options_header(headers.get("content-disposition"))
    if kind != "form-data" or "name" not in options:
        raise Malformed
    return PartHead(name=options["name"], filename=options.get("filename"), content_type=headers.get("content-type"))
