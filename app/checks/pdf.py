"""PDF, from both its ends: a viewer begins at the last line, so whatever stands behind it belongs to another file.

What is inside is not read: it is compressed, and may be of any size. The password shows in the trailer, which lies at
the end of a file, or at its beginning where it was made for the web.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from app.checks.errors import Unfit
from app.checks.policy import Policy
from app.checks.types import Type

_START: Final = re.compile(rb"%PDF-[12]\.[0-9]")
#: The last lines: where the table of contents begins, and the end, behind which there is room for a line break.
_END: Final = re.compile(rb"startxref\s+([0-9]{1,19})\s+%%EOF[\s\0]*\Z")
_TAIL_BYTES: Final = 1024

_ENCRYPTED: Final = re.compile(rb"/Encrypt\s{0,9}(?:[0-9]{1,10}\s{1,9}[0-9]{1,10}\s{1,9}R|<<)")
#: The longest match.
_OVERLAP: Final = 64
#: Where trailers lie. Short words are looked for at 2 GB/s only: the rest of a large file is spared it.
_FIRST_BYTES: Final = 64 << 10
_LAST_BYTES: Final = 1 << 20


class Pdf:
    """Looks at a PDF's beginning, its end and whether a password protects it."""

    def __init__(self, type_: Type, size: int, allowed: Policy) -> None:
        self._damaged = Unfit("damaged-file", kind=type_.words)
        self._size = size
        self._allowed = allowed
        self._seen = 0
        self._start = b""
        self._regions: tuple[tuple[int, int], ...] = ((0, size),)
        if size > _FIRST_BYTES + _LAST_BYTES:
            self._regions = ((0, _FIRST_BYTES), (size - _LAST_BYTES, size))
        self._before = b""
        self._tail = b""
        self._protected = False

    def feed(self, block: bytes) -> None:
        if len(self._start) < 8:
            self._start = (self._start + block[:8])[:8]
            if len(self._start) == 8 and not _START.match(self._start):
                raise self._damaged
        self._look_for_password(block)
        self._seen += len(block)
        self._tail = block[-_TAIL_BYTES:] if len(block) >= _TAIL_BYTES else (self._tail + block)[-_TAIL_BYTES:]

    def finish(self) -> Mapping[str, Any]:
        end = _END.search(self._tail)
        if not _START.match(self._start) or end is None or not 0 < int(end[1]) < self._size:
            raise self._damaged
        return {"protected": True} if self._protected else {}

    def _look_for_password(self, block: bytes) -> None:
        for start, end in self._regions:
            piece = block[max(0, start - self._seen) : max(0, end - self._seen)]
            if not piece:
                continue
            piece = piece if self._seen <= start else self._before + piece
            self._before = piece[-_OVERLAP:]
            if _ENCRYPTED.search(piece):
                if not self._allowed.protected:
                    raise Unfit("protected-pdf")
                self._protected = True
