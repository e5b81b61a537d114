"""A logo: a PNG or JPEG by its bytes, whole, and nothing behind it. Never SVG, which can carry scripts."""

from __future__ import annotations

import re
import struct
import zlib
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal

from app.checks.errors import Rejected

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8"

_START_OF_FRAME: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN: Final = 0xDA
_END_OF_IMAGE: Final = 0xD9
#: What ends compressed data: a marker that is neither an escaped 0xFF nor a restart.
_MARKER_AFTER_SCAN: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What an image says it is."""

    format: Literal["png", "jpeg"]
    width: int
    height: int


def check(data: bytes, *, field: str) -> Image:
    """Walk through an image's structure without decoding a pixel; raises Rejected `image-unreadable`."""
    with suppress(ValueError, IndexError, struct.error):
        return _read(data)
    raise Rejected("image-unreadable", field=field)


def _read(data: bytes) -> Image:
    if data.startswith(_PNG):
        image = _read_png(data)
    elif data.startswith(_JPEG):
        image = _read_jpeg(data)
    else:
        raise ValueError("neither PNG nor JPEG")
    if not image.width or not image.height:
        raise ValueError("no pixels")
    return image


def _read_png(data: bytes) -> Image:
    """IHDR first, IDAT somewhere, IEND last; every checksum right."""
    at, name = len(_PNG), b""
    names: list[bytes] = []
    while name != b"IEND":
        length, name = struct.unpack_from(">I4s", data, at)
        body_end = at + 8 + length
        (checksum,) = struct.unpack_from(">I", data, body_end)
        if zlib.crc32(data[at + 4 : body_end]) != checksum:
            raise ValueError("damaged chunk")
        names.append(name)
        at = body_end + 4
    if names[0] != b"IHDR" or b"IDAT" not in names or at != len(data):
        raise ValueError("chunks missing, or bytes behind the last")
    width, height = struct.unpack_from(">II", data, len(_PNG) + 8)
    return Image(format="png", width=width, height=height)


def _read_jpeg(data: bytes) -> Image:
    """A frame, then its compressed data, then the end."""
    image: Image | None = None
    scanned = False
    marker, at = _marker(data, len(_JPEG))
    while marker != _END_OF_IMAGE:
        (length,) = struct.unpack_from(">H", data, at)
        if length < 2:
            raise ValueError("a length counts itself")
        if marker in _START_OF_FRAME:
            height, width = struct.unpack_from(">HH", data, at + 3)
            image = Image(format="jpeg", width=width, height=height)
        at += length
        if marker == _START_OF_SCAN:
            scanned = True
            end = _MARKER_AFTER_SCAN.search(data, at)
            at = end.start() if end else len(data)
        marker, at = _marker(data, at)
    if image is None or not scanned or at != len(data):
        raise ValueError("no picture, or bytes behind it")
    return image


def _marker(data: bytes, at: int) -> tuple[int, int]:
    """The marker here, and where what follows it starts; any number of 0xFF may come before it."""
    if data[at] != 0xFF:
        raise ValueError("not a marker")
    while data[at] == 0xFF:
        at += 1
    return data[at], at + 1
