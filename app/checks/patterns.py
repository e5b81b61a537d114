"""Looks for bytes in what passes, also where they lie across two blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from app.checks.errors import Unfit

#: EICAR's test file for antivirus software. It stands in halves, or this file were one.
EICAR: Final = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-" + b"STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


class Pattern:
    """Whether bytes have come by. A long pattern is found at several GB/s: the search leaps by its length.

    One of its bytes alone is looked for ten times as fast; where that is `rare` in what passes, the rest need not be.
    """

    def __init__(self, pattern: bytes, *, rare: bytes = b"") -> None:
        self._pattern = pattern
        self._rare = rare
        self._end = b""

    def passes(self, block: bytes) -> bool:
        """Whether it is in this block, or began in those before it."""
        keep = len(self._pattern) - 1
        if (self._rare in block and self._pattern in block) or self._pattern in self._end + block[:keep]:
            return True
        self._end = (self._end + block)[-keep:] if len(block) < keep else block[-keep:]
        return False


class Viruses:
    """Refuses the test virus, which any scanner that is set up will refuse."""

    def __init__(self) -> None:
        self._pattern = Pattern(EICAR, rare=b"^")

    def feed(self, block: bytes) -> None:
        if self._pattern.passes(block):
            raise Unfit("virus")


class HiddenArchive:
    """Refuses a file of another kind that is a ZIP too: those are read from their end, whatever stands before it.

    Only as much of a file's end is held as a ZIP's own end can be long.
    """

    _MOST_BYTES: ClassVar = 22 + 0xFFFF
    _SIGNATURE: ClassVar = b"PK\x05\x06"

    def __init__(self, size: int) -> None:
        self._skip = max(0, size - self._MOST_BYTES)
        self._end = bytearray()

    def feed(self, block: bytes) -> None:
        if len(block) > self._skip:
            self._end += block[self._skip :] if self._skip else block
        self._skip = max(0, self._skip - len(block))

    def finish(self) -> Mapping[str, Any]:
        at = self._end.find(self._SIGNATURE)
        while at >= 0:
            # What the comment's length says is left is left.
            if at + 22 + int.from_bytes(self._end[at + 20 : at + 22], "little") == len(self._end):
                raise Unfit("ambiguous-archive")
            at = self._end.find(self._SIGNATURE, at + 1)
        return {}
