"""Bodies that are passed on as they came, and are no forms."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from app.errors import Refusal
from app.intake import Deadlines, Limits
from app.intake.along import Enclosed, bare_along, content_of, object_of
from app.intake.arriving import SMALL
from app.intake.body import Body
from app.intake.errors import Truncated
from app.intake.part_header import PartHeader

LIMITS = Limits(file_bytes=200_000)
HEADER = PartHeader(name="file", filename="a.txt", content_type="text/plain")


def environ(content: bytes = b"abc", **more: Any) -> dict[str, Any]:
    usual = {"CONTENT_LENGTH": str(len(content)), "wsgi.input": io.BytesIO(content)}
    return {name: value for name, value in (usual | more).items() if value is not None}


@pytest.mark.parametrize("size", [1, SMALL, SMALL + 1, 200_000])
def test_a_file_alone_passes_as_it_is_judged(size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    with bare_along(environ(content[:size]), "file", "a.pdf", LIMITS, Deadlines()) as along:
        assert along.length == size
        assert along.body.left is not None
        file = along.file()
        assert (file.name, file.filename) == ("file", "a.pdf")
        assert b"".join(along.passed(file.blocks())) == content[:size]


def test_a_file_alone_that_ends_early_raises_before_its_end_is_passed() -> None:
    with (
        bare_along(environ(CONTENT_LENGTH="4"), "file", "a.pdf", LIMITS, Deadlines()) as along,
        pytest.raises(Truncated),
    ):
        list(along.passed(along.file().blocks()))


@pytest.mark.parametrize(
    ("more", "slug"),
    [
        ({"CONTENT_LENGTH": None}, "missing-length"),
        ({"CONTENT_LENGTH": "200001"}, "file-too-large"),
        ({"CONTENT_TYPE": "multipart/form-data; boundary=x"}, "nested"),
        ({"HTTP_CONTENT_ENCODING": "gzip"}, "encoded"),
    ],
)
def test_a_file_alone_is_refused_by_its_headers(more: dict[str, Any], slug: str) -> None:
    given = environ(**more)
    if slug == "missing-length":
        given["HTTP_TRANSFER_ENCODING"], slug = "chunked", "length-required"
    with pytest.raises(Refusal) as refused, bare_along(given, "file", "a.pdf", LIMITS, Deadlines()):
        pass
    assert refused.value.slug == slug


def body(given: dict[str, Any]) -> Body:
    return Body.of(given, Deadlines())


def test_an_object_is_as_it_came_and_as_it_reads() -> None:
    written = b'{"a": 1,  "b": "x"}'
    content, value, whose = object_of(environ(written), 100, Deadlines())
    assert (content, value, whose.left) == (written, {"a": 1, "b": "x"}, 0)


@pytest.mark.parametrize(
    ("given", "slug"),
    [
        (environ(b"[]"), "bad-json"),
        (environ(b'{"a": 1, "a": 2}'), "bad-json"),
        (environ(b'{"a": NaN}'), "bad-json"),
        (environ(b'{"a": 1} {}'), "bad-json"),
        (environ(b"{" + b" " * 200 + b"}"), "body-too-large"),
        (environ(b"{}", CONTENT_LENGTH="9"), "truncated"),
        (environ(b"{}", HTTP_CONTENT_ENCODING="gzip"), "encoded"),
        (environ(b"{}", CONTENT_LENGTH=None, HTTP_TRANSFER_ENCODING="chunked"), "length-required"),
    ],
)
def test_an_object_that_two_could_read_differently_is_none(given: dict[str, Any], slug: str) -> None:
    with pytest.raises(Refusal) as refused:
        object_of(given, 100, Deadlines())
    assert refused.value.slug == slug


@pytest.mark.parametrize(
    ("value", "content"),
    [
        ({"content": "año"}, "año".encode()),
        ({"content": "año", "isBase64": False}, "año".encode()),
        ({"content": "AAEC", "isBase64": True}, b"\0\1\2"),
        ({"content": "", "isBase64": True}, b""),
        ({"isBase64": True}, None),
        ({"content": None}, None),
    ],
)
def test_a_file_within_an_object(value: dict[str, Any], content: bytes | None) -> None:
    assert content_of(value, "content", "isBase64") == content


@pytest.mark.parametrize(
    "value",
    [
        {"content": "AAE", "isBase64": True},
        {"content": "AA\nEC", "isBase64": True},
        {"content": "AA-_", "isBase64": True},
        {"content": "AAEC", "isBase64": "true"},
        {"content": 7},
        {"content": "\ud800"},
    ],
)
def test_a_file_within_an_object_that_others_could_read_otherwise(value: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refused:
        content_of(value, "content", "isBase64")
    assert refused.value.slug == "bad-content"


def test_an_object_passes_once_the_file_in_it_was_judged() -> None:
    written = json.dumps({"content": base64.b64encode(b"abc").decode()}).encode()
    seen: list[bytes] = []
    enclosed = Enclosed(content=written, body=body(environ(b"")), header=HEADER, enclosed=b"abc")
    file = enclosed.file()
    assert file

    def judged() -> Iterator[bytes]:
        for block in file.blocks():
            seen.append(block)
            yield block

    passed = enclosed.passed(judged())
    assert seen == []
    assert list(passed) == [written]
    assert seen == [b"abc"]
    assert enclosed.length == len(written)
    assert Enclosed(content=b"{}", body=body(environ(b"")), header=HEADER, enclosed=None).file() is None
