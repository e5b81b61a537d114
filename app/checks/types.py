"""The types of files that are taken: how they are called, named, declared, and what they are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Family(StrEnum):
    """What a file is made of, which its first bytes tell; several types share one."""

    PDF = "pdf"
    PNG = "png"
    JPEG = "jpeg"
    #: Both hold other files, and so have to be looked into whole.
    ZIP = "zip"
    OLE = "ole"
    TEXT = "text"
    XML = "xml"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    """A type of files; the first of its media types is the one that it is sent on as."""

    name: str
    #: For people; the same in every language.
    words: str
    family: Family
    #: In small letters, with their dot.
    endings: tuple[str, ...]
    media_types: tuple[str, ...]

    @property
    def media_type(self) -> str:
        return self.media_types[0]


_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
_PLAIN: Final = ("text/plain", "application/vnd.ms-excel", "text/x-csv", "application/csv", "application/x-csv")

#: By name. The further media types are what browsers, mail programs and older systems say instead.
TYPES: Final[Mapping[str, Type]] = {
    type_.name: type_
    for type_ in (
        Type(
            name="pdf",
            words="PDF",
            family=Family.PDF,
            endings=(".pdf",),
            media_types=("application/pdf", "application/x-pdf", "application/acrobat"),
        ),
        Type(
            name="png",
            words="PNG",
            family=Family.PNG,
            endings=(".png",),
            media_types=("image/png", "image/x-png"),
        ),
        Type(
            name="jpeg",
            words="JPEG",
            family=Family.JPEG,
            endings=(".jpg", ".jpeg", ".jpe", ".jfif"),
            media_types=("image/jpeg", "image/jpg", "image/pjpeg"),
        ),
        Type(
            name="text",
            words="TXT",
            family=Family.TEXT,
            endings=(".txt",),
            media_types=("text/plain",),
        ),
        Type(
            name="csv",
            words="CSV",
            family=Family.TEXT,
            endings=(".csv",),
            media_types=("text/csv", "text/comma-separated-values", *_PLAIN),
        ),
        Type(
            name="tsv",
            words="TSV",
            family=Family.TEXT,
            endings=(".tsv", ".tab"),
            media_types=("text/tab-separated-values", "text/tsv", *_PLAIN),
        ),
        Type(
            name="json",
            words="JSON",
            family=Family.JSON,
            endings=(".json",),
            media_types=("application/json", "text/json", "text/plain"),
        ),
        Type(
            name="xml",
            words="XML",
            family=Family.XML,
            endings=(".xml",),
            media_types=("application/xml", "text/xml", "text/plain"),
        ),
        Type(
            name="docx",
            words="Word (.docx)",
            family=Family.ZIP,
            endings=(".docx",),
            media_types=(_OFFICE + "wordprocessingml.document", "application/msword", "application/zip"),
        ),
        Type(
            name="xlsx",
            words="Excel (.xlsx)",
            family=Family.ZIP,
            endings=(".xlsx",),
            media_types=(_OFFICE + "spreadsheetml.sheet", "application/vnd.ms-excel", "application/zip"),
        ),
        Type(
            name="xlsb",
            words="Excel (.xlsb)",
            family=Family.ZIP,
            endings=(".xlsb",),
            media_types=(
                "application/vnd.ms-excel.sheet.binary.macroEnabled.12",
                "application/vnd.ms-excel",
                "application/zip",
            ),
        ),
        Type(
            name="pptx",
            words="PowerPoint (.pptx)",
            family=Family.ZIP,
            endings=(".pptx",),
            media_types=(_OFFICE + "presentationml.presentation", "application/vnd.ms-powerpoint", "application/zip"),
        ),
        Type(
            name="doc",
            words="Word (.doc)",
            family=Family.OLE,
            endings=(".doc",),
            media_types=("application/msword", "application/x-msword"),
        ),
        Type(
            name="xls",
            words="Excel (.xls)",
            family=Family.OLE,
            endings=(".xls",),
            media_types=("application/vnd.ms-excel", "application/msexcel", "application/x-msexcel"),
        ),
        Type(
            name="ppt",
            words="PowerPoint (.ppt)",
            family=Family.OLE,
            endings=(".ppt",),
            media_types=("application/vnd.ms-powerpoint", "application/mspowerpoint"),
        ),
        Type(
            name="zip",
            words="ZIP",
            family=Family.ZIP,
            endings=(".zip",),
            media_types=("application/zip", "application/x-zip-compressed", "application/x-zip", "multipart/x-zip"),
        ),
    )
}

_BY_ENDING: Final[Mapping[str, Type]] = {ending: type_ for type_ in TYPES.values() for ending in type_.endings}

#: What a client says that does not know.
SAYS_NOTHING: Final = frozenset(
    {"", "application/octet-stream", "binary/octet-stream", "application/x-download", "application/force-download"}
)


def by_ending(ending: str) -> Type | None:
    """The type that is named by an ending (`.PDF`); None where it names none that is taken."""
    return _BY_ENDING.get(ending.lower())


def media_type(declared: str) -> str:
    """A declared media type without its parameters, in small letters."""
    return declared.partition(";")[0].strip().lower()


def agrees(type_: Type, declared: str) -> bool:
    """Whether what a client declared can stand for this type, or for anything."""
    said = media_type(declared)
    return said in SAYS_NOTHING or said in map(str.lower, type_.media_types)


def words(names: Iterable[str]) -> str:
    """The types of these names as people call them, in the table's order."""
    wanted = frozenset(names)
    return ", ".join(type_.words for type_ in TYPES.values() if type_.name in wanted)
