"""Looks for bytes in what passes, also where they lie across two blocks."""

from __future__ import annotations

from typing import Final

from app.checks.errors import Unfit

#: EICAR's test file for antivirus software. It stands in halves, or this file were one.
EICAR: Final = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-" + b"STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


class Pattern:
    """Whether bytes have come by. A long pattern is found at several GB/s: the search leaps by its length."""

    def __init__(self, pattern: bytes) -> None:
        self._pattern = pattern
        self._end = b""

    def passes(self, block: bytes) -> bool:
        """Whether it is in this block, or began in those before it."""
        keep = len(self._pattern) - 1
        if self._pattern in block or self._pattern in self._end + block[:keep]:
            return True
        self._end = (self._end + block)[-keep:] if len(block) < keep else block[-keep:]
        return False


class Viruses:
    """Refuses the test virus, which any scanner that is set up will refuse."""

    def __init__(self) -> None:
        self._pattern = Pattern(EICAR)

    def feed(self, block: bytes) -> None:
        if self._pattern.passes(block):
            raise Unfit("virus")
