"""XML: well-formed, without a DOCTYPE and what one can do, and of a depth and variety that fits in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from xml.parsers import expat

from app.checks.errors import Unfit
from app.checks.types import Type

MOST_DEPTH: Final = 256
#: Of elements, attributes and namespaces together: the parser remembers each.
MOST_NAMES: Final = 10_000
#: Most bytes of one tag, comment or instruction, which the parser holds until it ends.
MOST_TOKEN_BYTES: Final = 1 << 20
#: Few and large are quicker: an unfinished tag is read anew with each.
PIECE_BYTES: Final = 64 << 10

_ENCODINGS: Final = frozenset({"utf-8", "utf-16", "us-ascii", "ascii", "iso-8859-1", "windows-1252"})
#: What has elements of theirs is a page for a browser, wherever they stand.
_PAGES: Final = frozenset({"http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg"})


class Xml:
    """Reads an XML while it passes."""

    def __init__(self, type_: Type) -> None:
        self._type = type_
        self._depth = 0
        self._names: dict[str, str] = {}
        self._waiting = bytearray()
        self._given = 0
        self._parser = parser = expat.ParserCreate(namespace_separator=" ", intern=self._names)
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartNamespaceDeclHandler = self._namespace
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end

    def feed(self, block: bytes) -> None:
        self._waiting += block
        whole = len(self._waiting) // PIECE_BYTES * PIECE_BYTES
        if whole:
            ready = bytes(self._waiting[:whole])
            del self._waiting[:whole]
            for at in range(0, whole, PIECE_BYTES):
                self._parse(ready[at : at + PIECE_BYTES])
                if self._given - self._parser.CurrentByteIndex > MOST_TOKEN_BYTES:
                    raise Unfit("too-complex")

    def finish(self) -> Mapping[str, Any]:
        self._parse(bytes(self._waiting), final=True)
        return {}

    def _parse(self, piece: bytes, *, final: bool = False) -> None:
        try:
            self._parser.Parse(piece, final)
        except (expat.ExpatError, ValueError, LookupError):  # the latter two of encodings that it does not know
            raise Unfit("damaged-file", kind=self._type.words) from None
        self._given += len(piece)

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() not in _ENCODINGS:
            raise Unfit("not-plain-text", kind=self._type.words)

    def _doctype(self, *_: object) -> None:
        raise Unfit("doctype")

    def _namespace(self, _prefix: str | None, uri: str | None) -> None:
        if uri in _PAGES:
            raise Unfit("web-page")

    def _start(self, name: str, _attributes: object) -> None:
        if not self._depth and name.lower() in {"html", "svg"}:
            raise Unfit("web-page")
        self._depth += 1
        if self._depth > MOST_DEPTH or len(self._names) > MOST_NAMES:
            raise Unfit("too-complex")

    def _end(self, _name: str) -> None:
        self._depth -= 1
