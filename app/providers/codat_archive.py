"""A search in a download of Codat's, as it passes: for one file, by its SHA-256, in a ZIP archive of any size.

An archive is read from its front, member by member, and nothing of it is kept: what is not needed yet is not there. One
that is written as a stream says how long a member is only behind it, so that its own compressed data have to tell.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Generator
from typing import Final

#: Bytes that members may come to in all once they are unpacked: far more than a day's uploads of one company.
MOST_BYTES: Final = 4 << 30

_MEMBER: Final = 0x04034B50
#: What may follow the last member: its directory, or that of an archive without any.
_DIRECTORY: Final = frozenset({0x02014B50, 0x06054B50, 0x06064B50, 0x08064B50})
_DESCRIPTOR: Final = b"PK\x07\x08"
_HEADER: Final = struct.Struct("<HHHHHIIIHH")
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _STREAMED = 1, 1 << 3
#: Of a length that stands in the extra field instead.
_ELSEWHERE: Final = 0xFFFFFFFF
_BLOCK: Final = 1 << 16

Reading = Generator[None, None, None]


class _Unreadable(Exception):  # noqa: N818 - says what it is
    """No archive that can be read from its front."""


class Search:
    """Takes an archive's bytes, and knows at its end whether the file was among them."""

    def __init__(self, sha256: str, among: int = 0) -> None:
        """`among`: so many members the archive has to have at least, or it is not all that there is."""
        self._wanted = sha256
        self._missing = among
        self._found = False
        self._whole = hashlib.sha256()
        self._rest = bytearray()
        self._unpacked = 0
        #: Whether it has been read to its directory.
        self._complete = False
        self._reading: Reading | None = self._archive()
        next(self._reading)

    def feed(self, block: bytes, /) -> None:
        self._whole.update(block)
        if self._reading is None:
            return
        self._rest += block
        try:
            next(self._reading)
        except (StopIteration, _Unreadable, zlib.error):
            self._reading = None
            self._rest.clear()

    def found(self) -> bool | None:
        """Whether it is there, as a member or as the whole; None where not all that there is could be read."""
        if self._found or self._whole.hexdigest() == self._wanted:
            return True
        return False if self._complete and self._missing <= 0 else None

    def _archive(self) -> Reading:
        while True:
            (signature,) = struct.unpack("<I", (yield from self._take(4)))
            if signature in _DIRECTORY:
                self._complete = True
                return
            if signature != _MEMBER:
                raise _Unreadable
            yield from self._member()

    def _member(self) -> Reading:
        header = yield from self._take(_HEADER.size)
        _, flags, method, _, _, _, packed, size, name_length, extra_length = _HEADER.unpack(header)
        yield from self._take(name_length)
        extra = yield from self._take(extra_length)
        long = _ELSEWHERE in {packed, size}
        if long:
            size, packed = _lengths(extra)
        streamed = bool(flags & _STREAMED)
        if flags & _ENCRYPTED or (streamed and method != _DEFLATED):
            raise _Unreadable
        digest = hashlib.sha256()
        if method == _DEFLATED:
            yield from self._inflate(digest)
        elif method == _STORED:
            yield from self._copy(digest, packed)
        else:
            raise _Unreadable
        if streamed:
            yield from self._descriptor(long=long)
        self._found = self._found or digest.hexdigest() == self._wanted
        self._missing -= 1

    def _inflate(self, digest: hashlib._Hash) -> Reading:
        inflating = zlib.decompressobj(-zlib.MAX_WBITS)
        while not inflating.eof:
            packed = inflating.unconsumed_tail or (yield from self._some(_BLOCK))
            plain = inflating.decompress(packed, _BLOCK)
            self._count(plain)
            digest.update(plain)
        self._rest[:0] = inflating.unused_data

    def _copy(self, digest: hashlib._Hash, length: int) -> Reading:
        while length:
            block = yield from self._some(min(length, _BLOCK))
            self._count(block)
            digest.update(block)
            length -= len(block)

    def _descriptor(self, *, long: bool) -> Reading:
        """A checksum and two lengths behind a member, with or without a signature before them."""
        start = yield from self._take(4)
        yield from self._take((16 if long else 8) + (4 if start == _DESCRIPTOR else 0))

    def _count(self, plain: bytes) -> None:
        self._unpacked += len(plain)
        if self._unpacked > MOST_BYTES:
            raise _Unreadable

    def _take(self, size: int) -> Generator[None, None, bytes]:
        """So many bytes, once they are there."""
        while len(self._rest) < size:
            yield
        return self._cut(size)

    def _some(self, most: int) -> Generator[None, None, bytes]:
        """As many bytes as are there: at least one."""
        while not self._rest:
            yield
        return self._cut(most)

    def _cut(self, size: int) -> bytes:
        block = bytes(self._rest[:size])
        del self._rest[:size]
        return block


def _lengths(extra: bytes) -> tuple[int, int]:
    """A member's length, plain and packed, from its ZIP64 extra field."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1 and length >= 16 and at + 20 <= len(extra):
            plain, packed = struct.unpack_from("<QQ", extra, at + 4)
            return plain, packed
        at += 4 + length
    raise _Unreadable
