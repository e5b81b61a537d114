"""PNG and JPEG by their structure, without decoding a pixel. Never SVG, which can carry scripts."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from app.checks.errors import Rejected, Unfit
from app.checks.walks import Steps, Supply, Walk

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8"
_IHDR_BYTES: Final = 13

_START_OF_FRAME: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN: Final = 0xDA
_END_OF_IMAGE: Final = 0xD9
#: What ends compressed data: a marker that is neither an escaped 0xFF nor a restart.
_MARKER_AFTER_SCAN: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")

Format = Literal["png", "jpeg"]


#: Looked at in one go for what is near, and for what is far; the rest is taken back, and costs what was copied.
_FEW_BYTES: Final = 16
_MANY_BYTES: Final = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What an image says it is."""

    format: Format
    width: int
    height: int


class Picture:
    """Walks through an image while it passes. `extras`: whether what phones put behind a photo is taken."""

    def __init__(self, format_: str, unfit: Unfit, *, extras: bool) -> None:
        def read(supply: Supply) -> Steps[Image]:
            image = yield from _READERS[format_](supply)
            if not image.width or not image.height:
                raise ValueError("no pixels")
            yield from _past_extras(supply) if extras and format_ == "jpeg" else _past_nothing(supply)
            return image

        self._walk = Walk(read, unfit)

    def feed(self, block: bytes) -> None:
        self._walk.feed(block)

    def finish(self) -> Mapping[str, Any]:
        return asdict(self._walk.finish())


def check(data: bytes, *, field: str) -> Image:
    """A logo that is all there: one image and nothing behind it; raises Rejected `image-unreadable`."""
    try:
        picture = Picture("png" if data.startswith(_PNG) else "jpeg", Unfit("image-unreadable"), extras=False)
        picture.feed(data)
        return Image(**picture.finish())
    except Unfit as verdict:
        raise Rejected(verdict.slug, field=field) from None


def _read_png(supply: Supply) -> Steps[Image]:
    """IHDR first, IDAT somewhere, IEND last; every checksum right."""
    yield from supply.skip(len(_PNG))
    name, header = yield from _chunk(supply, _IHDR_BYTES)
    if name != b"IHDR":
        raise ValueError("its header is not first")
    width, height = struct.unpack_from(">II", header)
    data = False
    while name != b"IEND":
        name, _ = yield from _chunk(supply)
        data = data or name == b"IDAT"
    if not data:
        raise ValueError("no picture")
    return Image(format="png", width=width, height=height)


def _chunk(supply: Supply, keep: int = 0) -> Steps[tuple[bytes, bytes]]:
    """Name of the next chunk, and as much of its beginning as is asked for."""
    length, name = struct.unpack(">I4s", (yield from supply.exactly(8)))
    if length < keep:
        raise ValueError("too short")
    kept = yield from supply.exactly(keep)
    checksum, left = zlib.crc32(kept, zlib.crc32(name)), length - keep
    while left:
        piece = yield from supply.some(left)
        if not piece:
            raise ValueError("ends early")
        checksum, left = zlib.crc32(piece, checksum), left - len(piece)
    if checksum != int.from_bytes((yield from supply.exactly(4)), "big"):
        raise ValueError("damaged chunk")
    return name, kept


def _read_jpeg(supply: Supply) -> Steps[Image]:
    """A frame, then its compressed data, then the end."""
    if (yield from supply.exactly(len(_JPEG))) != _JPEG:
        raise ValueError("not a JPEG")
    image: Image | None = None
    scanned = False
    marker = yield from _marker(supply)
    while marker != _END_OF_IMAGE:
        length = int.from_bytes((yield from supply.exactly(2)), "big") - 2
        if length < 0:
            raise ValueError("a length counts itself")
        if marker in _START_OF_FRAME:
            height, width = struct.unpack_from(">HH", (yield from supply.exactly(length)), 1)
            image = Image(format="jpeg", width=width, height=height)
        else:
            yield from supply.skip(length)
        scan = marker == _START_OF_SCAN
        marker = yield from _marker_after_scan(supply) if scan else _marker(supply)
        scanned = scanned or scan
    if image is None or not scanned:
        raise ValueError("no picture")
    return image


def _marker(supply: Supply) -> Steps[int]:
    """The marker here; any number of 0xFF may come before it."""
    if (yield from supply.exactly(1)) != b"\xff":
        raise ValueError("not a marker")
    while piece := (yield from supply.some(_FEW_BYTES)):
        rest = piece.lstrip(b"\xff")
        if rest:
            supply.back(len(rest) - 1)
            return rest[0]
    raise ValueError("ends early")


def _marker_after_scan(supply: Supply) -> Steps[int]:
    """The marker that ends compressed data."""
    before = b""
    while piece := (yield from supply.some(_MANY_BYTES)):
        data = before + piece
        if found := _MARKER_AFTER_SCAN.search(data):
            supply.back(len(data) - found.end())
            return data[found.end() - 1]
        before = b"\xff" if data.endswith(b"\xff") else b""
    raise ValueError("ends early")


def _past_nothing(supply: Supply) -> Steps[None]:
    if (yield from supply.some()):
        raise ValueError("bytes behind the image")


def _past_extras(supply: Supply) -> Steps[None]:
    """Phones put a second image, a short film, or notes of their maker behind a photo; padding may come before.

    A film begins with its length in four bytes, of which the first are zero too.
    """
    start, end = b"", b""
    while piece := (yield from supply.some()):
        start = (start + (piece[:12] if start else piece.lstrip(b"\0")))[:12]
        end = (end + piece[-4:])[-4:]
    if start and not start.startswith(b"\xff\xd8\xff") and not 1 <= start.find(b"ftyp") <= 4 and end != b"SEFT":
        raise ValueError("bytes behind the image")


_READERS: Final[Mapping[str, Callable[[Supply], Steps[Image]]]] = {"png": _read_png, "jpeg": _read_jpeg}
