"""Documents made here: a good one of every type, and what they are made of, for those that are not."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

from app.checks import HEAD_BYTES, Policy, Rejected, Watch, watch
from app.checks.budget import Budget
from app.checks.office import CONTENT_TYPES, MAIN_PARTS
from app.providers.operation import Field, Mode, Operation, Part
from tests.checks.test_image import JPEG, PNG

NOW: Final = datetime(2026, 11, 21, tzinfo=UTC)

PDF: Final = (
    b"%PDF-1.7\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n2 0 obj\n<</Type/Pages/Kids[]/Count 0>>\nendobj\n"
    b"xref\n0 3\n0000000000 65535 f \n0000000009 00000 n \n0000000054 00000 n \n"
    b"trailer\n<</Root 1 0 R/Size 3>>\nstartxref\n101\n%%EOF\n"
)
LOCKED_PDF: Final = PDF.replace(b"/Size 3", b"/Size 3/Encrypt 9 0 R/ID[<00><00>]")
XML: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n<cfdi:Comprobante xmlns:cfdi="http://www.sat.gob.mx/cfd/4"/>\n'


def packed(members: Mapping[str, bytes | str], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """As the standard library packs it."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target.getvalue()


def parts_of(name: str, **others: str) -> str:
    """The list of parts of an office file."""
    parts = {"/main.xml": MAIN_PARTS[name], **others}
    listed = "".join(f'<Override PartName="{part}" ContentType="{kind}"/>' for part, kind in parts.items())
    return (
        '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        f'<Default Extension="rels" ContentType="application/xml"/>{listed}</Types>'
    )


def office(name: str, members: Mapping[str, bytes | str] | None = None) -> bytes:
    return packed({CONTENT_TYPES: parts_of(name), "_rels/.rels": "<r/>", "main.xml": "<w/>", **(members or {})})


def ole(*names: str, shift: int = 9) -> bytes:
    """A file system in a file: its header, its table, its folder."""
    size, wanted = 1 << shift, ("Root Entry", *names)
    folders = -(-len(wanted) * 128 // size)
    header = struct.pack(
        "<8s16s5H6s9L", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 62, 3, 0xFFFE, shift, 6, b"",
        0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0,
    )  # fmt: skip
    header += struct.pack("<109L", 0, *[0xFFFFFFFF] * 108)
    chain = [0xFFFFFFFD, *range(2, folders + 1), 0xFFFFFFFE]
    table = struct.pack(f"<{len(chain)}L", *chain)
    entries = b"".join(
        struct.pack("<64sHB61x", name.encode("utf-16-le"), 2 * len(name) + 2, 5 if name == "Root Entry" else 2)
        for name in wanted
    )
    return (
        header.ljust(size, b"\0") + table.ljust(size, b"\xff") + entries.ljust(folders * size, b"\0") + bytes(4 * size)
    )


#: By the name of the type.
GOOD: Final[Mapping[str, bytes]] = {
    "pdf": PDF,
    "png": PNG,
    "jpeg": JPEG,
    "text": "Año nuevo,\nvida nueva\n".encode(),
    "csv": "fecha;importe\n2026-01-31;1.50\n".encode("utf-8-sig"),
    "tsv": b"a\tb\n1\t2\n",
    "json": b' [{"a": 1}] ',
    "xml": XML,
    "docx": office("docx"),
    "xlsx": office("xlsx"),
    "xlsb": office("xlsb"),
    "pptx": office("pptx"),
    "doc": ole("WordDocument"),
    "xls": ole("Workbook"),
    "ppt": ole("PowerPoint Document"),
    "zip": packed({"one.txt": "one", "two/three.pdf": PDF}),
}


def operation(
    *types: str, check: str = "document", fields: tuple[Field, ...] = (), max_bytes: int = 1 << 40
) -> Operation:
    return Operation(
        slug="acme/document",
        title="A document",
        intro="",
        modes=(Mode.RELAY,),
        parts=(Part(name="file", label="file", max_bytes=max_bytes, types=types),),
        fields=fields,
        check=check,
    )


ANY: Final = operation()


def begun(filename: str, data: bytes, *, size: int | None = None, **changed: Any) -> Watch:
    """A file of which the beginning passed."""
    given: dict[str, Any] = {
        "operation": ANY, "part_name": "file", "content_type": "", "fields": {}, "policy": Policy(), "now": NOW,
        "budget": Budget(1 << 30),
    }  # fmt: skip
    watching = watch(filename=filename, size=len(data) if size is None else size, **(given | changed))
    watching.begin(data[:HEAD_BYTES])
    return watching


def blocks(data: bytes, *cuts: int) -> Iterable[bytes]:
    """The data, cut at these places."""
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(places) if end > start]


def passed(filename: str, data: bytes, *cuts: int, **changed: Any) -> Watch:
    """A file that passed; raises Rejected where it does not."""
    watching = begun(filename, data, **changed)
    for block in blocks(data, *cuts):
        watching.feed(block)
    watching.finish()
    return watching


def verdict(filename: str, data: bytes, *cuts: int, **changed: Any) -> str:
    """Why it does not pass; empty where it does."""
    try:
        passed(filename, data, *cuts, **changed)
    except Rejected as refusal:
        return refusal.slug
    return ""


def changed_at(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]
