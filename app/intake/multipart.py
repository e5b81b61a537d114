"""The parts of a multipart/form-data body, as they arrive.

The PyPI `multipart` push parser in strict mode does the finding; what it lets pass and two readers could understand
differently is refused here and in `part_header`, each rule with its reason beside it.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser

from app.errors import Refusal
from app.intake import header_values, part_header
from app.intake.errors import (
    BadBoundary,
    BodyTooLarge,
    DuplicatePart,
    FieldTooLarge,
    FileTooLarge,
    Malformed,
    NotMultipart,
    PartHeaderTooLarge,
    TooManyParts,
    Truncated,
)
from app.intake.part_header import PartHeader
from app.providers.operation import Operation

#: RFC 2046, 5.1.1. The library takes any bytes but LF, and up to 1024 of them.
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")

_CRLF = b"\r\n"


#: Room for one plain field, beside what an operation's own may have.
FIELD_BYTES: Final = 4096
#: Parts that a form has at most, beside further files.
PARTS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of everything is taken."""

    parts: int = PARTS
    part_header_bytes: int = 4096
    field_bytes: int = FIELD_BYTES
    file_bytes: int = 16384
    body_bytes: int = 65536
    #: How many files may come under one name, to be taken one after the other as they arrive. Where it is more than
    #: one, who takes a file sees to its size: one that is too large is no reason to take no more.
    files: int = 1

    @classmethod
    def of(cls, operation: Operation, *, beside: int = 0, files: int = 1) -> Self:
        """What one operation's body may have; `beside` are the bytes of a face's own fields."""
        largest = max((part.max_bytes for part in operation.parts), default=0)
        return cls(
            parts=PARTS + files - 1,
            # One byte more than the operation takes: its check then says of what is too large what to do about it.
            file_bytes=largest + 1,
            field_bytes=max((4 * field.max_length for field in operation.fields), default=0) + FIELD_BYTES,
            body_bytes=operation.body_bytes + beside + (files - 1) * largest,
            files=files,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PartStart:
    """A part begins; its content follows in blocks."""

    header: PartHeader
    #: Where its content begins in the body: with Content-Length, what a streamed file's own length is measured from.
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartEnd:
    """The part before is whole."""

    size: int


Event = PartStart | bytes | PartEnd


class Source(Protocol):
    """Where a body comes from."""

    @property
    def left(self) -> int | None:
        """Bytes still to come after those that `block` has returned; None where that is not known."""
        ...

    def block(self) -> bytes:
        """The next bytes; b"" at the end."""
        ...


def boundary_of(content_type: str) -> bytes:
    """The boundary that a request's Content-Type names; raises NotMultipart or BadBoundary."""
    media_type = content_type.partition(";")[0].strip(" \t").lower()
    if media_type != "multipart/form-data":
        raise NotMultipart
    parsed = header_values.parse(content_type)
    if parsed is None:  # a second boundary, or what stands between parameters and others may take for one
        raise BadBoundary
    boundary = parsed[1].pop("boundary", "")
    if parsed[1] not in ({}, {"charset": "utf-8"}, {"charset": "UTF-8"}):  # some clients add it; it changes nothing
        raise BadBoundary
    if not _BOUNDARY.fullmatch(boundary):
        raise BadBoundary
    return boundary.encode("ascii")


def parts(source: Source, boundary: bytes, limits: Limits) -> Generator[Event, None, None]:
    """The body's events in order; the last part ends only when the closing delimiter and the body's end were seen.

    Raises a Refusal as soon as the body breaks a rule, whatever came before. How it was cut into blocks changes where
    the content of a part is cut, and which of two faults of one header line is named, and nothing else.
    """
    delimiter = b"\r\n--" + boundary
    parser = _Parser(boundary, limits)
    names: set[str] = set()
    count = 0
    offset = -len(_CRLF)  # of the line break that `_pieces` puts before the body
    for piece in _pieces(source, delimiter, limits.body_bytes):
        for event in parser.events(piece):
            if isinstance(event, MultipartSegment):
                lines = parser.take_lines()
                header, size = part_header.read(lines), 0
                if header.name in names and not (header.filename and limits.files > 1):
                    raise DuplicatePart(
                        field=header.name, name=header.name
                    )  # one reader takes the first, another the last
                if count == limits.parts:
                    raise TooManyParts(limits.parts)
                names.add(header.name)
                count += 1
                offset += len(delimiter) + len(_CRLF) + _length(lines) + len(_CRLF)
                yield PartStart(header=header, offset=offset)
            elif event:
                size += len(event)
                offset += len(event)
                _check_size(header, size, limits)
                yield event
            else:
                yield PartEnd(size=size)
    parser.end()
    if piece != delimiter + b"--":  # the library takes an epilogue, in which another reader may find parts
        raise Malformed


def _pieces(source: Source, delimiter: bytes, most: int) -> Iterator[bytes]:
    """The body in pieces, of which the last is its closing delimiter alone, if it ends with that.

    A line break is put before it, so that the first delimiter is like every other; the optional one after it is left
    out. The library says `strict` to a byte after the closing delimiter only where it comes in another piece.
    """
    closing = delimiter + b"--"
    keep = len(closing) + len(_CRLF)
    opening = held = _CRLF
    count = 0
    while block := source.block():
        count += len(block)
        if count > most:
            raise BodyTooLarge(most)
        opening += block[: len(delimiter) - len(opening)]
        if not delimiter.startswith(opening):  # the library takes a preamble, in which another reader may find parts
            raise Malformed
        if source.left is not None and source.left >= keep:
            yield from filter(None, (held, block))
            held = b""
        else:
            held += block
            yield from filter(None, (held[:-keep],))
            held = held[-keep:]
    if held.endswith(closing + _CRLF):
        held = held.removesuffix(_CRLF)
    if held.endswith(closing):
        yield from filter(None, (held.removesuffix(closing), closing))
    else:
        yield held


def _length(lines: list[bytes]) -> int:
    return sum(len(line) + len(_CRLF) for line in lines)


def _check_size(header: PartHeader, size: int, limits: Limits) -> None:
    if header.filename is None and size > limits.field_bytes:
        raise FieldTooLarge(limits.field_bytes, field=header.name, name=header.name)
    if header.filename is not None and limits.files == 1 and size > limits.file_bytes:
        raise FileTooLarge(limits.file_bytes, field=header.name, name=header.name)


class _Parser(PushMultipartParser):  # type: ignore[misc]
    """The library's parser; keeps each header line as it was sent, before the library strips and reads it."""

    def __init__(self, boundary: bytes, limits: Limits) -> None:
        # One more than is taken: the library also counts the CR of a line whose LF has not come yet.
        super().__init__(boundary, max_header_size=limits.part_header_bytes + 1, strict=True)
        self._most = limits.part_header_bytes
        self._lines: list[bytes] = []
        #: Whether what comes next is a part's content.
        self._within = False

    def events(self, piece: bytes) -> Iterator[Any]:
        """What the library finds in a piece; its exceptions stop here, since they hold on to its buffers."""
        refusal: Refusal
        if self._within and not self._buffer and b"\r" not in piece:  # no delimiter begins in it, or goes on
            yield piece
            return
        try:
            for event in self.parse(piece):
                self._within = event is not None
                yield event
        except ParserLimitReached:
            refusal = PartHeaderTooLarge(self._most)
        except MultipartError:
            refusal = Malformed()
        else:
            return
        raise refusal

    def end(self) -> None:
        """The body is over; raises Truncated where its closing delimiter has not been seen."""
        try:
            self.close()
        except MultipartError:
            complete = False
        else:
            complete = True
        if not complete:
            raise Truncated

    def take_lines(self) -> list[bytes]:
        """The header lines of the part that has just begun."""
        lines, self._lines = self._lines, []
        return lines

    def _on_segment_headerline(self, line: bytes) -> None:
        # Not a documented hook: were it no longer called, no part would have a header, and every body be refused.
        self._lines.append(line)
        if _length(self._lines) > self._most:
            raise PartHeaderTooLarge(self._most)
        super()._on_segment_headerline(line)
