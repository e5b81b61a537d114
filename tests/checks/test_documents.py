"""PDF, text, XML and photos: what passes, and what each rule refuses."""

from __future__ import annotations

import json
import time

import pytest

from app.checks import Policy
from app.checks.xml import MOST_DEPTH, MOST_NAMES, MOST_TOKEN_BYTES
from tests.checks.documents import LOCKED_PDF, PDF, XML, blocks, packed, passed, verdict
from tests.checks.test_image import DATA as PNG_DATA
from tests.checks.test_image import END as PNG_END
from tests.checks.test_image import JPEG, PNG, PNG_SIGNATURE, chunk, header

FILLED = PDF.replace(b"xref\n", b"%" + b"x" * (3 << 20) + b"\nxref\n", 1)


@pytest.mark.parametrize(
    ("data", "slug"),
    [
        (PDF, ""),
        (PDF[:-1], ""),
        (PDF.replace(b"1.7", b"2.0") + b"\r\n\0\0", ""),
        (PDF + b" " * 900, ""),
        (PDF.replace(b"xref\n", b"%PK\x05\x06\nxref\n", 1), ""),
        (PDF + PDF[9:], ""),  # an update is written behind
        (FILLED, ""),
        (PDF.replace(b"/Size 3", b"/Size 3/Encrypted true"), ""),
        (PDF.replace(b"%PDF-1.7", b"%PDF-7.1"), "damaged-file"),
        (b"%PDF-", "damaged-file"),
        (b"%PDF-1.4", "damaged-file"),
        (PDF[:-3], "damaged-file"),
        (PDF[: len(PDF) // 2], "damaged-file"),
        (PDF + b" " * 1100, "damaged-file"),
        (PDF + b"<html>", "damaged-file"),
        (PDF.replace(b"startxref\n101", b"startxref\n0"), "damaged-file"),
        (PDF.replace(b"startxref\n101", b"startxref\n999999"), "damaged-file"),
        (PDF.replace(b"startxref", b"startXref"), "damaged-file"),
        (PDF + packed({"a": "b"}), "damaged-file"),
        # The rest of the PDF is the ZIP's comment: each sees a whole file of its kind.
        (PDF[:20] + packed({"a": "b"})[:-2] + (len(PDF) - 20).to_bytes(2, "little") + PDF[20:], "ambiguous-archive"),
    ],
)
def test_a_pdf_is_whole_and_nothing_else(data: bytes, slug: str) -> None:
    assert verdict("a.pdf", data) == slug
    assert verdict("a.pdf", data, 3, 7, 100, -5) == slug


@pytest.mark.parametrize(
    "data",
    [
        LOCKED_PDF,
        PDF.replace(b"/Size 3", b"/Size 3/Encrypt <<"),
        FILLED.replace(b"/Size 3", b"/Size 3/Encrypt\n9 0\r\nR"),
        FILLED.replace(b"/Count 0", b"/Encrypt 9 0 R", 1),
    ],
    ids=["at the end", "in place", "at the end of a large one", "at the beginning of a large one"],
)
def test_a_password_needs_leave_and_has_its_own_words(data: bytes) -> None:
    at = data.index(b"/Encrypt")
    for cuts in ((), (at, at + 3, at + 10), tuple(range(at, at + 15))):
        assert verdict("a.pdf", data, *cuts) == "protected-pdf"
        allowed = passed("a.pdf", data, *cuts, policy=Policy(protected=True))
        assert allowed.facts == {"file": {"type": "pdf", "protected": True}}
    assert passed("a.pdf", PDF, policy=Policy(protected=True)).facts == {"file": {"type": "pdf"}}


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"plain\r\n\tand\x0csimple\x1a", "utf-8"),
        ("ñandú, 日本, 🦜".encode(), "utf-8"),
        ("ñandú".encode("utf-8-sig"), "utf-8"),
        ("ñandú, 日本, 🦜".encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + "ñandú".encode("utf-16-be"), "utf-16"),
        ("ñandú — “año”, 5 €".encode("cp1252"), "windows-1252"),
        (b"cut in a letter \xc3", "windows-1252"),
        (b"a < b, 1 <2 and <", "utf-8"),
    ],
)
@pytest.mark.parametrize("filename", ["a.txt", "a.csv", "a.tsv"])
def test_text_is_of_characters(data: bytes, encoding: str, filename: str) -> None:
    for cuts in ((), range(len(data))):
        assert passed(filename, data, *cuts).facts["file"]["encoding"] == encoding


@pytest.mark.parametrize(
    "data",
    [
        b"a\0b",
        b"a\x1b[2J",
        b"a" * 9000 + b"\x07",
        b"\xc3(\x81",  # neither
        b"\x9d" + "ñ".encode("cp1252"),
        "ñ\0".encode("utf-16"),
        "ñ".encode("utf-16") + b"\0",
        b"\xff\xfe\0\xd8a\0",
        "wide without a mark".encode("utf-16-le"),
        b" " * 5000 + b"x",
    ],
)
def test_what_is_no_text_is_refused(data: bytes) -> None:
    for cuts in ((), range(0, len(data), 3)):
        assert verdict("a.txt", data, *cuts) == "not-plain-text"


@pytest.mark.parametrize(
    ("data", "slug"),
    [
        (b"[]", ""),
        (b"\xef\xbb\xbf\n{}\n\n", ""),
        (json.dumps([{"ñ": 1}], ensure_ascii=False).encode(), ""),
        (b"{]", "damaged-file"),
        (b"{", "damaged-file"),
        (b"7", "damaged-file"),
        (b" \n", "damaged-file"),
        (b"[1] x", "damaged-file"),
        ('["ñ"]'.encode("cp1252"), "not-plain-text"),
        ('["ñ"]'.encode("utf-16"), "not-plain-text"),
        (b"<p>[]", "web-page"),
    ],
)
def test_json_is_utf8_in_brackets(data: bytes, slug: str) -> None:
    for cuts in ((), range(len(data))):
        assert verdict("a.json", data, *cuts) == slug


def declared(encoding: str, text: str = "ñ") -> bytes:
    return f"<?xml version='1.0' encoding='{encoding}'?><a>{text}</a>".encode(encoding)


LONG = "x" * (MOST_TOKEN_BYTES * 2)


@pytest.mark.parametrize(
    ("data", "slug"),
    [
        (XML, ""),
        (b"\xef\xbb\xbf" + XML, ""),
        (declared("utf-8"), ""),
        (declared("UTF-16"), ""),
        (declared("ISO-8859-1"), ""),
        (declared("windows-1252"), ""),
        (declared("us-ascii", "n"), ""),
        (declared("utf-7", "n"), "not-plain-text"),
        (declared("koi8-r", "n"), "not-plain-text"),
        (declared("utf-8").replace(b"\xc3", b""), "damaged-file"),
        (b"<a>", "damaged-file"),
        (b"<a></b>", "damaged-file"),
        (b"<a/><b/>", "damaged-file"),
        (b"<a>&nbsp;</a>", "damaged-file"),
        (b"<a b:c='d'/>", "damaged-file"),
        (b"plain", "damaged-file"),
        (b"<!DOCTYPE a><a/>", "doctype"),
        (b"<!-- x --><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "doctype"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'.encode("utf-16"), "doctype"),
        (b"<!DOCTYPE html><html/>", "web-page"),
        (b"<a><b xmlns='http://www.w3.org/1999/xhtml'><script/></b></a>", "web-page"),
        (b"<a xmlns:s='http://www.w3.org/2000/svg'/>", "web-page"),
        (b"<!--" + b"x" * 5000 + b"--><SVG/>", "web-page"),
        (b"<a>" * MOST_DEPTH + b"</a>" * MOST_DEPTH, ""),
        (b"<a>" * (MOST_DEPTH + 1) + b"</a>" * (MOST_DEPTH + 1), "too-complex"),
        (b"<a>" + b"".join(b"<b%d/>" % number for number in range(MOST_NAMES + 1)) + b"</a>", "too-complex"),
        (f"<a>{LONG}</a>".encode(), ""),
        (f"<a><![CDATA[{LONG}]]></a>".encode(), ""),
        (f"<a b='{LONG[: MOST_TOKEN_BYTES - 200_000]}'/>".encode(), ""),
        (f"<a b='{LONG}'/>".encode(), "too-complex"),
        (f"<a><!--{LONG}--></a>".encode(), "too-complex"),
    ],
)
def test_xml_is_well_formed_and_without_a_doctype(data: bytes, slug: str) -> None:
    assert verdict("a.xml", data) == slug
    assert verdict("a.xml", data, 1, 2, 3, 7, 70_000, -1) == slug


def test_a_tag_that_comes_byte_by_byte_takes_no_longer() -> None:
    data = b"<a b='" + b"x" * 300_000 + b"'/>"
    started = time.thread_time()
    assert verdict("a.xml", data, *range(0, len(data), 3)) == ""
    assert time.thread_time() - started < 2


MP4 = b"\0\0\0\x18ftypmp42" + bytes(500)


@pytest.mark.parametrize(
    ("behind", "slug"),
    [
        (JPEG, ""),
        (bytes(5000) + JPEG, ""),
        (bytes(100), ""),
        (MP4, ""),
        (b"\1" + MP4[1:], ""),
        (MP4[4:], "damaged-file"),
        (b"\1" + bytes(8) + b"ftyp", "damaged-file"),
        (b"\x0a\x0eImage_UTC_Data" + bytes(40) + b"SEFT", ""),
        (b"<html>", "damaged-file"),
        (b"SEFT" + b"more", "damaged-file"),
        (packed({"a": "b"}), "damaged-file"),
    ],
)
def test_phones_put_more_behind_a_photo(behind: bytes, slug: str) -> None:
    data = JPEG + behind
    assert verdict("a.jpg", data) == slug
    assert verdict("a.jpg", data, *range(len(JPEG) - 3, min(len(data), len(JPEG) + 40))) == slug


def test_nothing_stands_behind_or_in_a_png() -> None:
    assert verdict("a.png", PNG + b"x") == "damaged-file"
    archive = packed({"a": "b"})[:-2] + (4 + len(PNG_DATA + PNG_END)).to_bytes(2, "little")
    both = PNG_SIGNATURE + header() + chunk(b"tEXt", archive) + PNG_DATA + PNG_END
    assert verdict("a.png", both) == "ambiguous-archive"
    assert verdict("a.png", both, *range(0, len(both), 4)) == "ambiguous-archive"


def test_blocks_are_all_of_the_data() -> None:
    assert b"".join(blocks(PDF, 3, 700, -9, 3)) == PDF
