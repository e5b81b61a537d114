from __future__ import annotations

import unicodedata
from collections.abc import Callable
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests_toolbelt import MultipartEncoder
from werkzeug.formparser import MultiPartParser

from app.checks import names
from app.checks.errors import Unfit
from app.intake import part_header
from app.sandbox.multipart import MultipartReader, PartHead
from tests.checks.documents import PDF, passed

CLEANED = {
    "contract.pdf": "contract.pdf",
    "Contrato de compraventa (2).PDF": "Contrato de compraventa (2).PDF",
    "an\u0303o.pdf": "año.pdf",
    "C:\\Users\\ana\\contract.pdf": "contract.pdf",
    "../../etc/contract.pdf": "contract.pdf",
    "/contract.pdf": "contract.pdf",
    "contract\u202efdp.pdf": "contractfdp.pdf",
    "con\u200btract\ufeff.pdf": "contract.pdf",
    "con\x00tract\x7f.pdf": "contract.pdf",
    "con\r\ntract.pdf": "con tract.pdf",
    "con\ud800tract.pdf": "contract.pdf",
    "con\u2028tract\u00a0 1.pdf": "con tract 1.pdf",
    'a"b;c.pdf': "a_b_c.pdf",
    "a<b>c:d|e?f*g%h.pdf": "a_b_c_d_e_f_g_h.pdf",
    "  .contract.pdf. . ": "contract.pdf",
    "CON": "_CON",
    "con.pdf": "_con.pdf",
    "nul .tar.pdf": "_nul .tar.pdf",
    "com1.pdf": "_com1.pdf",
    "COM¹.pdf": "_COM¹.pdf",
    "console.pdf": "console.pdf",
    "com10.pdf": "com10.pdf",
    "x" * 300 + ".pdf": "x" * 250 + ".pdf",
    "ñ" * 200 + ".pdf": "ñ" * 125 + ".pdf",
    "x" * 300: "x" * 254,
    "x." + "y" * 300: "x." + "y" * 252,
    "x" * 249 + " x.pdf": "x" * 249 + ".pdf",
    "👩\u200d🔧.pdf": "👩🔧.pdf",
}


@pytest.mark.parametrize("name", CLEANED)
def test_a_name_is_cleaned(name: str) -> None:
    assert names.clean(name) == CLEANED[name]


@pytest.mark.parametrize("name", ["", " ", ".", "..", "...", "\u202e", "\x00", "a/", "a\\..", '"', "_", "- -"])
def test_a_name_of_which_nothing_is_left_is_refused(name: str) -> None:
    with pytest.raises(Unfit, match="bad-file-name"):
        names.clean(name)


@given(st.text(max_size=300) | st.text(alphabet="a.ñ \u202e\u0300\ud800;\"'\\/\r\n%:CON", max_size=300))
def test_a_cleaned_name_can_be_sent_on_and_stays_as_it_is(name: str) -> None:
    try:
        cleaned = names.clean(name)
    except Unfit:
        return
    assert names.clean(cleaned) == cleaned == unicodedata.normalize("NFC", cleaned)
    assert len(cleaned.encode()) <= names.MOST_BYTES
    assert not set(cleaned) & set('/\\<>:"|?*;%\r\n\0')
    assert cleaned == cleaned.strip(" .")
    assert not any(unicodedata.category(character)[0] == "C" for character in cleaned)


def written(filename: str) -> bytes:
    """A form as it goes out, with one file."""
    encoder = MultipartEncoder([("file", (filename, b"content", "application/pdf"))], boundary="limit")
    return bytes(encoder.read())


def read_by_the_sandbox(body: bytes) -> str | None:
    reader = MultipartReader(b"limit")
    heads = [event for event in reader.feed(body) if isinstance(event, PartHead)]
    assert reader.complete
    return heads[0].filename


def read_by_werkzeug(body: bytes) -> str | None:
    _, files = MultiPartParser().parse(BytesIO(body), b"limit", len(body))
    with files["file"].stream:
        return files["file"].filename


def read_by_ourselves(body: bytes) -> str | None:
    lines = body.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    return part_header.read(lines).filename


@pytest.mark.parametrize("read", [read_by_the_sandbox, read_by_werkzeug, read_by_ourselves])
@given(name=st.text(max_size=80) | st.sampled_from(sorted(CLEANED)))
def test_every_parser_reads_the_name_that_was_sent(read: Callable[[bytes], str | None], name: str) -> None:
    try:
        cleaned = names.clean(name)
    except Unfit:
        return
    assert read(written(cleaned)) == cleaned


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("a.pdf", ".pdf"),
        ("a.b.PDF", ".pdf"),
        ("a", ""),
        (".pdf", ""),
        ("a.", "."),
        ("a." + "b" * 16, "." + "b" * 16),
        ("a." + "b" * 17, ""),
    ],
)
def test_the_ending_is_the_last(name: str, ending: str) -> None:
    assert names.ending(name) == ending


def test_what_is_handed_on_is_the_cleaned_name() -> None:
    assert passed("..\\my\u202e 'fi\"le';.pdf", PDF).filename == "my 'fi_le'_.pdf"
