"""A piece comes in: from the socket into the spool, segment by segment, each safe before the next one begins."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any, Final

from flask import request

from app.errors import Refusal
from app.intake import Deadlines
from app.intake.body import Body
from app.intake.errors import ClientGone, FileTooLarge, TooSlow, Truncated
from app.records import resumables
from app.records.resumables import LockLost, Part
from app.resumable import entrance, protocol
from app.resumable.entrance import Found
from app.resumable.errors import BadHeader, NotOctets, TooManyPieces, WrongOffset
from app.resumable.holding import Hold
from app.resumable.protocol import Checksum
from app.services import services

#: A piece without a checksum is made safe whenever so much of it has come, or so much time has passed.
SEGMENT_BYTES: Final = 32 << 20
SEGMENT_SECONDS: Final = 10.0
#: Of one file. Each costs a place in a folder and a key of its own.
MOST_SEGMENTS: Final = 20_000
#: What ends a piece early; what had come by then counts.
BROKE_OFF: Final = (ClientGone, Truncated, TooSlow)


def body() -> Body:
    """The request's body, under the deadlines that hold for every client."""
    return Body.of(request.environ, Deadlines.from_settings(services().settings))


def check_type() -> None:
    """Raise NotOctets unless what is sent is sent as a piece."""
    if request.mimetype != protocol.OCTETS:
        raise NotOctets(type=protocol.OCTETS)


class Taking:
    """Puts pieces behind what is safe of a file, under its lock."""

    def __init__(self, found: Found, hold: Hold) -> None:
        self._found = found
        self._hold = hold
        row = hold.row
        self._parts = resumables.parts(row)
        #: Bytes that are safe.
        self.received = row.received
        self.length = row.length
        #: No more than that is taken, whatever is announced.
        self._limit = protocol.MOST_BYTES
        if found.purpose.operation:
            self._limit = entrance.operation(found).parts[0].max_bytes

    def set_length(self, total: int | None) -> None:
        """Write down how long a file is of which that was left open; raises BadHeader for what contradicts it."""
        if total is None or total == self.length:
            return
        if self.length is not None or total < self.received:
            raise BadHeader(name="Upload-Length")
        if total > self._limit:
            raise FileTooLarge(self._limit, name="file")
        self.length = total
        self._change(length=total)

    def take(self, piece: Body, checksum: Checksum | None) -> None:
        """Take a piece to its end. One that breaks off, or is wanted off, keeps what has come and raises why."""
        most = self._limit if self.length is None else self.length
        if piece.left is not None and self.received + piece.left > most:
            raise FileTooLarge(most, name="file")
        if sum(part.segments for part in self._parts) >= MOST_SEGMENTS:
            raise TooManyPieces(limit=MOST_SEGMENTS)
        with self._hold.reading(piece):
            try:
                while block := self._next(piece):
                    self._segment(piece, block, most, checksum)
            except BROKE_OFF:
                if self._hold.wanted:
                    raise WrongOffset from None
                raise

    def _next(self, piece: Body) -> bytes:
        if self._hold.overdue and piece.left != 0:
            raise WrongOffset
        return piece.block()

    def _segment(self, piece: Body, block: bytes, most: int, checksum: Checksum | None) -> None:
        """Make the next bytes safe, all of them where there is a checksum; `block` is the first."""
        spool, part, size = services().spool, self._parts[-1], 0
        broke_off: Refusal | None = None
        until = time.monotonic() + SEGMENT_SECONDS
        place = self._found.cipher, self._found.organization_id, part.id, part.segments
        with spool.write(*place) as writer:
            try:
                while block:
                    size += len(block)
                    if self.received + size > most:
                        raise FileTooLarge(most, name="file")
                    writer.feed(block)
                    if checksum:
                        checksum.seen.update(block)
                    elif size >= SEGMENT_BYTES or time.monotonic() >= until:
                        break
                    block = self._next(piece)
            except (*BROKE_OFF, WrongOffset) as exc:
                if checksum:  # nobody can tell any more whether it is what was meant
                    raise
                broke_off = exc
            if checksum:
                checksum.verify()
        try:
            self._count(part.grown(size=size, stored=writer.stored), size)
        finally:
            spool.settle(self._found.organization_id, part.id)
        if broke_off is not None:
            raise broke_off

    def _count(self, grown: Part, size: int) -> None:
        self._parts = (*self._parts[:-1], grown)
        self.received += size
        self._change(parts=self._parts, received=self.received, expires_at=expires_at())

    def _change(self, **to: Any) -> None:
        row = self._hold.row
        try:
            with services().database.transaction(row.organization_id) as session:
                resumables.change(session, row.id, self._hold.lock, **to)
        except LockLost:
            raise WrongOffset from None


def expires_at() -> datetime:
    """When a file of which a piece has just come is given up."""
    return services().clock() + timedelta(seconds=services().settings.resumable_seconds)
