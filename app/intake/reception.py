"""One hand-in's body, from its headers to its last byte."""

from __future__ import annotations

import hashlib
import time
import traceback
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import SecretStr

from app.errors import Refusal
from app.intake import multipart
from app.intake.arriving import Arriving, Following, Streamed, Unmeasured
from app.intake.body import Body
from app.intake.errors import (
    BadFileName,
    BodyTooLarge,
    Encoded,
    FileTooLarge,
    LengthRequired,
    Malformed,
    NotAField,
    NotAFile,
    NotText,
    TooManyFiles,
    Truncated,
    UnknownPart,
)
from app.intake.multipart import Event, Limits, PartEnd, PartStart
from app.intake.pace import Clock, Deadlines
from app.intake.part_header import PartHeader

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectedFile:
    """A file that is whole and in memory."""

    name: str
    filename: str
    content_type: str
    content: bytes = field(repr=False)
    sha256: str

    def blocks(self) -> Iterator[bytes]:
        yield self.content


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """All parts of a body whose closing delimiter was seen. A file input that was left empty is not there."""

    fields: dict[str, str] = field(repr=False)
    secrets: dict[str, SecretStr]
    files: dict[str, CollectedFile]


@contextmanager
def receive(
    environ: WSGIEnvironment, limits: Limits, deadlines: Deadlines, *, clock: Clock = time.monotonic
) -> Iterator[Reception]:
    """Begin to take a hand-in: what its headers say is judged before a byte of its body is read.

    Raises a Refusal, here and from whatever reads. Where it ends with one, nothing keeps what had arrived: not even
    the refusal's traceback, whose frames would otherwise hold a password's buffer for as long as somebody logs it.
    """
    try:
        body = Body.of(environ, deadlines, clock)
        boundary = multipart.boundary_of(environ.get("CONTENT_TYPE", ""))
        judge(environ, body)
        if body.left is not None and body.left > limits.body_bytes:
            raise BodyTooLarge(limits.body_bytes)
        try:
            with closing(multipart.parts(body, boundary, limits)) as events:
                yield Reception(_told(events, body), body, limits, closing_bytes=len(b"\r\n----\r\n") + len(boundary))
        except Truncated:
            _distrust(body)
            raise
    except Refusal as refusal:
        traceback.clear_frames(refusal.__traceback__)
        raise


class Reception:
    """The events of one body, to be taken once."""

    def __init__(self, events: Iterator[Event], body: Body, limits: Limits, *, closing_bytes: int) -> None:
        self._events = events
        self._body = body
        self._limits = limits
        self._closing_bytes = closing_bytes
        self._length = body.left

    def collect(self, *, files: Collection[str], fields: Collection[str], secrets: Collection[str]) -> Collected:
        """Take all parts, in any order, into memory; nothing is returned before the closing delimiter was seen."""
        kept: dict[str, tuple[PartHeader, bytearray]] = {}
        content = bytearray()
        for event in self._events:
            if isinstance(event, PartStart):
                header = event.header
                _admit(header, files=files, fields={*fields, *secrets})
                content = bytearray()
                kept[header.name] = header, content
            elif not isinstance(event, PartEnd):
                content += event
        return Collected(
            fields={name: text(name, kept[name][1]) for name in fields if name in kept},
            secrets={name: SecretStr(text(name, kept[name][1])) for name in secrets if name in kept},
            files={name: _file(*kept[name]) for name in files if name in kept and not _is_empty_input(*kept[name])},
        )

    def stream(
        self, *, files: Collection[str], fields: Collection[str], secrets: Collection[str], measured: bool = True
    ) -> Streamed:
        """Take the parts before the first file, which is left to arrive; an input that was left empty is no file.

        A file that is too large is refused by what is left of the body. Where nothing says how much that is, raises
        LengthRequired if it has to be `measured`; else, and where it may be several files, it is refused when it is
        too large.
        """
        if self._length is None and measured:
            raise LengthRequired
        kept: dict[str, tuple[PartHeader, bytearray]] = {}
        content = bytearray()
        file = following = None
        for event in self._events:
            if isinstance(event, PartStart):
                header = event.header
                _admit(header, files=files, fields={*fields, *secrets})
                if header.filename:
                    following = Following(self._events, header.name) if self._limits.files > 1 else None
                    file = self._arriving(event, following)
                    break
                content = bytearray()
                kept[header.name] = header, content
            elif not isinstance(event, PartEnd):
                if header.filename is not None:
                    raise BadFileName(field=header.name)
                content += event
        return Streamed(
            fields={name: text(name, kept[name][1]) for name in fields if name in kept},
            secrets={name: SecretStr(text(name, kept[name][1])) for name in secrets if name in kept},
            file=file,
            others=self._others(following) if following else (),
        )

    def _arriving(self, start: PartStart, following: Following | None) -> Arriving:
        limit, name = self._limits.file_bytes, start.header.name
        if self._length is None:
            return self._unmeasured(start, following)
        size = self._length - start.offset - self._closing_bytes
        if size <= limit:
            return Arriving(start.header, self._events, self._body, size, following)
        if following:  # it is too large, or not the last
            return self._unmeasured(start, following)
        raise FileTooLarge(limit, field=name, name=name)

    def _others(self, following: Following) -> Iterator[Unmeasured]:
        count = 1
        while start := following.take():
            count += 1
            if count > self._limits.files:
                raise TooManyFiles(self._limits.files, field=start.header.name)
            yield self._unmeasured(start, following)

    def _unmeasured(self, start: PartStart, following: Following | None) -> Unmeasured:
        return Unmeasured(start.header, self._events, self._body, self._limits.file_bytes, following)


def _told(events: Iterator[Event], body: Body) -> Iterator[Event]:
    """The same; that the body broke off is remembered also where somebody goes on with what came before."""
    try:
        yield from events
    except Truncated:
        _distrust(body)
        raise


def _distrust(body: Body) -> None:
    body.trusted = False  # its Content-Length may be too short: what follows is then no request


def judge(environ: WSGIEnvironment, body: Body) -> None:
    """What the headers of any body can be refused for: that it is encoded, or that nothing says where it ends."""
    codings = environ.get("HTTP_CONTENT_ENCODING", "identity"), environ.get("HTTP_TRANSFER_ENCODING", "chunked")
    if tuple(coding.lower() for coding in codings) != ("identity", "chunked"):
        raise Encoded
    if not body.trusted:
        raise Malformed
    if body.left is not None and not environ.get("CONTENT_LENGTH"):
        raise LengthRequired


def _admit(header: PartHeader, *, files: Collection[str], fields: Collection[str]) -> None:
    name = header.name
    if name in files:
        if header.filename is None:
            raise NotAFile(field=name, name=name)
    elif name in fields:
        if header.filename is not None:
            raise NotAField(field=name, name=name)
    else:
        raise UnknownPart(name=name)


def _is_empty_input(header: PartHeader, content: bytearray) -> bool:
    return not header.filename and not content


def _file(header: PartHeader, content: bytearray) -> CollectedFile:
    if not header.filename:
        raise BadFileName(field=header.name)
    return CollectedFile(
        name=header.name,
        filename=header.filename,
        content_type=header.content_type or "application/octet-stream",
        content=bytes(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def text(name: str, content: bytearray) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:  # raised out here, because the decoder's exception holds on to the bytes; no database takes a NUL
        raise NotText(field=name, name=name)
    return text
