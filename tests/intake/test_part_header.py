from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Refusal
from app.intake import header_values, part_header
from app.intake.errors import BadFileName, Malformed
from app.intake.part_header import PartHeader
from tests.intake.forms import CER, named


def test_a_file_says_its_name_and_type() -> None:
    assert part_header.read(CER.split(b"\r\n")) == PartHeader(
        name="cer", filename="a.cer", content_type="application/octet-stream"
    )


def test_a_type_is_compared_in_lower_case() -> None:
    assert part_header.read([named("a"), b"Content-Type: Text/PLAIN; Charset=US-ASCII"]).content_type == "text/plain"


def test_bytes_that_are_no_text_are_refused_here_too() -> None:
    with pytest.raises(Malformed):
        part_header.read([named("a\xff").decode().encode("latin-1")])


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [b"Content-Type: a/b"],
        [b"Content-Disposition: form-data"],
        [b"Content-Disposition: form-data; filename=a"],
        [named("a") + "\u00a0".encode()],
        [named("a") + b"X"],
    ],
)
def test_what_the_library_would_refuse_too_is_not_left_to_it(lines: list[bytes]) -> None:
    with pytest.raises(Malformed):
        part_header.read(lines)


def test_only_white_space_is_stripped() -> None:
    assert part_header.read([b"Content-Disposition: form-data; name=aX"]).name == "aX"


@pytest.mark.parametrize(
    ("line", "slug", "params"),
    [
        (b"Content-Transfer-Encoding: base64", "encoded", {}),
        (b"Content-Type: multipart/mixed", "nested", {}),
        (b"Content-Type: text/plain; charset=latin-1", "not-text", {"name": "notice"}),
    ],
)
def test_a_refusal_names_the_part(line: bytes, slug: str, params: dict[str, str]) -> None:
    with pytest.raises(Refusal) as caught:
        part_header.read([named("notice"), line])
    assert (caught.value.slug, caught.value.field, caught.value.params) == (slug, "notice", params)


@pytest.mark.parametrize("filename", ["a%0Db", "a%0Ab", "a%0D%0Ab", "a\\b", "a\u0085b"])
def test_a_file_name_that_is_none_names_the_part(filename: str) -> None:
    with pytest.raises(BadFileName) as caught:
        part_header.read([named("notice") + f'; filename="{filename}"'.encode()])
    assert caught.value.field == "notice"


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_arbitrary_lines_raise_nothing_but_a_refusal(lines: list[bytes]) -> None:
    with suppress(Refusal):
        part_header.read([named("a"), *lines])


@pytest.mark.parametrize(
    ("value", "parsed"),
    [
        ("Form-Data", ("form-data", {})),
        ('a/b; c=d; E="f g;h"', ("a/b", {"c": "d", "e": "f g;h"})),
        ('a \t; \tb=""', ("a", {"b": ""})),
        ("", None),
        (" a", None),
        ("a ", None),
        ("a/", None),
        ("a;", None),
        ("a; b", None),
        ("a; b=", None),
        ("a; b=c d", None),
        ('a; b="c"d', None),
        ("a; b=c; B=d", None),
        ("a, b; c=d", None),
    ],
)
def test_a_value_keeps_the_grammar_or_is_none(value: str, parsed: object) -> None:
    assert header_values.parse(value) == parsed


@given(st.text(alphabet='ab;= "\\\t/', max_size=40))
def test_what_was_understood_can_be_written_again(value: str) -> None:
    parsed = header_values.parse(value)
    if parsed is not None:
        first, parameters = parsed
        assert header_values.parse(first + "".join(f'; {k}="{v}"' for k, v in parameters.items())) == parsed
