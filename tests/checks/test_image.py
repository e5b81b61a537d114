from __future__ import annotations

import struct
import time
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.checks import Rejected
from app.checks.image import Image, check
from tests.checks.hand_ins import file, hand_in, operation

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(name: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def header(width: int = 2, height: int = 1) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))


DATA = chunk(b"IDAT", zlib.compress(b"\0\0\0"))
END = chunk(b"IEND")
PNG = PNG_SIGNATURE + header() + DATA + END


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def frame(width: int = 2, height: int = 1, marker: int = 0xC0) -> bytes:
    return segment(marker, struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00")


START, JFIF, STOP = b"\xff\xd8", segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"), b"\xff\xd9"
SCAN = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + b"\x12\xff\x00\x34\xff\xd0\x56"
JPEG = START + JFIF + frame() + SCAN + STOP

GOOD = {
    "png": (PNG, Image(format="png", width=2, height=1)),
    "png with other chunks": (
        PNG_SIGNATURE + header(300, 200) + chunk(b"tEXt", b"a\0b") + DATA + DATA + END,
        Image(format="png", width=300, height=200),
    ),
    "jpeg": (JPEG, Image(format="jpeg", width=2, height=1)),
    "jpeg with a long and an empty segment": (
        START + segment(0xE2, bytes(40_000)) + segment(0xFE, b"") + frame(50_000, 40_000) + SCAN + STOP,
        Image(format="jpeg", width=50_000, height=40_000),
    ),
    "progressive jpeg": (
        START + frame(800, 500, marker=0xC2) + SCAN + segment(0xC4, b"\0") + SCAN + b"\xff\xff" + STOP,
        Image(format="jpeg", width=800, height=500),
    ),
}

BAD = {
    "nothing": b"",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>',
    "gif": b"GIF89a\x01\0\x01\0\0\0\0;",
    "png signature alone": PNG_SIGNATURE,
    "png cut": PNG[:-1],
    "png without its end": PNG[: -len(END)],
    "png with more behind it": PNG + b"<svg/>",
    "png without data": PNG_SIGNATURE + header() + END,
    "png without a header": PNG_SIGNATURE + DATA + END,
    "png with its header later": PNG_SIGNATURE + DATA + header() + END,
    "png with a text first": PNG_SIGNATURE + chunk(b"tEXt", b"a\0" + b"b" * 30) + header() + DATA + END,
    "png with a short header": PNG_SIGNATURE + chunk(b"IHDR") + END,
    "png damaged": PNG.replace(b"IDAT", b"IDAU"),
    "png of no width": PNG_SIGNATURE + header(width=0) + DATA + END,
    "png of no height": PNG_SIGNATURE + header(height=0) + DATA + END,
    "png of a chunk that goes backwards": PNG_SIGNATURE + header() + b"\xff\xff\xff\xfc" + bytes(4) + DATA + END,
    "png of a huge chunk": PNG_SIGNATURE + b"\xff\xff\xff\xffIHDR",
    "jpeg signature alone": START,
    "jpeg cut": JPEG[:-1],
    "jpeg without its end": JPEG[:-2],
    "jpeg with more behind it": JPEG + b"<svg/>",
    "jpeg without a frame": START + JFIF + SCAN + STOP,
    "jpeg without data": START + JFIF + frame() + STOP,
    "jpeg of no width": START + frame(width=0) + SCAN + STOP,
    "jpeg of no height": START + frame(height=0) + SCAN + STOP,
    "jpeg with a hole": START + JFIF + b"\0" + frame() + SCAN + STOP,
    "jpeg with an empty length": START + b"\xff\xe0\0\0" + frame() + SCAN + STOP,
    "jpeg of markers alone": START + b"\xff" * 100,
}


@pytest.mark.parametrize("name", GOOD)
def test_a_png_or_jpeg_passes_by_its_bytes(name: str) -> None:
    data, image = GOOD[name]
    assert check(data, field="file") == image


@pytest.mark.parametrize("name", BAD)
def test_anything_else_is_refused(name: str) -> None:
    with pytest.raises(Rejected) as refusal:
        check(BAD[name], field="file")
    assert (refusal.value.slug, refusal.value.field) == ("image-unreadable", "file")


@pytest.mark.parametrize("data", [PNG, JPEG], ids=["png", "jpeg"])
def test_no_beginning_of_an_image_passes(data: bytes) -> None:
    for length in range(len(data)):
        with pytest.raises(Rejected):
            check(data[:length], field="file")


@given(start=st.sampled_from([b"", PNG_SIGNATURE, PNG[:-12], START, JPEG[:-2]]), rest=st.binary())
def test_any_bytes_get_a_verdict(start: bytes, rest: bytes) -> None:
    try:
        check(start + rest, field="file")
    except Rejected:
        return
    assert (start + rest).endswith((END, STOP))


@pytest.mark.parametrize(
    "data",
    [
        PNG_SIGNATURE + header() + chunk(b"tEXt") * 40_000,
        START + frame() + SCAN + b"\xff" * 500_000 + b"\0",
        START + frame() + b"\xff\xe0\0\x02" * 120_000,
        START + frame() + SCAN * 30_000,
    ],
    ids=["many chunks", "endless fill", "many segments", "many scans"],
)
def test_a_file_made_to_take_long_does_not(data: bytes) -> None:
    started = time.thread_time()
    with pytest.raises(Rejected):
        check(data, field="file")
    assert time.thread_time() - started < 2


def test_a_logo_is_described_and_its_size_is_the_operations() -> None:
    wanted = operation("image", "file", max_bytes=len(PNG))
    assert hand_in(wanted, file("file", PNG)).facts == {"file": {"format": "png", "width": 2, "height": 1}}
    handed_on = hand_in(wanted, file("file", PNG), secrets={"pin": "1234"}).secrets
    assert handed_on["pin"].get_secret_value() == "1234"
    with pytest.raises(Rejected, match="file-too-large"):
        hand_in(operation("image", "file", max_bytes=len(PNG) - 1), file("file", PNG))
    with pytest.raises(Rejected, match="missing-file"):
        hand_in(wanted)
    with pytest.raises(Rejected, match="image-unreadable") as refusal:
        hand_in(wanted, file("file", PNG[:-1], "logo.png"))
    assert refusal.value.field == "file"
