"""DER one level deep: enough to tell files apart by their outermost elements, without reading what is inside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
BMP_STRING: Final = 0x1E
SEQUENCE: Final = 0x30

_MULTIBYTE_TAG: Final = 0x1F
_LONG_LENGTH: Final = 0x80


@dataclass(frozen=True, slots=True)
class Element:
    """A tag (one byte, class and all) and the bytes it holds."""

    tag: int
    content: bytes


def elements(data: bytes) -> Iterator[Element]:
    """Each element in turn; raises ValueError at the first that is cut short, open-ended or tagged with more bytes."""
    at = 0
    while at < len(data):
        tag = data[at]
        start, length = _length(data, at + 1)
        if tag & _MULTIBYTE_TAG == _MULTIBYTE_TAG or start + length > len(data):
            raise ValueError("not a whole element")
        at = start + length
        yield Element(tag, data[start:at])


def only_element(data: bytes) -> Element:
    """The one element that is all of the data; raises ValueError where there is more or less."""
    (element,) = elements(data)
    return element


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Where the contents start, and how long they are."""
    first = data[at] if at < len(data) else _LONG_LENGTH
    if first < _LONG_LENGTH:
        return at + 1, first
    count = first - _LONG_LENGTH
    digits = data[at + 1 : at + 1 + count]
    if not count or len(digits) < count:
        raise ValueError("no length")
    return at + 1 + count, int.from_bytes(digits, "big")
