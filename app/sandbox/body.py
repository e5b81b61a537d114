"""Request bodies: read as they arrive, hashed whole, and taken apart leniently, by part name and in any order."""

from __future__ import annotations

import errno
import os
import time
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from werkzeug.http import parse_options_header

from app.sandbox.files import Held
from app.sandbox.ledger import Entry, Part
from app.sandbox.multipart import Event, Malformed, MultipartReader, PartHead

if TYPE_CHECKING:
    import socket
    from pathlib import Path
    from wsgiref.types import WSGIEnvironment

BLOCK_BYTES = 256 << 10
#: Longest silence of a client in the middle of a body, in seconds.
IDLE_SECONDS = 120.0


class Gone(ConnectionResetError):  # noqa: N818 - named for what happened
    """The client left, or fell silent, before its body had arrived. The server closes without a word in its log."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, os.strerror(errno.ECONNRESET))


class Incoming:
    """A body in blocks as they come from the socket, so that the times in the ledger are true.

    The server's own reader waits until a block is full. It is told what was taken, and what was read ahead of the
    body's end stays with it for the next request.
    """

    def __init__(self, environ: WSGIEnvironment) -> None:
        self._input: Any = environ["wsgi.input"]
        self._socket: socket.socket | None = environ.get("gunicorn.socket")
        self._chunked = bool(environ.get("HTTP_TRANSFER_ENCODING"))
        self._left = int(environ.get("CONTENT_LENGTH") or 0)
        self.ended = not self._chunked and not self._left
        if self._socket is not None:
            self._socket.settimeout(IDLE_SECONDS)

    def read(self, most: int) -> bytes:
        """At least one byte and at most `most`; none at the end. Raises Gone."""
        if self.ended:
            return b""
        most = min(most, BLOCK_BYTES)
        try:
            block = self._chunk(most) if self._chunked else self._plain(min(most, self._left))
        except Exception as exc:  # whatever the server's reader makes of a broken body
            self.abandon()
            raise Gone from exc
        return block

    def abandon(self) -> None:
        """Read no further: the server must not look for another request on this connection."""
        self._input.failed = True
        self.ended = True

    def _plain(self, most: int) -> bytes:
        if self._socket is None:
            block: bytes = self._input.read(most)
        else:
            unreader = self._input.reader.unreader
            held = unreader.take_buffered()
            block = held[:most] or self._socket.recv(most)
            unreader.unread(held[most:])
            self._input.reader.length = self._left - len(block)
        if not block:
            raise EOFError
        self._left -= len(block)
        self.ended = not self._left
        return block

    def _chunk(self, most: int) -> bytes:
        if self._socket is None:
            block: bytes = self._input.read(most)
        else:
            reader = self._input.reader
            block = reader.read(1)
            if block and most > 1:
                # What else came with that byte is there already: asking for exactly it does not wait.
                block += reader.read(min(most - 1, reader.buf.tell()))
        self.ended = not block
        return block


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedPart:
    """One part of a multipart body."""

    name: str
    filename: str | None
    content_type: str | None
    held: Held

    @property
    def is_file(self) -> bool:
        return self.filename is not None

    def ledgered(self) -> Part:
        return Part(
            name=self.name,
            filename=self.filename,
            content_type=self.content_type,
            size=self.held.size,
            sha256=self.held.sha256,
        )


class Received:
    """A body and what could be made of it. Views get it when it is whole."""

    def __init__(self, entry: Entry, content_type: str, folder: Path, *, also: Any = None) -> None:
        """`also`: a hash of another kind that is to see the whole body."""
        self.entry = entry
        self.also = also
        self.parts: list[ReceivedPart] = []
        #: The body is multipart/form-data from its first delimiter to its last.
        self.multipart = False
        #: The body, where it is anything else.
        self.plain = Held(folder)
        self._folder = folder
        kind, options = parse_options_header(content_type)
        boundary = options.get("boundary", "").encode()
        self._reader = MultipartReader(boundary) if kind == "multipart/form-data" and boundary else None
        #: Of the body; one that is not taken apart has been hashed where it is held.
        self._hash = sha256() if self._reader else None

    def fill(self, incoming: Incoming, upto: int | None = None) -> None:
        """Take the body up to that many bytes of it in all, or to its end."""
        entry = self.entry
        while not incoming.ended and (upto is None or entry.bytes < upto):
            block = incoming.read(BLOCK_BYTES if upto is None else upto - entry.bytes)
            if block:
                entry.last_byte_at = time.time()
                if not entry.bytes:
                    entry.first_byte_at = entry.last_byte_at
                entry.bytes += len(block)
                if self.also is not None:
                    self.also.update(block)
                self._feed(block)
        if incoming.ended and not entry.complete:
            self.multipart = self._reader is not None and self._reader.complete
            entry.sha256 = self._hash.hexdigest() if self._hash else self.plain.sha256
            entry.complete = True

    def named(self, name: str) -> ReceivedPart | None:
        """The first part of that name."""
        return next((part for part in self.parts if part.name == name), None)

    def close(self) -> None:
        """Let go of everything held."""
        self.plain.close()
        for part in self.parts:
            part.held.close()

    def _feed(self, block: bytes) -> None:
        if self._hash:
            self._hash.update(block)
        if self._reader is None:
            self.plain.write(block)
            return
        try:
            for event in self._reader.feed(block):
                self._take(event)
        except Malformed:
            self._reader = None

    def _take(self, event: Event) -> None:
        if isinstance(event, PartHead):
            self.parts.append(
                ReceivedPart(
                    name=event.name,
                    filename=event.filename,
                    content_type=event.content_type,
                    held=Held(self._folder),
                )
            )
        elif isinstance(event, bytes):
            self.parts[-1].held.write(event)
        else:
            self.entry.parts.append(self.parts[-1].ledgered())
