"""The older office files (Word, Excel and PowerPoint of 97 to 2003): a file system in a file, of which the names tell.

Macros are stored under names of their own; PowerPoint's are packed into its one stream and are not seen here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Final

from app.checks.errors import Unfit

Data = bytes | bytearray

#: The stream that each type has; Excel 5 called it otherwise.
STREAMS: Final[Mapping[str, frozenset[str]]] = {
    "doc": frozenset({"worddocument"}),
    "xls": frozenset({"workbook", "book"}),
    "ppt": frozenset({"powerpoint document"}),
}
_MACROS: Final = frozenset({"_vba_project", "_vba_project_cur", "vba", "macros"})
#: What a newer office file with a password is kept in.
_PROTECTED: Final = "encryptedpackage"

#: Of the numbers of the sectors that tell where each sector goes on, so many stand in the header.
_IN_HEADER: Final = 109
_ENTRY_BYTES: Final = 128
#: Sectors whose number is not below are none: an end, or free.
_NO_SECTOR: Final = 0xFFFFFFFA
_SECTOR_SHIFTS: Final = frozenset({9, 12})


def check(data: Data, *, type_name: str | None, words: str) -> None:
    """Raise Unfit for what is no such file, or has a password or macros; without a name, any such file will do."""
    try:
        names = _names(data)
    except (ValueError, struct.error):
        raise Unfit("damaged-file", kind=words) from None
    if _PROTECTED in names:
        raise Unfit("protected-file")
    if names & _MACROS:
        raise Unfit("macros")
    if type_name is not None and not names & STREAMS[type_name]:
        raise Unfit("not-its-content", kind=words)


def _names(data: Data) -> frozenset[str]:
    """Names of all streams and folders, in small letters."""
    shift, (first, difat, difats) = struct.unpack_from("<H", data, 30)[0], _at(data, 48, 68, 72)
    if shift not in _SECTOR_SHIFTS or struct.unpack_from("<H", data, 28)[0] != 0xFFFE:
        raise ValueError("no such file")
    table = _table(data, 1 << shift, difat, difats)
    found = set()
    for sector in _chain(table, first):
        folder = _sector(data, 1 << shift, sector)
        for at in range(0, len(folder), _ENTRY_BYTES):
            (length,) = struct.unpack_from("<H", folder, at + 64)
            if folder[at + 66] and 2 <= length <= 64:
                found.add(bytes(folder[at : at + length - 2]).decode("utf-16-le").lower())
    return frozenset(found)


def _table(data: Data, size: int, difat: int, difats: int) -> list[int]:
    """Where each sector goes on."""
    sectors = list(struct.unpack_from(f"<{_IN_HEADER}L", data, 76))
    for _ in range(min(difats, len(data) // size)):
        *more, difat = _numbers(_sector(data, size, difat))
        sectors += more
    table: list[int] = []
    for sector in dict.fromkeys(sector for sector in sectors if sector < _NO_SECTOR):
        table += _numbers(_sector(data, size, sector))
    return table


def _chain(table: list[int], sector: int) -> Iterator[int]:
    seen = set()
    while sector < _NO_SECTOR:
        if sector in seen or sector >= len(table):
            raise ValueError("leads nowhere")
        seen.add(sector)
        yield sector
        sector = table[sector]


def _sector(data: Data, size: int, number: int) -> Data:
    found = data[(number + 1) * size : (number + 2) * size]
    if len(found) != size:
        raise ValueError("lies outside")
    return found


def _numbers(sector: Data) -> tuple[int, ...]:
    return struct.unpack(f"<{len(sector) // 4}L", sector)


def _at(data: Data, *places: int) -> tuple[int, ...]:
    return tuple(struct.unpack_from("<L", data, place)[0] for place in places)
