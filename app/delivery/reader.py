"""A file on its way out, as MultipartEncoder reads it: nothing is whole at the provider before it may be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

Block = bytes | memoryview


class WrongLength(Exception):  # noqa: N818 - no OSError: requests would take it for the provider's fault
    """The source has not as many bytes as was said of it; the request must not be completed."""


class FileReader:
    """Hands a source's blocks through, and withholds the last one until `release` has said yes by returning.

    `len` is what is left, as the encoder wants it. Whatever source or `release` raises, and a source that is shorter or
    longer than its length, is raised out of `read`: then the connection drops, and the provider never had a complete
    request. An empty file has no last block to withhold and is refused.
    """

    def __init__(self, source: Iterator[Block], length: int, release: Callable[[], None]) -> None:
        if length < 1:
            raise WrongLength
        #: Bytes that were not read yet.
        self.len = length
        self._source: Final = source
        self._release: Final = release
        self._rest = memoryview(b"")
        self._ahead = self._next()

    def read(self, size: int = -1) -> memoryview:
        """Return the next bytes: at least one while any are left, at most `size`."""
        if not self._rest and self.len:
            self._advance()
        block = self._rest if size < 0 else self._rest[:size]
        self._rest = self._rest[len(block) :]
        self.len -= len(block)
        return block

    def _advance(self) -> None:
        """Make the block ahead the one that is read; if it is the last, it has to be released first."""
        self._rest, self._ahead = self._ahead, memoryview(b"")
        last = len(self._rest) == self.len
        following = self._next() if self._rest else self._rest
        if len(self._rest) > self.len or last == bool(following):
            raise WrongLength
        self._ahead = following
        if last:
            self._release()

    def _next(self) -> memoryview:
        """Return the source's next block that is not empty; an empty one at its end."""
        for block in self._source:
            if block:
                return memoryview(block).cast("B")
        return memoryview(b"")
