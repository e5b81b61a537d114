from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib

import pytest

from app.checks import Policy, archive
from app.checks.errors import Unfit
from app.checks.patterns import EICAR
from tests.checks.documents import GOOD, PDF, XML, office, ole, packed, parts_of, verdict
from tests.checks.zipping import Member, deflated, zipped

PROGRAM = b"\x7fELF" + bytes(100)
CRC = struct.pack("<L", zlib.crc32(b"hello"))
SIZES = struct.pack("<2L", len(deflated(b"hello")), 5)
LONG_SIZES = struct.pack("<2Q", len(deflated(b"hello")), 5)
MARK = 0xFFFFFFFF


def extra(number: int, content: bytes) -> bytes:
    return struct.pack("<2H", number, len(content)) + content


def streamed() -> bytes:
    """As it is written where nothing can be gone back to."""

    class OneWay(io.RawIOBase):
        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.data += data
            return len(data)

    target = OneWay()
    with (
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as written,
        written.open("a.txt", "w", force_zip64=True) as one,
    ):
        one.write(b"hello" * 1000)
    return target.data


OK = {
    "one": zipped(Member()),
    "nothing": zipped(),
    "stored": zipped(Member(method=0)),
    "a comment": zipped(Member(), comment=b"made by hand"),
    "a folder": zipped(
        Member(name=b"a/", content=b"", method=0, attributes=stat.S_IFDIR << 16), Member(name=b"a/b.txt")
    ),
    "an empty member": zipped(Member(content=b"")),
    "with a dot": zipped(Member(name=b"./a.txt")),
    "streamed": streamed(),
    "described": zipped(
        Member(flags=8, local={"crc": 0, "packed": 0, "size": 0}, behind=b"PK\7\x08" + CRC + SIZES),
        Member(name=b"b.txt"),
    ),
    "described without a signature": zipped(Member(flags=8, behind=CRC + SIZES)),
    "described in long": zipped(Member(flags=8, behind=CRC + LONG_SIZES)),
    "described by a folder without": zipped(Member(name=b"a/", content=b"", method=0, flags=8)),
    "long numbers": zipped(Member(), long=True),
    "long numbers needed": zipped(Member(), long=True, here=0xFFFF, count=0xFFFF, size=38 + 13),
    "a long size": zipped(
        Member(
            extra=extra(1, struct.pack("<2Q", 5, len(deflated(b"hello")))), local={"packed": MARK, "size": MARK},
            directory={"packed": MARK, "size": MARK},
        )
    ),
    "another name": zipped(Member(extra=extra(0x7075, b"\1" + bytes(4) + "ñ.txt".encode()))),
    "many": packed({f"{number}.txt": "x" for number in range(4096)}),
    "nested": packed({"a.zip": packed({"b.docx": office("docx")}), "c.doc": ole("WordDocument"), "d.bin": ole("x")}),
    "another kind of text": packed({"a.txt": "MZ and more", "b.txt": ""}),
    "packs well": packed({"a.txt": bytes(1 << 20)}),
    "sizes": zipped(
        Member(content=bytes(65536)), Member(name=b"b", content=b"x" * 65537), Member(name=b"c", content=bytes(1 << 17))
    ),
}  # fmt: skip

BAD = {
    "cut": (OK["one"][:-1], "ambiguous-archive"),
    "cut far": (OK["one"][:40], "ambiguous-archive"),
    "more behind": (OK["one"] + b"x", "ambiguous-archive"),
    "more before": (zipped(Member(before=b"x" * 40), start=b"PK\3\4"), "ambiguous-archive"),
    "a program before": (b"PK\3\4" + OK["one"], "ambiguous-archive"),
    "an end in the comment": (zipped(Member(), comment=zipped()), "ambiguous-archive"),
    "another disk": (zipped(Member(), disk=1), "ambiguous-archive"),
    "a member of another disk": (zipped(Member(directory={"disk": 1})), "ambiguous-archive"),
    "fewer members": (zipped(Member(), Member(name=b"b"), count=1, here=1), "ambiguous-archive"),
    "more members": (zipped(Member(), count=2, here=2), "ambiguous-archive"),
    "counts that differ": (zipped(Member(), count=2), "ambiguous-archive"),
    "a directory elsewhere": (zipped(Member(), offset=3), "ambiguous-archive"),
    "no directory": (zipped(Member(directory={"signature": b"PK\1\3"})), "ambiguous-archive"),
    "long numbers that differ": (zipped(Member(), long=True, long_count=2), "ambiguous-archive"),
    "long numbers without": (zipped(Member(), here=0xFFFF, count=0xFFFF), "unpacks-too-large"),
    "no member": (zipped(Member(), Member(name=b"b", local={"signature": b"PK\3\5"})), "ambiguous-archive"),
    "hidden between": (zipped(Member(), Member(name=b"b", before=b"hidden")), "ambiguous-archive"),
    "hidden before the directory": (zipped(Member(), gap=b"hidden bytes"), "ambiguous-archive"),
    "hidden as a description": (zipped(Member(flags=8, behind=b"hidden bytes")), "ambiguous-archive"),
    "a description of nothing": (zipped(Member(behind=CRC + SIZES)), "ambiguous-archive"),
    "overlapping": (zipped(Member(), Member(name=b"a.txt2", directory={"offset": 0})), "ambiguous-archive"),
    "two of a name": (zipped(Member(), Member()), "ambiguous-archive"),
    "two of a name but for capitals": (zipped(Member(), Member(name=b"A.TXT")), "ambiguous-archive"),
    "another name inside": (zipped(Member(local={"name": b"b.txt"})), "ambiguous-archive"),
    "another method inside": (zipped(Member(local={"method": 0})), "ambiguous-archive"),
    "another size inside": (zipped(Member(local={"size": 6})), "ambiguous-archive"),
    "another checksum inside": (zipped(Member(local={"crc": 6})), "ambiguous-archive"),
    "another size inside, described": (
        zipped(Member(flags=8, local={"size": 6}, behind=CRC + SIZES)), "ambiguous-archive",
    ),
    "a wrong checksum": (zipped(Member(local={"crc": 6}, directory={"crc": 6})), "ambiguous-archive"),
    "more than it says": (zipped(Member(local={"size": 4}, directory={"size": 4})), "ambiguous-archive"),
    "less than it says": (zipped(Member(local={"size": 6}, directory={"size": 6})), "ambiguous-archive"),
    "stored with two sizes": (zipped(Member(method=0, local={"size": 4}, directory={"size": 4})), "ambiguous-archive"),
    "not packed": (zipped(Member(packed=b"\xff\xff\xff")), "ambiguous-archive"),
    "packed twice": (zipped(Member(packed=deflated(b"hello") + b"more")), "ambiguous-archive"),
    "packed and cut": (zipped(Member(packed=deflated(b"hello" * 99)[:-2], content=b"hello" * 99)), "ambiguous-archive"),
    "a folder with content": (zipped(Member(name=b"a/")), "ambiguous-archive"),
    "a name that is no text": (zipped(Member(name=b"\xff", flags=0x800)), "ambiguous-archive"),
    "extras cut": (zipped(Member(extra=b"\1\0\x10\0")), "ambiguous-archive"),
    "extras twice": (zipped(Member(extra=extra(9, b"") * 2)), "ambiguous-archive"),
    "encrypted": (zipped(Member(flags=1)), "protected-file"),
    "encrypted strongly": (zipped(Member(flags=0x41)), "protected-file"),
    "packed otherwise": (zipped(Member(method=14)), "unreadable-archive"),
    "a path from the root": (zipped(Member(name=b"/a.txt")), "unsafe-names"),
    "a path out": (zipped(Member(name=b"a/../../b.txt")), "unsafe-names"),
    "a path of Windows": (zipped(Member(name=b"a\\b.txt")), "unsafe-names"),
    "a drive": (zipped(Member(name=b"C:a.txt")), "unsafe-names"),
    "a name with a zero": (zipped(Member(name=b"a.txt\0.pdf")), "unsafe-names"),
    "no name": (zipped(Member(name=b"")), "unsafe-names"),
    "another name that leads out": (zipped(Member(extra=extra(0x7075, b"\1" + bytes(4) + b"../b"))), "unsafe-names"),
    "a link": (zipped(Member(attributes=stat.S_IFLNK << 16)), "unsafe-names"),
    "a device": (zipped(Member(attributes=stat.S_IFCHR << 16)), "unsafe-names"),
    "too many": (packed({f"{number}.txt": "x" for number in range(4097)}), "unpacks-too-large"),
    "too many in all": (
        packed({f"{outer}.zip": packed({f"{number}.txt": "x" for number in range(2048)}) for outer in range(2)}),
        "unpacks-too-large",
    ),
    "a bomb": (packed({"a.txt": bytes(4 << 20)}), "unpacks-too-large"),
    "a large one": (
        zipped(Member(packed=bytes(4 << 20), local={"size": 257 << 20}, directory={"size": 257 << 20})),
        "unpacks-too-large",
    ),
    "a bomb in a small one": (packed({"a.zip": packed({"a.txt": bytes(4 << 20)})}), "unpacks-too-large"),
    "too deep": (
        packed({"a.zip": packed({"b.zip": packed({"c.zip": packed({"d.txt": "d"})})})}), "too-complex",
    ),
    "a nested one that is damaged": (packed({"a.zip": b"PK\3\4" + bytes(50)}), "ambiguous-archive"),
    "a nested one that is encrypted": (packed({"a.zip": zipped(Member(flags=1))}), "protected-file"),
    "a nested office file with macros": (packed({"a.doc": ole("Macros")}), "macros"),
    "a nested office file with a password": (packed({"a.docx": ole("EncryptedPackage")}), "protected-file"),
    "a nested older office file that is damaged": (packed({"a.doc": ole("x")[:600]}), "damaged-file"),
    "a virus": (packed({"a.txt": b"x" * 65500 + EICAR}), "virus"),
    "a stored virus": (packed({"a.txt": EICAR}, method=zipfile.ZIP_STORED), "virus"),
    "a nested virus": (packed({"a.zip": packed({"a.txt": EICAR})}), "virus"),
    "a program": (packed({"a.txt": PROGRAM}), "program"),
    "a program by its name": (packed({"readme/a.EXE": "x"}), "program"),
    "a script by its name": (packed({"a.txt.vbs": "x"}), "program"),
    "macros": (packed({"xl/vbaProject.bin": "x"}), "macros"),
    "rar": (packed({"a.bin": b"Rar!\x1a\x07\0"}), "unreadable-archive"),
    "tar": (packed({"a.tar": bytes(257) + b"ustar"}), "unreadable-archive"),
    "gzip": (packed({"a.gz": b"\x1f\x8b\x08"}), "unreadable-archive"),
}  # fmt: skip


@pytest.mark.parametrize("name", OK)
def test_an_archive_passes(name: str) -> None:
    assert verdict("a.zip", OK[name]) == ""


@pytest.mark.attack("files", "an archive that is a bomb, nested, encrypted, or names files outside of it", "refused")
@pytest.mark.parametrize("name", BAD)
def test_an_archive_is_refused(name: str) -> None:
    data, slug = BAD[name]
    assert verdict("a.zip", data) == slug


def test_a_library_reads_what_passes() -> None:
    """The writer here is one to be believed."""
    for name, data in OK.items():
        with zipfile.ZipFile(io.BytesIO(data)) as opened:
            assert opened.testzip() is None, name


def test_what_cannot_be_looked_into_needs_leave() -> None:
    opaque, large = BAD["rar"][0], zipped(Member(method=0, content=bytes(16 << 20)))
    assert verdict("a.zip", large) == "not-inspected"
    for data in (opaque, large):
        assert verdict("a.zip", data, policy=Policy(uninspected=True)) == ""
    for data, slug in (BAD["a program"], BAD["a virus"], BAD["macros"], BAD["encrypted"]):
        assert verdict("a.zip", data, policy=Policy(uninspected=True)) == slug
    assert verdict("a.zip", large + EICAR, policy=Policy(uninspected=True)) == "virus"


def test_a_nested_archive_is_no_larger_than_an_outer_one() -> None:
    inner = zipped(Member(method=0, content=bytes(17 << 20)))
    assert verdict("a.zip", packed({"a.zip": inner, "b": b"".join(map(str.encode, map(str, range(200_000))))})) == (
        "unpacks-too-large"
    )


@pytest.mark.parametrize("name", ["docx", "xlsx", "xlsb", "pptx"])
def test_an_office_file_is_what_its_list_of_parts_says(name: str) -> None:
    def of(members: dict[str, bytes | str]) -> str:
        return verdict(f"a.{name}", packed(members))

    main = "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml"
    listed = parts_of(name)
    assert of({"[Content_Types].xml": listed, "main.xml": ""}) == ""
    assert of({"[Content_Types].xml": listed, "Main.xml": "", "media/a.svg": "<svg/>", "a.emz": b"\x1f\x8b\x08"}) == ""
    by_ending = listed.replace('Override PartName="/main.xml"', 'Default Extension="XML"')
    assert of({"[Content_Types].xml": by_ending, "word/other.xml": ""}) == ""
    assert of({"[Content_Types].xml": listed}) == "not-its-content"
    assert of({"[Content_Types].xml": parts_of(name).replace('ContentType="', f'ContentType="{main}', 1), "x": ""}) == (
        "not-its-content"
    )
    assert of({"main.xml": ""}) == "damaged-file"
    assert of({"[Content_Types].xml": "<Types>", "main.xml": ""}) == "damaged-file"
    assert of({"[Content_Types].xml": listed + " " * (1 << 20), "main.xml": ""}) == "unpacks-too-large"
    long = packed({"[Content_Types].xml": listed + " " * (1 << 20), "main.xml": ""}, method=zipfile.ZIP_STORED)
    assert verdict(f"a.{name}", long) == "unpacks-too-large"
    assert of({"[Content_Types].xml": "<!DOCTYPE x>" + listed, "main.xml": ""}) == "doctype"
    for encoding in ("utf-8", "utf-16"):
        part = "<?xml version='1.0'?><!DOCTYPE x><x/>".encode(encoding)
        assert of({"[Content_Types].xml": listed, "main.xml": part}) == "doctype"
    assert of({"[Content_Types].xml": listed, "main.xml": "", "word/VbaProject.bin": "x"}) == "macros"
    for kind in ("application/vnd.ms-office.vbaProject", "application/vnd.ms-word.document.macroEnabled.main+xml"):
        assert of({"[Content_Types].xml": parts_of(name, **{"/x.bin": kind}), "main.xml": "", "x.bin": ""}) == "macros"
    assert of({"[Content_Types].xml": listed, "main.xml": "", "a.gz": b"\x1f\x8b\x08"}) == "unreadable-archive"
    assert of({"[Content_Types].xml": listed, "main.xml": "", "embeddings/a.bin": PROGRAM}) == "program"


@pytest.mark.parametrize(
    ("name", "data", "slug"),
    [
        ("doc", ole("WordDocument", "1Table", shift=12), ""),
        ("xls", ole("Book"), ""),
        ("doc", ole("WordDocument", *[f"s{number}" for number in range(50)]), ""),
        ("doc", ole("Workbook"), "not-its-content"),
        ("doc", ole("WordDocument", "Macros"), "macros"),
        ("xls", ole("Workbook", "_VBA_PROJECT_CUR"), "macros"),
        ("doc", ole("WordDocument", "EncryptedPackage"), "protected-file"),
        ("doc", ole("WordDocument")[:1024], "damaged-file"),
        ("doc", ole("WordDocument")[:60], "damaged-file"),
        ("doc", ole("WordDocument").replace(b"\xfe\xff\x09", b"\xff\xff\x09", 1), "damaged-file"),
        ("doc", ole("WordDocument").replace(b"\xfe\xff\x09", b"\xfe\xff\x08", 1), "damaged-file"),
        # A folder that goes on in itself, and one that goes on outside.
        ("doc", ole("WordDocument")[:516] + b"\1\0\0\0" + ole("WordDocument")[520:], "damaged-file"),
        ("doc", ole("WordDocument")[:516] + b"\xff\xff\0\0" + ole("WordDocument")[520:], "damaged-file"),
    ],
)
def test_an_older_office_file_is_what_its_streams_are(name: str, data: bytes, slug: str) -> None:
    assert verdict(f"a.{name}", data) == slug


def test_the_table_of_a_large_older_office_file_goes_on_outside_its_header() -> None:
    whole = bytearray(ole("WordDocument"))
    end, at = len(whole), len(whole) // 512 - 1
    # Sector 0, the table, is told in a sector of its own and no longer in the header.
    struct.pack_into("<2L", whole, 68, at, 1)
    struct.pack_into("<L", whole, 76, MARK)
    whole += struct.pack("<128L", 0, *[MARK] * 127)
    assert verdict("a.doc", bytes(whole)) == ""
    assert verdict("a.doc", bytes(whole[:end])) == "damaged-file"


def test_a_member_is_unpacked_no_further_than_it_says() -> None:
    content = bytes(4 << 20)
    data = zipped(Member(content=content, local={"size": 9}, directory={"size": 9}))
    (entry,) = archive.entries(data)
    assert next(archive._pieces(data, entry)) == content[: 64 << 10]
    unpacking = archive.unpack(data, entry)
    with pytest.raises(Unfit, match="ambiguous-archive"):
        next(unpacking)


def test_good_ones_are_other_archives_too() -> None:
    assert verdict("a.zip", GOOD["docx"]) == ""
    assert verdict("a.docx", GOOD["zip"]) == "damaged-file"
    assert verdict("a.zip", packed({"a.pdf": PDF, "a.xml": XML})) == ""
