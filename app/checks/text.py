"""Plain text, CSV, TSV and JSON: no signature tells them, so every byte has to be one that text has."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from typing import Any, Final

from app.checks import content
from app.checks.errors import Unfit
from app.checks.types import Family, Type

#: What no text has, and what makes it read otherwise where it is shown: looked for in every byte.
_NEVER: Final = (b"\0", b"\b", b"\x1b", b"\x7f")
#: All but tab, line breaks, page break and the end mark of older systems: looked for where a file that is no text shows
#: that, for a search takes as long as the others together.
_CONTROLS: Final = tuple(bytes([code]) for code in (*range(9), 0x0B, *range(0x0E, 0x1A), *range(0x1B, 0x20), 0x7F))
#: Where Windows-1252 has no character.
_UNDEFINED: Final = tuple(bytes([code]) for code in (0x81, 0x8D, 0x8F, 0x90, 0x9D))

#: What a browser would take for a page, and a spreadsheet too.
_MARKUP: Final = re.compile(rb"\s*<[!?a-z]", re.IGNORECASE)
_WIDE_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
BEGINNING_BYTES: Final = 1 << 16
_BRACKETS: Final[Mapping[bytes, bytes]] = {b"{": b"}", b"[": b"]"}


class Text:
    """UTF-8; where it is not JSON, UTF-16 with its mark too, and the Windows-1252 that spreadsheets still write."""

    def __init__(self, type_: Type, head: bytes) -> None:
        self._unfit = Unfit("not-plain-text", kind=type_.words)
        self._json = type_.family is Family.JSON
        start = content.plain(head)
        if _MARKUP.match(start):
            raise Unfit("web-page")
        if len(head) == content.HEAD_BYTES and not start.strip():
            # Nobody writes so, and what comes then is not looked at by its beginning any more.
            raise self._unfit
        self._wide = head.startswith(_WIDE_MARKS)
        if self._wide and self._json:
            raise self._unfit
        self._decoder = codecs.getincrementaldecoder("utf-16" if self._wide else "utf-8")()
        self._utf8 = not self._wide
        self._windows = not self._wide and not self._json
        self._first = start.lstrip()[:1]
        self._last = b""
        #: Bytes in which every control is looked for.
        self._beginning = BEGINNING_BYTES

    def feed(self, block: bytes) -> None:
        self._decode(block, final=False)
        if self._json:
            self._last = block.rstrip()[-1:] or self._last

    def finish(self) -> Mapping[str, Any]:
        self._decode(b"", final=True)
        if self._json and (not self._first or _BRACKETS.get(self._first) != self._last):
            raise Unfit("damaged-file", **self._unfit.params)
        return {"encoding": "utf-16" if self._wide else "utf-8" if self._utf8 else "windows-1252"}

    def _decode(self, block: bytes, *, final: bool) -> None:
        if self._wide:
            try:
                block = self._decoder.decode(block, final).encode()
            except UnicodeError:
                raise self._unfit from None
        elif not block.isascii() or self._decoder.getstate()[0]:
            self._decode_letters(block, final=final)
        beginning, self._beginning = block[: self._beginning], max(0, self._beginning - len(block))
        if any(never in block for never in _NEVER) or any(control in beginning for control in _CONTROLS):
            raise self._unfit
        if not (self._wide or self._utf8 or self._windows):
            raise self._unfit

    def _decode_letters(self, block: bytes, *, final: bool) -> None:
        """Where there are others than those of English, they tell the encoding."""
        if self._utf8:
            try:
                self._decoder.decode(block, final)
            except UnicodeDecodeError:
                self._utf8 = False
        if any(byte in block for byte in _UNDEFINED):
            self._windows = False
