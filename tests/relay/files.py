"""Files of any size that every check takes, and the same files spoilt in their last bytes."""

from __future__ import annotations

import base64
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Final

PIECE: Final = random.Random(4).randbytes(1 << 20)  # noqa: S311 - the same in every run
#: Rows of a table, about as large.
ROWS: Final = b"".join(base64.b64encode(PIECE[at : at + 45]) + b",1\n" for at in range(0, 1 << 20, 45))
EICAR: Final = base64.b64decode(
    b"WDVPIVAlQEFQWzRcUFpYNTQoUF4pN0NDKTd9JEVJQ0FSLVNUQU5EQVJELUFOVElWSVJVUy1URVNULUZJTEUhJEgrSCo="
)


def noise(size: int) -> bytes:
    """Bytes that no compression makes smaller."""
    return (PIECE * (size // len(PIECE) + 1))[:size]


def csv(size: int) -> bytes:
    """A table."""
    return b"".join(csv_pieces(size))


def csv_pieces(size: int) -> Iterator[bytes]:
    """The same, not all at once."""
    yield b"a,b\n"
    left = size - 4
    while left > 0:
        yield ROWS[:left] if left >= len(ROWS) else ROWS[: left - 1] + b"\n"
        left -= len(ROWS)


def pdf(size: int) -> bytes:
    """One page without anything on it, and a stream of noise."""
    return b"".join(pdf_pieces(size))


def pdf_pieces(size: int) -> Iterator[bytes]:
    """The same, not all at once."""
    start = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"
    objects = (
        b"1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n",
        b"2 0 obj\n<</Type/Pages/Kids[3 0 R]/Count 1>>\nendobj\n",
        b"3 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]>>\nendobj\n",
    )
    offsets, at = [], len(start)
    for one in objects:
        offsets.append(at)
        at += len(one)
    offsets.append(at)
    opening, closing = b"4 0 obj\n<</Length %010d>>\nstream\n", b"\nendstream\nendobj\n"
    table = b"xref\n0 5\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    table += b"trailer\n<</Size 5/Root 1 0 R>>\nstartxref\n%010d\n%%%%EOF\n"
    length = size - at - len(opening % 0) - len(closing) - len(table % 0)
    yield start + b"".join(objects) + opening % length
    for begin in range(0, length, len(PIECE)):
        yield PIECE[: length - begin]
    yield closing + table % (size - len(table % 0))


def png(size: int) -> bytes:
    """Grey noise, a pixel high for each row of 1,000."""
    rows = max((size - 100) // 1001, 1)
    raw = b"".join(b"\0" + noise(1000) for _ in range(rows))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 1000, rows, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(raw, 0)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def archive(size: int) -> bytes:
    """A ZIP of one member."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as zipped:
        zipped.writestr("notas.txt", base64.b64encode(noise(size * 3 // 4)))
    return out.getvalue()


def xml(size: int) -> bytes:
    """One element with text in it."""
    return b"<?xml version='1.0' encoding='UTF-8'?>\n<a>" + base64.b64encode(noise(size * 3 // 4)) + b"</a>\n"


def text(size: int) -> bytes:
    """Words, of a kind."""
    return csv(size)


MAKERS: Final[Mapping[str, tuple[str, str, Callable[[int], bytes]]]] = {
    "csv": ("tabla.csv", "text/csv", csv),
    "pdf": ("contrato.pdf", "application/pdf", pdf),
    "png": ("foto.png", "image/png", png),
    "text": ("notas.txt", "text/plain", text),
    "xml": ("datos.xml", "application/xml", xml),
    "zip": ("papeles.zip", "application/zip", archive),
}
#: A file of that type, made unacceptable by nothing but its last bytes.
SPOILT: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "csv": lambda content: content[:-1] + b"\0",
    "pdf": lambda content: content[:-6] + b"%%EOX\n",
    "png": lambda content: content[:-1] + bytes([content[-1] ^ 1]),
    "text": lambda content: content[:-1] + b"\0",
    "xml": lambda content: content.removesuffix(b"</a>\n") + b"</b>\n",
    "zip": lambda content: content[:-22] + b"PK\x05\x07" + content[-18:],
    "eicar": lambda content: content[: -len(EICAR)] + EICAR,
}
