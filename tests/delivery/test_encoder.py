"""Bodies as they are read for sending: exact lengths, the file's own blocks, and nothing closed before its release."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from app.delivery.encoder import BASE64_BLOCK, SMALL, JsonReader, PassingEncoder, encode
from app.delivery.reader import FileReader
from app.errors import Refusal
from app.providers.wire import FilePart, Json, JsonWithFile, Multipart, OutgoingPart, Raw
from tests.delivery.arriving import part

LARGE = bytes(range(256)) * 1024


class Given:
    """A source of these blocks."""

    sha256 = None

    def __init__(self, *blocks: bytes) -> None:
        self._blocks = blocks

    def blocks(self) -> Iterator[bytes]:
        yield from self._blocks


def file_of(*blocks: bytes) -> FilePart:
    return part(Given(*blocks), sum(map(len, blocks)))


def read(body: Any, size: int = 1 << 20) -> list[bytes]:
    """As urllib3 does: until nothing comes."""
    return [bytes(piece) for piece in iter(lambda: body.read(size), b"")]


def refuse() -> None:
    raise Refusal


def until_refused(body: Any, size: int = 1 << 20) -> bytes:
    got = b""
    with pytest.raises(Refusal):
        while True:
            piece = body.read(size)
            assert piece
            got += piece
    return got


def multipart(*files: FilePart) -> Multipart:
    return Multipart(
        parts=(
            OutgoingPart(name="title", value="año"),
            *(OutgoingPart(name=f"file{number}", file=file) for number, file in enumerate(files)),
            OutgoingPart(name="nothing"),
            OutgoingPart(name="password", value=SecretStr("s3cret")),
        )
    )


def expected(boundary: str, *contents: bytes) -> bytes:
    files = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="file{number}"; filename="f.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n".encode()
        + content
        + b"\r\n"
        for number, content in enumerate(contents)
    )
    return (
        f'--{boundary}\r\nContent-Disposition: form-data; name="title"\r\n\r\naño\r\n'.encode()
        + files
        + (
            f'--{boundary}\r\nContent-Disposition: form-data; name="nothing"\r\n\r\n\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="password"\r\n\r\ns3cret\r\n--{boundary}--\r\n'
        ).encode()
    )


@pytest.mark.parametrize("size", [1, 7, 1000, 1 << 20])
@pytest.mark.parametrize("contents", [(b"abc",), (LARGE,), (b"a", LARGE), (LARGE, b"b")])
def test_a_multipart_body_is_what_the_library_writes(contents: tuple[bytes, ...], size: int) -> None:
    if size == 1 and len(contents[0]) + len(contents[-1]) > SMALL:
        contents = tuple(content[: SMALL + 1] for content in contents)
    body, content_type = encode(multipart(*(file_of(content[:1], content[1:]) for content in contents)), lambda: None)
    pieces = read(body, size)
    assert all(len(piece) <= size for piece in pieces)
    assert b"".join(pieces) == expected(body.boundary_value, *contents)
    assert body.len == sum(map(len, pieces))
    assert content_type == f"multipart/form-data; boundary={body.boundary_value}"
    assert body.read(size) == b""


def test_a_file_s_blocks_go_through_as_they_are() -> None:
    blocks = (LARGE + b"1", LARGE + b"2")
    body, _ = encode(multipart(file_of(*blocks)), lambda: None)
    pieces = list(iter(lambda: body.read(1 << 20), b""))
    assert [type(piece) for piece in pieces] == [bytes, memoryview, memoryview, bytes]
    assert [piece.obj for piece in pieces[1:3]] == list(blocks)
    assert all(one.obj is other for one, other in zip(pieces[1:3], blocks, strict=True))


def test_a_small_body_goes_in_one_piece() -> None:
    body, _ = encode(multipart(file_of(b"a", b"b")), lambda: None)
    assert len(read(body)) == 1
    assert isinstance(body, PassingEncoder)


def test_json_is_written_at_once() -> None:
    assert encode(Json(value={"a": 1}), lambda: None) == (b'{"a": 1}', "application/json")
    assert encode(None, lambda: None) == (None, None)


@given(st.lists(st.binary(max_size=10)).filter(any), st.integers(1, 20))
def test_a_file_in_json_is_its_last_member(blocks: list[bytes], size: int) -> None:
    value = {"path": "a “b”", "content": "replaced", "deep": {"x": [1]}}
    body, content_type = encode(JsonWithFile(value=value, member="content", file=file_of(*blocks)), lambda: None)
    length = body.len
    got = b"".join(read(body, size))
    assert len(got) == length
    assert content_type == "application/json"
    assert list(json.loads(got)) == ["path", "deep", "content"]
    assert json.loads(got) == value | {"content": b64encode(b"".join(blocks)).decode()}


def test_a_large_file_in_json_is_written_as_it_comes() -> None:
    content = LARGE + b"12"
    body, _ = encode(JsonWithFile(value={}, member="c", file=file_of(content)), lambda: None)
    pieces = read(body)
    assert max(map(len, pieces)) == BASE64_BLOCK // 3 * 4
    assert body.len == 0
    assert len(json.loads(b"".join(pieces))["c"]) == (len(content) + 2) // 3 * 4


def test_a_raw_body_is_the_file_and_names_no_type() -> None:
    body, content_type = encode(Raw(file=file_of(b"ab", b"cd")), lambda: None)
    assert (body.len, content_type) == (4, None)
    assert read(body) == [b"ab", b"cd"]


@pytest.mark.parametrize("content", [b"abcd", LARGE], ids=["small", "large"])
def test_no_kind_of_body_is_complete_without_its_release(content: bytes) -> None:
    file = file_of(content[:1], content[1:2], content[2:])
    bodies: list[Any] = [
        multipart(file_of(content[:1], content[1:2], content[2:])),
        JsonWithFile(value={"a": 1}, member="c", file=file),
        Raw(file=file),
    ]
    for made in bodies:
        body, _ = encode(made, refuse)
        got = until_refused(body)
        assert content[2:] not in got
        assert b'"}' not in got
        assert b"--\r\n" not in got


def test_the_closing_of_json_follows_the_release() -> None:
    released: list[bool] = []
    reader = JsonReader({}, "c", FileReader(iter([b"abc", b"def"]), 6, lambda: released.append(True)))
    assert bytes(reader.read()) == b'{"c": "'
    assert bytes(reader.read()) == b"YWJj"
    assert not released
    assert bytes(reader.read()) == b"ZGVm"
    assert released
    assert bytes(reader.read()) == b'"}'
    assert bytes(reader.read()) == b""
