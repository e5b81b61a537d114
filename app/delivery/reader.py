"""A file on its way out, as the body of a request is read: nothing is whole at the provider before it may be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from app.providers.wire import Block

_NOTHING: Final = memoryview(b"")


class WrongLength(Exception):  # noqa: N818 - no OSError: requests would take it for the provider's fault
    """The source has not as many bytes as was said of it; the request must not be completed."""


class FileReader:
    """Hands a source's blocks through, and withholds the last one until `release` has said yes by returning.

    `len` is what is left, as requests and the encoder want it; by it the last block is known, which waits for the
    source's end. Whatever source or `release` raises, and a source that is shorter or longer than its length, is raised
    out of `read`: then the connection drops, and the provider never had a complete request. An empty file has no last
    block to withhold and is refused.
    """

    def __init__(self, source: Iterator[Block], length: int, release: Callable[[], None]) -> None:
        if length < 1:
            raise WrongLength
        #: Bytes that were not read yet.
        self.len = length
        self._source: Final = source
        self._release: Final = release
        self._rest = _NOTHING

    def read(self, size: int = -1) -> memoryview:
        """Return the next bytes: at least one while any are left, at most `size`."""
        if not self._rest and self.len:
            self._rest = self._next()
        block = self._rest if size < 0 else self._rest[:size]
        self._rest = self._rest[len(block) :] if len(block) < len(self._rest) else _NOTHING  # lets go of it
        self.len -= len(block)
        return block

    def _next(self) -> memoryview:
        """Return the source's next block that is not empty; the last has to be released first."""
        block = memoryview(next((block for block in self._source if block), b"")).cast("B")
        if not 0 < len(block) <= self.len:
            raise WrongLength
        if len(block) == self.len:
            if any(self._source):
                raise WrongLength
            self._release()
        return block
