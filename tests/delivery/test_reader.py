"""The reader's contract, a test for each sentence of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from requests_toolbelt import MultipartEncoder

from app.delivery.reader import FileReader, WrongLength
from app.errors import Refusal


class Told:
    """Notes what happened, in order."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def source(self, *blocks: bytes) -> Iterator[bytes]:
        for block in blocks:
            self.events.append(f"gave {block.decode()}")
            yield block
        self.events.append("ended")

    def release(self) -> None:
        self.events.append("released")


def test_its_length_is_what_is_left() -> None:
    reader = FileReader(iter([b"ab", b"cde"]), 5, lambda: None)
    assert reader.len == 5
    reader.read(1)
    assert reader.len == 4
    while reader.len:
        reader.read(2)
    assert bytes(reader.read(2)) == b""
    assert reader.len == 0


@pytest.mark.parametrize("size", [1, 2, 3, 100, -1])
def test_the_bytes_are_the_sources(size: int) -> None:
    reader = FileReader(iter([b"", b"ab", b"", b"cde", memoryview(b"f"), b""]), 6, lambda: None)
    got = b""
    while reader.len:
        block = reader.read(size)
        assert block
        assert size < 0 or len(block) <= size
        got += block
    assert got == b"abcdef"


def test_the_last_block_waits_for_the_sources_end_and_the_release() -> None:
    told = Told()
    reader = FileReader(told.source(b"ab", b"cd"), 4, told.release)
    assert bytes(reader.read()) == b"ab"
    assert told.events == ["gave ab"]
    assert bytes(reader.read(1)) == b"c"
    assert told.events == ["gave ab", "gave cd", "ended", "released"]
    assert bytes(reader.read()) == b"d"
    assert told.events.count("released") == 1


@pytest.mark.parametrize("block", [b"ab", b"a"])
def test_a_file_of_one_block_waits_with_all_of_it(block: bytes) -> None:
    told = Told()
    reader = FileReader(told.source(block), len(block), told.release)
    assert bytes(reader.read()) == block
    assert told.events == [f"gave {block.decode()}", "ended", "released"]


def test_nothing_asked_is_nothing_read() -> None:
    reader = FileReader(iter([b"ab"]), 2, lambda: None)
    assert (bytes(reader.read(0)), reader.len) == (b"", 2)
    assert bytes(reader.read()) == b"ab"


@pytest.mark.parametrize(
    "blocks",
    [[], [b"a"], [b"a", b"b"], [b"abcd"], [b"abc", b"d"], [b"ab", b"cd"], [b"abcd", b"e"]],
)
def test_a_source_of_another_length_raises_and_is_not_released(blocks: list[bytes]) -> None:
    """Without it an encoder would go round for ever on a short one: it reads as long as there is a length."""
    told = Told()
    reader = FileReader(iter(blocks), 3, told.release)
    with pytest.raises(WrongLength):
        while reader.len:
            reader.read(1)
    assert "released" not in told.events


def test_an_empty_file_has_nothing_to_withhold() -> None:
    with pytest.raises(WrongLength):
        FileReader(iter([]), 0, lambda: None)


def test_a_refusal_is_raised_where_it_is_read() -> None:
    def refuse() -> None:
        raise Refusal

    reader = FileReader(iter([b"ab", b"cd"]), 4, refuse)
    assert bytes(reader.read()) == b"ab"
    with pytest.raises(Refusal):
        reader.read()


def test_what_the_source_raises_is_raised_where_it_is_read() -> None:
    def source() -> Iterator[bytes]:
        yield b"ab"
        yield b"cd"
        raise Refusal

    reader = FileReader(source(), 4, lambda: None)
    assert bytes(reader.read()) == b"ab"
    with pytest.raises(Refusal):
        reader.read()


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
def test_the_encoder_takes_it_for_a_file(size: int) -> None:
    """Read as urllib3 does: until nothing more comes; the closing delimiter is the encoder's own."""
    told = Told()
    reader = FileReader(told.source(b"ab", b"cd"), 4, told.release)
    encoder = MultipartEncoder([("file", ("f.bin", reader, "text/plain")), ("after", "x")], boundary="B")
    announced, got = encoder.len, b""
    while block := encoder.read(size):
        got += block
    assert len(got) == announced
    assert got.startswith(b'--B\r\nContent-Disposition: form-data; name="file"; filename="f.bin"\r\n')
    assert b"\r\n\r\nabcd\r\n--B\r\n" in got
    assert got.endswith(b"x\r\n--B--\r\n")
