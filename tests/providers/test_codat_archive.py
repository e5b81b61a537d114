"""The search in a download: archives as several writers make them, in blocks of any size."""

from __future__ import annotations

import hashlib
import io
import struct
import tracemalloc
import zipfile
from typing import IO, cast

import pytest

from app.providers import codat_archive
from app.providers.codat_archive import Search

#: Nothing that can be compressed.
CONTENT = b"".join(hashlib.sha256(number.to_bytes(2, "big")).digest() for number in range(1000))
SHA = hashlib.sha256(CONTENT).hexdigest()
OTHER = b"other" * 10_000


class Pipe(io.RawIOBase):
    """Somewhere that can only be written on to: a writer has to say lengths behind its data."""

    def __init__(self) -> None:
        self.written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        self.written += data
        return len(data)


def archive(*contents: bytes, method: int = zipfile.ZIP_DEFLATED, streamed: bool = False, zip64: bool = False) -> bytes:
    pipe, seekable = Pipe(), io.BytesIO()
    target = pipe if streamed else seekable
    with zipfile.ZipFile(cast("IO[bytes]", target), "w", method) as writing:
        for number, content in enumerate(contents):
            with writing.open(f"Otros/año-{number}.pdf", "w", force_zip64=zip64) as member:
                member.write(content)
    return bytes(pipe.written) if streamed else seekable.getvalue()


def search(data: bytes, block: int = 4096, sha256: str = SHA) -> bool | None:
    looking = Search(sha256)
    for at in range(0, len(data), block):
        looking.feed(data[at : at + block])
    return looking.found()


@pytest.mark.parametrize("block", [1, 7, 4096, 1 << 20])
@pytest.mark.parametrize("zip64", [False, True])
@pytest.mark.parametrize(
    ("method", "streamed"), [(zipfile.ZIP_DEFLATED, False), (zipfile.ZIP_DEFLATED, True), (zipfile.ZIP_STORED, False)]
)
def test_it_is_found_wherever_it_is(method: int, streamed: bool, zip64: bool, block: int) -> None:
    for contents in ([CONTENT], [OTHER, CONTENT], [CONTENT, OTHER], [b"", OTHER, CONTENT, b""]):
        assert search(archive(*contents, method=method, streamed=streamed, zip64=zip64), block) is True


@pytest.mark.parametrize("among", [1, 2, 3])
def test_of_an_archive_that_has_too_few_nothing_is_known(among: int) -> None:
    looking = Search(SHA, among=among)
    looking.feed(archive(OTHER, b""))
    assert looking.found() is (None if among > 2 else False)
    finding = Search(SHA, among=among)
    finding.feed(archive(CONTENT))
    assert finding.found() is True


@pytest.mark.parametrize("block", [1, 4096])
@pytest.mark.parametrize("streamed", [False, True])
def test_what_is_not_there_is_not(block: int, streamed: bool) -> None:
    for contents in ([], [OTHER], [OTHER, CONTENT[:-1], b""]):
        assert search(archive(*contents, streamed=streamed), block) is False


def test_what_comes_alone_is_taken_as_it_is() -> None:
    assert search(CONTENT) is True
    document = archive(OTHER)
    assert search(document, sha256=hashlib.sha256(document).hexdigest()) is True


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK",
        b"<html>",
        OTHER,
        archive(OTHER)[:-200],
        archive(OTHER, method=zipfile.ZIP_STORED)[:5000],
        archive(OTHER, method=zipfile.ZIP_BZIP2),
        archive(OTHER, method=zipfile.ZIP_STORED, streamed=True),
    ],
    ids=["nothing", "two bytes", "a page", "a file", "its start", "its start, stored", "bzip2", "stored as a stream"],
)
def test_what_cannot_be_read_to_its_end_cannot_tell(data: bytes) -> None:
    assert search(data) is None


def test_what_was_found_before_the_end_of_reading_was_found() -> None:
    whole = archive(CONTENT, OTHER)
    assert search(whole[: len(CONTENT) + 500]) is True


def test_an_encrypted_member_cannot_tell() -> None:
    whole = bytearray(archive(OTHER))
    whole[6] |= 1
    assert search(bytes(whole)) is None


@pytest.mark.parametrize("extra", [b"", b"\x01\x00\x08\x00" + bytes(8), b"\x02\x00\x02\x00ab", b"\x01\x00\x10\x00abc"])
def test_a_length_that_stands_nowhere_cannot_tell(extra: bytes) -> None:
    header = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 0, 0, 0, 0, 0xFFFFFFFF, 0xFFFFFFFF, 0, len(extra))
    assert search(header + extra + OTHER) is None


def test_damaged_data_cannot_tell() -> None:
    whole = bytearray(archive(OTHER))
    whole[60:70] = bytes(10)
    assert search(bytes(whole)) is None


def test_a_bomb_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codat_archive, "MOST_BYTES", 1 << 20)
    assert search(archive(bytes(2 << 20), CONTENT)) is None
    assert search(archive(bytes(2 << 20), CONTENT, method=zipfile.ZIP_STORED)) is None


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_nothing_of_it_is_kept(method: int) -> None:
    whole = archive(bytes(64 << 20) if method == zipfile.ZIP_DEFLATED else bytes(8 << 20), method=method)
    looking = Search(SHA)
    tracemalloc.start()
    for at in range(0, len(whole), 65_536):
        looking.feed(whole[at : at + 65_536])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert looking.found() is False
    assert peak < 1 << 20
