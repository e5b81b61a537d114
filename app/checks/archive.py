"""ZIP, read more strictly than programs do: one way to read it, or none.

Members lie one behind the other from the first byte on, then the directory, then the end; what directory and members
say of themselves is the same. So nothing is hidden before, between or behind, and no two programs see different files.
"""

from __future__ import annotations

import re
import stat
import struct
import unicodedata
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from app.checks.errors import Unfit

MOST_ENTRIES: Final = 4096
#: The only two ways of packing that office programs and file managers use.
STORED, DEFLATED = 0, 8

_END: Final = struct.Struct("<4s4H2LH")
_END64: Final = struct.Struct("<4sQ2H2L4Q")
_LOCATOR: Final = struct.Struct("<4sLQL")
_ENTRY: Final = struct.Struct("<4sBB5H3L5H2L")
_LOCAL: Final = struct.Struct("<4s5H3L2H")

_MOST_COMMENT: Final = 0xFFFF
#: In place of a number that does not fit, and stands in an extra field.
_ELSEWHERE: Final = 0xFFFFFFFF
_ZIP64: Final = 0x0001
#: A second name, which some programs go by.
_OTHER_NAME: Final = 0x7075
#: Flags: a member that is encrypted, strongly so, or in a directory that is.
_ENCRYPTED: Final = 0x1 | 0x40 | 0x2000
#: Checksum and sizes follow behind the member, in one of these lengths.
_DESCRIBED: Final = 0x8
_DESCRIPTIONS: Final = (12, 16, 20, 24)
_UTF8: Final = 0x800

_PIECE_BYTES: Final = 64 << 10
_DRIVE: Final = re.compile(r"[A-Za-z]:")

Data = bytes | bytearray


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A member, as the directory has it."""

    name: str
    method: int
    described: bool
    checksum: int
    packed: int
    size: int
    #: Where its header begins, where its bytes do, and where they end.
    offset: int
    start: int
    end: int


def entries(data: Data) -> tuple[Entry, ...]:
    """All members in the order in which they lie; raises Unfit where they can be seen in more than one way."""
    try:
        count, at, end = _directory(data)
        if count > MOST_ENTRIES:
            raise Unfit("unpacks-too-large")
        directory = at
        found = []
        for _ in range(count):
            entry, at = _entry(data, at)
            found.append(entry)
    except (struct.error, UnicodeDecodeError):
        raise Unfit("ambiguous-archive") from None
    found.sort(key=lambda entry: entry.offset)
    names = {unicodedata.normalize("NFC", entry.name).casefold() for entry in found}
    _hold_to(at == end, len(names) == count)
    _refuse_gaps(data, found, directory)
    return tuple(found)


def unpack(data: Data, entry: Entry) -> Iterator[bytes]:
    """What a member unpacks to, in pieces, never much more than it says; raises Unfit where it says otherwise."""
    checksum = size = 0
    for piece in _pieces(data, entry):
        checksum, size = zlib.crc32(piece, checksum), size + len(piece)
        _hold_to(size <= entry.size)
        yield piece
    _hold_to(size == entry.size, checksum == entry.checksum)


def _pieces(data: Data, entry: Entry) -> Iterator[bytes]:
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    for at in range(entry.start, entry.end, _PIECE_BYTES):
        packed = bytes(data[at : min(at + _PIECE_BYTES, entry.end)])
        if entry.method == STORED:
            yield packed
            continue
        piece = packed
        while piece or packed:
            try:
                piece = inflate.decompress(packed, _PIECE_BYTES)
            except zlib.error:
                raise Unfit("ambiguous-archive") from None
            packed = inflate.unconsumed_tail
            yield piece
        _hold_to(not inflate.unused_data)
    _hold_to(entry.method == STORED or inflate.eof)


def _directory(data: Data) -> tuple[int, int, int]:
    """How many members there are, and where the directory of them begins and ends."""
    at = data.rfind(b"PK\x05\x06", max(0, len(data) - _END.size - _MOST_COMMENT))
    _hold_to(at >= 0)
    _, disk, first_disk, here, count, size, offset, comment = _END.unpack_from(data, at)
    _hold_to(at + _END.size + comment == len(data), disk == first_disk == 0, here == count)
    end = at
    if at >= _LOCATOR.size and data.startswith(b"PK\x06\x07", at - _LOCATOR.size):
        # It has to say the same once more, in longer numbers.
        _, disk, end, disks = _LOCATOR.unpack_from(data, at - _LOCATOR.size)
        _hold_to(end + _END64.size + _LOCATOR.size == at, disk == 0, disks == 1)
        signature, length, _, _, disk, first_disk, here64, count64, size64, offset64 = _END64.unpack_from(data, end)
        _hold_to(signature == b"PK\x06\x06", length == _END64.size - 12, disk == first_disk == 0, here64 == count64)
        _hold_to(count in {count64, 0xFFFF}, size in {size64, _ELSEWHERE}, offset in {offset64, _ELSEWHERE})
        count, size, offset = count64, size64, offset64
    _hold_to(offset + size == end)
    return count, offset, end


def _entry(data: Data, at: int) -> tuple[Entry, int]:
    """The member that the directory has here, and where the next one stands."""
    fields = _ENTRY.unpack_from(data, at)
    signature, _, _, _, flags, method, _, _, checksum, packed, size, name_length, extra_length, comment = fields[:14]
    disk, _, attributes, offset = fields[14:]
    _hold_to(signature == b"PK\x01\x02", disk == 0)
    if flags & _ENCRYPTED:
        raise Unfit("protected-file")
    if method not in {STORED, DEFLATED}:
        raise Unfit("unreadable-archive")
    at += _ENTRY.size
    raw, extra = bytes(data[at : at + name_length]), _extra(data, at + name_length, extra_length)
    size, packed, offset = _long((size, packed, offset), extra)
    name = raw.decode("utf-8" if flags & _UTF8 else "cp437")
    # Directories, files, and what does not say; no links and devices.
    kind = stat.S_IFMT(attributes >> 16)
    if kind not in {0, stat.S_IFDIR, stat.S_IFREG} or not all(map(_is_safe, (name, *_other_names(extra)))):
        raise Unfit("unsafe-names")
    _hold_to(not name.endswith("/") or size == 0, method != STORED or size == packed)
    start = _start(data, offset, (raw, flags, method, checksum, packed, size))
    entry = Entry(
        name=name,
        method=method,
        described=bool(flags & _DESCRIBED),
        checksum=checksum,
        packed=packed,
        size=size,
        offset=offset,
        start=start,
        end=start + packed,
    )
    return entry, at + name_length + extra_length + comment


def _start(data: Data, offset: int, said: tuple[bytes, int, int, int, int, int]) -> int:
    """Where a member's bytes begin; its own header has to say what the directory says."""
    signature, _, flags, method, _, _, *local, name_length, extra_length = _LOCAL.unpack_from(data, offset)
    at = offset + _LOCAL.size
    extra = _extra(data, at + name_length, extra_length)
    checksum, packed, size = local
    size, packed = _long((size, packed), extra)
    raw = bytes(data[at : at + name_length])
    _hold_to(signature == b"PK\x03\x04", (raw, flags & ~0x6, method) == (said[0], said[1] & ~0x6, said[2]))
    numbers = (checksum, packed, size)
    described = flags & _DESCRIBED and all(
        number in {0, known} for number, known in zip(numbers, said[3:], strict=True)
    )
    _hold_to(bool(described) or numbers == said[3:])
    return int(at + name_length + extra_length)


def _extra(data: Data, at: int, length: int) -> dict[int, bytes]:
    """Extra fields by their number; each once."""
    found: dict[int, bytes] = {}
    end = at + length
    while at + 4 <= end:
        number, size = struct.unpack_from("<2H", data, at)
        _hold_to(number not in found, at + 4 + size <= end)
        found[number] = bytes(data[at + 4 : at + 4 + size])
        at += 4 + size
    return found


def _long(numbers: tuple[int, ...], extra: dict[int, bytes]) -> tuple[int, ...]:
    """The numbers, those that did not fit taken from where they stand instead."""
    longer = struct.iter_unpack("<Q", extra.get(_ZIP64, b"")[: 8 * sum(n == _ELSEWHERE for n in numbers)])
    return tuple(next(longer, (number,))[0] if number == _ELSEWHERE else number for number in numbers)


def _other_names(extra: dict[int, bytes]) -> tuple[str, ...]:
    return (extra[_OTHER_NAME][5:].decode(),) if _OTHER_NAME in extra else ()


def _is_safe(name: str) -> bool:
    """A path that stays in the folder that it is unpacked to."""
    hidden = any(unicodedata.category(character) in {"Cc", "Cs"} for character in name)
    return bool(name) and not (
        hidden or name.startswith("/") or "\\" in name or _DRIVE.match(name) or ".." in name.split("/")
    )


def _refuse_gaps(data: Data, found: list[Entry], directory: int) -> None:
    """Each member begins where the one before it ends; nothing lies on or between them."""
    starts = [entry.offset for entry in found] + [directory]
    _hold_to(starts[0] == 0)
    for entry, (_, following) in zip(found, pairwise(starts), strict=True):
        gap = following - entry.end
        _hold_to(
            gap == 0 or (entry.described and gap in _DESCRIPTIONS and _describes(data[entry.end : following], entry))
        )


def _describes(description: Data, entry: Entry) -> bool:
    """With or without signature, in short or long numbers: the checksum comes first."""
    numbers = description[4:] if len(description) in {16, 24} else description
    return int.from_bytes(numbers[:4], "little") == entry.checksum


def _hold_to(*agreed: bool) -> None:
    if not all(agreed):
        raise Unfit("ambiguous-archive")
