"""A body that is one JSON object: what is taken, and what two readers could understand differently."""

from __future__ import annotations

import io
from typing import Any

import pytest

from app.errors import Refusal
from app.intake import Deadlines
from app.intake.body import Body
from app.intake.document import BadJson, parse_object, receive_object


def environ(body: bytes = b"{}", **more: Any) -> dict[str, Any]:
    usual = {"CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
    return {name: value for name, value in (usual | more).items() if value is not None}


def test_an_object_is_read() -> None:
    given = environ(b'{"name": "\xc3\xb1", "n": [1]}', CONTENT_TYPE="Application/JSON; charset=utf-8")
    assert receive_object(given, 100, Deadlines()) == {"name": "ñ", "n": [1]}


@pytest.mark.parametrize(
    ("more", "slug"),
    [
        ({"CONTENT_TYPE": "text/plain"}, "not-json"),
        ({"CONTENT_TYPE": None}, "not-json"),
        ({"HTTP_CONTENT_ENCODING": "gzip"}, "encoded"),
        ({"CONTENT_LENGTH": "two"}, "malformed"),
        ({"CONTENT_LENGTH": None}, "length-required"),
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, "length-required"),
        ({"CONTENT_LENGTH": "101"}, "body-too-large"),
        ({"CONTENT_LENGTH": "3"}, "truncated"),
    ],
)
def test_what_its_headers_say_is_judged_first(more: dict[str, Any], slug: str) -> None:
    with pytest.raises(Refusal, match=slug):
        receive_object(environ(**more), 100, Deadlines())


def test_after_one_that_ends_early_nothing_is_a_request() -> None:
    given = environ(CONTENT_LENGTH="3")
    with pytest.raises(Refusal):
        receive_object(given, 100, Deadlines())
    body = given["wsgi.input"]
    assert isinstance(body, Body)
    assert not body.trusted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "7",
        "null",
        "{",
        '{"a": 1}{}',
        '{"a": 1, "a": 1}',
        '{"a": {"b": 1, "b": 2}}',
        '{"a": NaN}',
        "[" * 9999,
        '{"a": -Infinity}',
        b"\xff{}",
        "{'a': 1}",
    ],
)
def test_what_is_no_object(text: str | bytes) -> None:
    with pytest.raises(BadJson):
        parse_object(text)
