"""A body that is the file itself."""

from __future__ import annotations

import io
from typing import Any

import pytest

from app.errors import Refusal
from app.intake import Deadlines, Limits
from app.intake.arriving import SMALL, Unmeasured
from app.intake.body import Body
from app.intake.errors import FileTooLarge, Truncated
from app.intake.raw import ANYTHING, receive_file

LIMITS = Limits(file_bytes=200_000)


def environ(content: bytes = b"abc", **more: Any) -> dict[str, Any]:
    usual = {"CONTENT_LENGTH": str(len(content)), "wsgi.input": io.BytesIO(content)}
    return {name: value for name, value in (usual | more).items() if value is not None}


def receive(given: dict[str, Any], filename: str = "a.csv", *, measured: bool = True) -> Any:
    return receive_file(given, "file", filename, LIMITS, Deadlines(), measured=measured)


@pytest.mark.parametrize("size", [0, 1, SMALL, SMALL + 1, 200_000])
def test_it_arrives_as_it_is(size: int) -> None:
    content = bytes(size)
    with receive(environ(content, CONTENT_TYPE="text/csv")) as file:
        assert (file.name, file.filename, file.content_type, file.size) == ("file", "a.csv", "text/csv", size)
        assert file.whole is (size <= SMALL)
        assert file.head(4) == content[:4]
        assert b"".join(file.blocks()) == content


def test_who_does_not_say_what_it_is_sends_anything() -> None:
    with receive(environ(CONTENT_TYPE="")) as file:
        assert file.content_type == ANYTHING


def test_without_a_length_it_ends_where_it_ends() -> None:
    given = environ(bytes(SMALL + 1), CONTENT_LENGTH=None, HTTP_TRANSFER_ENCODING="chunked")
    with receive(given, measured=False) as file:
        assert isinstance(file, Unmeasured)
        assert sum(map(len, file.blocks())) == SMALL + 1
    large = environ(bytes(LIMITS.file_bytes + 1), CONTENT_LENGTH=None, HTTP_TRANSFER_ENCODING="chunked")
    with receive(large, measured=False) as file, pytest.raises(FileTooLarge):
        list(file.blocks())


def test_after_one_that_ends_early_nothing_is_a_request() -> None:
    given = environ(CONTENT_LENGTH="4")
    with receive(given) as file, pytest.raises(Truncated):
        list(file.blocks())
    assert not Body.of(given, Deadlines()).trusted


@pytest.mark.parametrize(
    ("more", "slug"),
    [
        ({"CONTENT_TYPE": "Multipart/Form-Data; boundary=x"}, "nested"),
        ({"HTTP_CONTENT_ENCODING": "gzip"}, "encoded"),
        ({"HTTP_TRANSFER_ENCODING": "gzip, chunked", "CONTENT_LENGTH": None}, "encoded"),
        ({"CONTENT_LENGTH": "two"}, "malformed"),
        ({"CONTENT_LENGTH": None}, "length-required"),
        ({"CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": "chunked"}, "length-required"),
        ({"CONTENT_LENGTH": "200001"}, "file-too-large"),
    ],
)
def test_what_its_headers_say_is_judged_first(more: dict[str, Any], slug: str) -> None:
    with pytest.raises(Refusal, match=slug), receive(environ(**more)):
        pass


@pytest.mark.parametrize("filename", ["", "a\0.csv", "a\r\n.csv", "a\\b.csv", "a\x85.csv"])
def test_names_are_those_of_a_part(filename: str) -> None:
    with pytest.raises(Refusal, match="bad-file-name"), receive(environ(), filename):
        pass
