"""Office files that are ZIP archives: the list of their parts says what they are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final
from xml.parsers import expat

from app.checks.errors import Unfit
from app.checks.patterns import Pattern
from app.checks.types import Type

CONTENT_TYPES: Final = "[Content_Types].xml"
#: Programs write some kilobytes.
MOST_LIST_BYTES: Final = 1 << 20

_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
#: What the main part of each type is, in small letters.
MAIN_PARTS: Final[Mapping[str, str]] = {
    "docx": _OFFICE + "wordprocessingml.document.main+xml",
    "xlsx": _OFFICE + "spreadsheetml.sheet.main+xml",
    "xlsb": "application/vnd.ms-excel.sheet.binary.macroenabled.main",
    "pptx": _OFFICE + "presentationml.presentation.main+xml",
}
#: Where macros are kept, whatever the list of parts says.
MACROS: Final = "vbaproject.bin"
_DOCTYPES: Final = tuple("<!DOCTYPE".encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be"))


class NoDoctype:
    """Refuses a part that has a DOCTYPE: text has its angle brackets escaped."""

    def __init__(self) -> None:
        self._patterns = [Pattern(doctype) for doctype in _DOCTYPES]

    def feed(self, block: bytes) -> None:
        if any(pattern.passes(block) for pattern in self._patterns):
            raise Unfit("doctype")


def check(type_: Type, parts: bytes, names: Collection[str]) -> None:
    """Raise Unfit unless the list of parts is of this type, has its main part, and no macros."""
    overrides, defaults = _listed(type_, parts)
    main = MAIN_PARTS[type_.name]
    declared = {*overrides.values(), *defaults.values()}
    if any("vbaproject" in kind or ("macroenabled" in kind and kind not in MAIN_PARTS.values()) for kind in declared):
        raise Unfit("macros")
    if not any(_kind(name, overrides, defaults) == main for name in names):
        raise Unfit("not-its-content", kind=type_.words)


def _kind(name: str, overrides: Mapping[str, str], defaults: Mapping[str, str]) -> str | None:
    """What a part is: by its own name, else by its ending."""
    path = f"/{name.lower()}"
    return overrides.get(path) or defaults.get(path.rpartition(".")[2])


def _listed(type_: Type, parts: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """Kinds by the part's name, and by ending."""
    overrides: dict[str, str] = {}
    defaults: dict[str, str] = {}

    def start(name: str, attributes: Mapping[str, str]) -> None:
        kind = attributes.get("ContentType", "").lower()
        if name.endswith(" Override"):
            overrides[attributes.get("PartName", "").lower()] = kind
        elif name.endswith(" Default"):
            defaults[attributes.get("Extension", "").lower()] = kind

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = start
    try:
        parser.Parse(parts, True)  # noqa: FBT003 - it takes no keywords
    except (expat.ExpatError, ValueError, LookupError):
        raise Unfit("damaged-file", kind=type_.words) from None
    return overrides, defaults
