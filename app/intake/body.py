"""The body of one request, read from the socket itself."""

from __future__ import annotations

import fcntl
import io
import re
import ssl
import sys
import termios
import time
from collections.abc import Callable
from functools import cached_property
from socket import socket
from typing import TYPE_CHECKING, Any

from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.http.errors import NoMoreData, ParseException

from app.errors import Refusal
from app.intake.digests import Digests
from app.intake.errors import ClientGone, Malformed, Truncated
from app.intake.pace import Clock, Deadlines, Pace, PacedSocket

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from _typeshed.wsgi import WSGIEnvironment

SMALLEST_BLOCK = 1 << 16
LARGEST_BLOCK = 1 << 20

_LENGTH = re.compile(r"[0-9]{1,18}")


class Body(io.RawIOBase):
    """What is left of a request's body; takes the place of `wsgi.input`, so that whoever reads keeps the deadlines.

    A body with a Content-Length is read from gunicorn's plain socket, after what the server has buffered, never past
    its end, and the server's own reader is told how far that got: else it would look for the next request in the
    middle of this one. A chunked body, TLS and other servers are read through `wsgi.input`. What it raises is TooSlow,
    ClientGone, Truncated, Malformed or DigestMismatch, never OSError: that would be taken for the provider's failure.
    """

    def __init__(self, environ: WSGIEnvironment, deadlines: Deadlines, clock: Clock = time.monotonic) -> None:
        super().__init__()
        length = environ.get("CONTENT_LENGTH") or "0"
        #: Whether the length is to be believed; what follows a body where it is not may be no request.
        self.trusted = _LENGTH.fullmatch(length) is not None
        #: Bytes still to come; None as long as a chunked body has not ended.
        self.left = None if "HTTP_TRANSFER_ENCODING" in environ else int(length) if self.trusted else 0
        self.deadlines = deadlines
        #: What it has to hash to, where its client said; its last block is not returned before that was found true.
        self.digests: Digests | None = None
        sock = environ.get("gunicorn.socket")
        #: The client's connection, where the server lets us have it.
        self.connection = sock if isinstance(sock, socket) else None
        self._input: Any = environ["wsgi.input"]
        self._clock = clock

    @classmethod
    def of(cls, environ: WSGIEnvironment, deadlines: Deadlines, clock: Clock = time.monotonic) -> Body:
        """This request's one body, from now on under these deadlines."""
        body = environ["wsgi.input"]
        if not isinstance(body, Body):
            body = environ["wsgi.input"] = cls(environ, deadlines, clock)
        body.deadlines = deadlines
        return body

    @property
    def ended(self) -> bool:
        """Whether the next byte on the connection is the next request's first."""
        return self.left == 0 and self.trusted

    def forsaken(self) -> bool:
        """Whether a client that has closed its end did so before it had sent all; asked once a poll told of the close.

        What counts is what still comes out of the kernel: a client may shut its side after the last byte, or reset.
        """
        if self.connection is None or self.left is None:
            return False
        held = int.from_bytes(fcntl.ioctl(self.connection, termios.FIONREAD, bytes(4)), sys.byteorder)
        if isinstance(self.connection, ssl.SSLSocket):  # decrypted bytes rest in it, and in the server's own reader
            held += self.connection.pending() + SMALLEST_BLOCK
        return self.left > held

    def block(self, most: int = LARGEST_BLOCK) -> bytes:
        """The next bytes, as many as are there and at most `most`; b"" once the body has ended."""
        if self.left == 0 or most == 0:
            return b""
        block = b""
        failure: Refusal | None = None
        try:
            block = self._read(most if self.left is None else min(most, self.left))
        except NoMoreData:
            failure = Truncated()
        except ParseException:
            failure = Malformed()
        except OSError:
            failure = ClientGone()
        if failure:  # raised out here, because the server's exceptions hold on to what was buffered
            raise failure
        if self.left is not None:
            if not block:
                raise Truncated
            self.left -= len(block)
        elif not block:
            self.left = 0
        if self.digests is not None:
            self.digests.see(block, last=self.left == 0)
        return block

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        block = self.block(len(view))
        view[: len(block)] = block
        return len(block)

    @cached_property
    def _read(self) -> Callable[[int], bytes]:
        """How this body is read; decided, and the client's time started, by the first who wants a byte."""
        reader = getattr(self._input, "reader", None)
        if self.connection is None or not isinstance(reader, LengthReader | ChunkedReader):
            return self._input.read  # type: ignore[no-any-return]
        source = PacedSocket(self.connection, Pace(self.deadlines, self._clock))
        if isinstance(reader, ChunkedReader):
            return _ThroughServer(self._input, reader.req.unreader, source)
        if isinstance(self.connection, ssl.SSLSocket):
            return _ThroughServer(self._input, reader.unreader, source)
        return _FromSocket(reader, source)


class _FromSocket:
    """Reads gunicorn's socket in blocks that grow while the client fills them."""

    def __init__(self, reader: Any, source: PacedSocket) -> None:
        self._reader = reader
        self._source = source
        self._size = SMALLEST_BLOCK

    def __call__(self, most: int) -> bytes:
        unreader = self._reader.unreader
        block: bytes = unreader.take_buffered()
        if block:
            unreader.unread(block[most:])  # the rest of it may be the next request
            block = block[:most]
        else:
            block = self._source.recv(min(most, self._size))
            if len(block) == self._size:
                self._size = min(self._size * 2, LARGEST_BLOCK)
            elif len(block) < self._size // 4:
                self._size = max(self._size // 2, SMALLEST_BLOCK)
        self._reader.length -= len(block)
        return block


class _ThroughServer:
    """Reads `wsgi.input` while gunicorn's reader waits at our socket, under our deadlines."""

    def __init__(self, stream: Any, unreader: Any, source: PacedSocket) -> None:
        self._stream = stream
        self._unreader = unreader
        self._source = source

    def __call__(self, most: int) -> bytes:
        plain, self._unreader.sock = self._unreader.sock, self._source
        try:
            return self._stream.read(min(most, SMALLEST_BLOCK))  # type: ignore[no-any-return]
        finally:
            self._unreader.sock = plain
