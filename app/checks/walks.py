"""Readers that are written as if all of a file were there, and run while it passes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Generator
from typing import Final, Generic, TypeVar

from app.checks.errors import Unfit

T = TypeVar("T")

#: Yields where it needs more than has come.
Steps = Generator[None, None, T]

#: More than any block: as much as there is.
ALL: Final = 1 << 62


class Supply:
    """What has come and was not read yet: one block at most."""

    def __init__(self) -> None:
        self._block = b""
        self._at = 0
        self._ended = False

    def put(self, block: bytes) -> None:
        self._block, self._at = block, 0

    def end(self) -> None:
        self._ended = True

    def some(self, most: int = ALL) -> Steps[bytes]:
        """What comes next, at least one byte; nothing at the end."""
        while self._at == len(self._block) and not self._ended:
            yield
        piece = self._block[self._at : self._at + most]
        self._at += len(piece)
        return piece

    def back(self, count: int) -> None:
        """Take back the last bytes of the piece that was given last."""
        self._at -= count

    def exactly(self, count: int) -> Steps[bytes]:
        """So many bytes and no fewer, few enough to be held; raises ValueError where the file ends first."""
        found = bytearray()
        while len(found) < count:
            piece = yield from self.some(count - len(found))
            if not piece:
                raise ValueError("ends early")
            found += piece
        return bytes(found)

    def skip(self, count: int) -> Steps[None]:
        """Go past so many bytes."""
        while count:
            piece = yield from self.some(count)
            if not piece:
                raise ValueError("ends early")
            count -= len(piece)


class Walk(Generic[T]):
    """A reader on its way through a file. Whatever it stumbles over, the file is what `unfit` says."""

    _result: T

    def __init__(self, reader: Callable[[Supply], Steps[T]], unfit: Unfit) -> None:
        self._supply = Supply()
        self._steps = reader(self._supply)
        self._unfit = unfit

    def feed(self, block: bytes) -> None:
        self._supply.put(block)
        self._step()

    def finish(self) -> T:
        """What was read: at the end there is nothing left that the reader could wait for."""
        self._supply.end()
        self._step()
        return self._result

    def _step(self) -> None:
        try:
            next(self._steps)
        except StopIteration as end:
            self._result = end.value
        except (ValueError, struct.error):
            raise self._unfit from None
