from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Refusal
from app.intake import Deadlines, Limits
from app.intake.alongside import Alongside, Names, read_along
from tests.intake.forms import named, part
from tests.intake.test_reception import environ

NAMES = Names(files={"payload": "file"}, fields=("title", "description"), secrets=("password",))
TITLE = part("Título".encode(), named("title"))
PAYLOAD = named("payload") + b'; filename="a.pdf"\r\nContent-Type: application/pdf'
CLOSING = b"\r\n--B--\r\n"


class Pieces(io.RawIOBase):
    """A body that arrives in pieces of that size, and remembers how much of it was asked for."""

    def __init__(self, content: bytes, size: int) -> None:
        self.content = content
        self.size = size
        self.taken = 0

    def read(self, most: int = -1) -> bytes:
        piece = self.content[self.taken : self.taken + min(most, self.size)]
        self.taken += len(piece)
        return piece


def form(*parts: bytes) -> bytes:
    return b"".join(parts).removeprefix(b"\r\n") + CLOSING.removeprefix(b"\r\n")


def along(content: bytes, *, size: int = 1 << 20, limits: Limits | None = None, **more: str) -> Any:
    given = {**environ(content, **more), "wsgi.input": Pieces(content, size)}
    return read_along(given, NAMES, limits or Limits(file_bytes=100_000, body_bytes=200_000), Deadlines())


def passed(one: Alongside) -> Iterator[tuple[bytes, bytes]]:
    """What of a body was given on, block by block, each with what of the file had been judged by then."""
    file = one.file()
    assert file is not None
    judged = bytearray()

    def watch() -> Iterator[bytes]:
        for block in file.blocks():
            judged.extend(block)
            yield block

    for block in one.passed(watch()):
        yield block, bytes(judged)


@given(
    content=st.binary(min_size=1, max_size=300),
    size=st.integers(1, 400),
    before=st.booleans(),
    after=st.booleans(),
)
def test_what_is_passed_on_is_what_came_and_the_tail_comes_last(
    content: bytes, size: int, before: bool, after: bool
) -> None:
    others = part(b"x", named("description"))
    whole = form(*([TITLE] if before else []), part(content, PAYLOAD), *([others] if after else []))
    with along(whole, size=size) as one:
        blocks = list(passed(one))
    assert b"".join(block for block, _ in blocks) == whole
    assert blocks[-1][1] == content
    assert len(blocks[-1][0]) > len(CLOSING)
    assert one.fields == ({"title": "Título"} if before else {}) | ({"description": "x"} if after else {})


def test_nothing_of_a_large_body_is_held_but_its_tail() -> None:
    content = b"x" * 90_000
    whole = form(TITLE, part(content, PAYLOAD))
    with along(whole, size=1000, limits=Limits(file_bytes=100_000, body_bytes=200_000)) as one:
        blocks = list(passed(one))
    assert max(len(block) for block, _ in blocks) <= 70_000
    assert len(blocks[-1][0]) == len(CLOSING) + 1


def test_what_comes_after_a_large_file_waits_for_what_judges_it() -> None:
    whole = form(part(b"x" * 90_000, PAYLOAD), part(b"y" * 3_000, named("title")))
    with along(whole, size=1000) as one:
        blocks = list(passed(one))
    assert b"".join(block for block, _ in blocks) == whole
    assert len(blocks[-1][0]) > 2_000
    assert one.fields == {"title": "y" * 3_000}


def test_a_small_body_waits_for_its_end() -> None:
    with along(form(TITLE, part(b"abc", PAYLOAD))) as one:
        assert len(list(passed(one))) == 1


def test_a_body_is_taken_whole_under_our_names() -> None:
    password = part("ñ".encode(), named("password"))
    whole = form(password, TITLE, part(b"abc", PAYLOAD))
    with along(whole) as one:
        collected, content = one.collect()
    assert content == whole
    assert collected.files["file"].content == b"abc"
    assert collected.secrets["password"].get_secret_value() == "ñ"
    assert collected.fields == {"title": "Título"}


def test_a_form_without_a_file_has_none() -> None:
    with along(form(TITLE)) as one:
        assert one.file() is None
    assert one.fields == {"title": "Título"}


def test_a_large_file_that_is_the_last_has_its_size_and_one_that_may_not_be_its_most() -> None:
    content = b"x" * 80_000
    for parts in ((TITLE, part(content, PAYLOAD)), (part(content, PAYLOAD), TITLE)):
        with along(form(*parts)) as one:
            file = one.file()
            assert file is not None
            assert (file.name, file.filename, file.content_type) == ("file", "a.pdf", "application/pdf")
            assert 80_000 <= file.size <= 80_000 + len(TITLE)


@pytest.mark.parametrize(
    ("parts", "slug"),
    [
        ([part(b"x", named("other")), part(b"x", PAYLOAD)], "unknown-part"),
        ([part(b"x", PAYLOAD), part(b"x", named("other"))], "unknown-part"),
        ([part(b"x", named("file") + b'; filename="a"')], "unknown-part"),
        ([part(b"x", named("payload"))], "not-a-file"),
        ([part(b"x", named("title") + b'; filename="a"'), part(b"x", PAYLOAD)], "not-a-field"),
        ([part(b"x", PAYLOAD.replace(b"a.pdf", b""))], "bad-file-name"),
        ([part(b"x", PAYLOAD), part(b"x", PAYLOAD)], "duplicate-part"),
        ([part(b"\xff", named("title")), part(b"x", PAYLOAD)], "not-text"),
        ([part(b"x" * 102_000, PAYLOAD)], "file-too-large"),
        ([part(b"x" * 120_000, PAYLOAD)], "file-too-large"),
        ([part(b"x" * 250_000, PAYLOAD)], "body-too-large"),
        ([part(b"x" * 5_000, named("title")), part(b"x", PAYLOAD)], "field-too-large"),
    ],
)
def test_what_does_not_belong_is_refused_wherever_it_stands(parts: list[bytes], slug: str) -> None:
    with pytest.raises(Refusal) as caught, along(form(*parts)) as one:
        list(passed(one))
    assert caught.value.slug == slug


def test_two_files_by_two_names_are_one_too_many() -> None:
    names = Names(files={"file": "file", "fileName": "file"})
    whole = form(*(part(b"x", named(name) + b'; filename="a"') for name in ("file", "fileName")))
    given = {**environ(whole), "wsgi.input": Pieces(whole, 10)}
    with pytest.raises(Refusal) as caught, read_along(given, names, Limits(), Deadlines()) as one:
        list(passed(one))
    assert caught.value.slug == "too-many-files"


@pytest.mark.parametrize("end", [b"", b"\r\n", b"\r\n--B", b"\r\n--B-", b"\r\n--B-- "])
def test_a_body_that_does_not_end_as_it_has_to_keeps_its_tail(end: bytes) -> None:
    whole = form(TITLE, part(b"x" * 70_000, PAYLOAD)).removesuffix(CLOSING) + end
    out = bytearray()
    with pytest.raises(Refusal) as caught, along(whole, size=1000) as one:
        for block, _ in passed(one):
            out += block
    assert caught.value.slug in {"truncated", "malformed"}
    assert len(out) < len(whole)


def test_a_body_without_a_length_is_refused() -> None:
    whole = form(part(b"x", PAYLOAD))
    with pytest.raises(Refusal) as caught, along(whole, HTTP_TRANSFER_ENCODING="chunked"):
        pass
    assert caught.value.slug == "length-required"


def test_our_own_name_of_a_part_is_not_the_vendors() -> None:
    with pytest.raises(Refusal) as caught, along(form(part(b"x", named("file") + b'; filename="a"'))) as one:
        one.collect()
    assert caught.value.slug == "unknown-part"
