"""A file that is taken while it arrives: whatever its form looks like, and however that is cut."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Refusal
from app.intake import Arriving, Deadlines, Limits, Streamed, receive
from app.intake.arriving import SMALL
from tests.intake.forms import CER, body, named, part

LIMITS = Limits(file_bytes=1 << 30, body_bytes=1 << 30)
LARGE = bytes(range(256)) * 1024


class Cut:
    """A `wsgi.input` that gives what it has in these sizes, and notes how much was asked of it."""

    def __init__(self, content: bytes, sizes: list[int]) -> None:
        self._content = io.BytesIO(content)
        self._sizes = sizes

    @property
    def given(self) -> int:
        return self._content.tell()

    def read(self, most: int) -> bytes:
        return self._content.read(min(most, self._sizes.pop(0) if self._sizes else 8192))


@contextmanager
def streaming(content: bytes, *sizes: int, limits: Limits = LIMITS, **more: str) -> Iterator[tuple[Streamed, Cut]]:
    source = Cut(content, list(sizes))
    environ: dict[str, Any] = {
        "wsgi.input": source,
        "CONTENT_TYPE": "multipart/form-data; boundary=B",
        "CONTENT_LENGTH": str(len(content)),
        **more,
    }
    with receive(environ, limits, Deadlines()) as reception:
        yield reception.stream(files=["cer", "key"], fields=["notice"], secrets=["password"]), source


def slug_of(act: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as caught:
        act()
    return caught.value.slug


def refused(content: bytes, *sizes: int, limits: Limits = LIMITS, **more: str) -> Refusal:
    """What a body is refused for when its file is passed on; the bytes that were until then are the file's first."""
    passed = b""
    with (
        pytest.raises(Refusal) as caught,
        streaming(content, *sizes, limits=limits, **more) as (streamed, _),
    ):
        assert streamed.file
        for block in streamed.file.blocks():
            passed += block
    assert passed in content
    return caught.value


def file_of(streamed: Streamed) -> Arriving:
    assert streamed.file
    return streamed.file


def test_what_comes_before_the_file_is_there_before_any_of_it() -> None:
    content = body(part(b"yes"), part(b"s3cret", named("password")), part(LARGE, CER))
    first = content.index(LARGE)
    with streaming(content, first) as (streamed, source):
        assert source.given == first
        assert streamed.fields == {"notice": "yes"}
        assert streamed.secrets["password"].get_secret_value() == "s3cret"
        file = file_of(streamed)
        assert (file.name, file.filename, file.content_type) == ("cer", "a.cer", "application/octet-stream")
        assert file.size == len(LARGE)
        assert not file.whole
        assert source.given == first
        assert b"".join(file.blocks()) == LARGE
        assert source.given == len(content)


def test_a_file_without_a_type_has_the_general_one() -> None:
    with streaming(body(part(b"x", named("key") + b'; filename="a"'))) as (streamed, _):
        assert file_of(streamed).content_type == "application/octet-stream"


def test_its_first_bytes_stay_to_be_taken() -> None:
    content = body(part(LARGE, CER))
    with streaming(content, 200) as (streamed, source):
        file = file_of(streamed)
        assert file.head(4096) == LARGE[:4096]
        assert source.given < 20_000
        assert file.head(10) == LARGE[:10]
        assert b"".join(file.blocks()) == LARGE


def test_the_head_of_a_file_that_is_shorter_is_all_of_it() -> None:
    with streaming(body(part(b"short", CER))) as (streamed, _):
        assert file_of(streamed).head(4096) == b"short"
        assert list(file_of(streamed).blocks()) == [b"short"]


@pytest.mark.parametrize("end", [b"--B--\r\n", b"--B--"])
@pytest.mark.parametrize("size", [0, 1, 5000, SMALL - 2])
def test_a_small_file_is_whole_and_counted(size: int, end: bytes) -> None:
    with streaming(body(part(size * b"x", CER), end=end)) as (streamed, source):
        file = file_of(streamed)
        assert file.whole
        assert (file.size, file.size) == (size, size)
        assert source.read(1) == b""
        assert b"".join(file.blocks()) == size * b"x"


@pytest.mark.parametrize(("size", "whole"), [(SMALL, True), (SMALL + 1, False)])
def test_small_has_a_limit(size: int, whole: bool) -> None:
    with streaming(body(part(size * b"x", CER))) as (streamed, _):
        assert file_of(streamed).whole is whole
        assert file_of(streamed).size == size


def test_a_large_file_without_the_last_line_break_ends_before_it_is_complete() -> None:
    content = body(part(LARGE, CER), end=b"--B--")
    with streaming(content) as (streamed, _):
        file = file_of(streamed)
        assert file.size == len(LARGE) - 2
        passed: list[bytes] = []
        assert slug_of(lambda: passed.extend(file.blocks())) == "truncated"
        assert sum(map(len, passed)) <= file.size


@pytest.mark.parametrize("content", [b"x", LARGE], ids=["small", "large"])
@pytest.mark.parametrize("after", [part(b"yes"), part(b"x", named("key") + b'; filename="b"')])
def test_nothing_may_follow_the_file(content: bytes, after: bytes) -> None:
    refusal = refused(body(part(content, CER), after))
    assert (refusal.slug, refusal.status) == ("fields-before-files", 400)
    assert refusal.field in {"notice", "key"}


def test_inputs_that_were_left_empty_are_no_files() -> None:
    empty = part(b"", CER.replace(b"a.cer", b""))
    with streaming(body(empty, part(b"yes"))) as (streamed, source):
        assert streamed.file is None
        assert streamed.fields == {"notice": "yes"}
        assert source.read(1) == b""
    with streaming(body(empty, part(b"x", named("key") + b'; filename="b"'))) as (streamed, _):
        assert file_of(streamed).name == "key"


def test_a_form_without_a_file_is_taken_to_its_end() -> None:
    with streaming(body(part(b"yes"))) as (streamed, _):
        assert streamed == Streamed(fields={"notice": "yes"}, secrets={}, file=None)
    assert slug_of(lambda: streaming(body(part(b"yes"), end=b"")).__enter__()) == "truncated"


@pytest.mark.parametrize(
    ("made", "slug"),
    [
        (part(b"x", CER.replace(b"a.cer", b"")), "bad-file-name"),
        (part(b"x", named("cer")), "not-a-file"),
        (part(b"x", named("notice") + b'; filename="a"'), "not-a-field"),
        (part(b"x", named("other")), "unknown-part"),
        (part(b"\xff") + part(b"x", CER), "not-text"),
    ],
)
def test_what_the_form_does_not_ask_for_is_refused(made: bytes, slug: str) -> None:
    assert refused(body(made)).slug == slug


def test_a_file_needs_a_length() -> None:
    class Unread:
        def read(self, size: int) -> bytes:
            raise AssertionError

    environ = {
        "wsgi.input": Unread(),
        "CONTENT_TYPE": "multipart/form-data; boundary=B",
        "HTTP_TRANSFER_ENCODING": "chunked",
    }
    with pytest.raises(Refusal) as caught, receive(environ, LIMITS, Deadlines()) as reception:
        reception.stream(files=["cer"], fields=[], secrets=[])
    assert (caught.value.slug, caught.value.status) == ("length-required", 411)


@pytest.mark.parametrize("size", [20, 100_000])
def test_a_file_that_is_too_large_is_refused_before_its_first_byte(size: int) -> None:
    limits = Limits(file_bytes=size, body_bytes=1 << 20)
    with streaming(body(part(size * b"x", CER)), limits=limits) as (streamed, _):
        assert file_of(streamed).size == size
    content = body(part((size + 1) * b"x", CER))
    source = Cut(content, [content.index(b"xxx")])
    environ: dict[str, Any] = {
        "wsgi.input": source,
        "CONTENT_TYPE": "multipart/form-data; boundary=B",
        "CONTENT_LENGTH": str(len(content)),
    }
    with pytest.raises(Refusal) as caught, receive(environ, limits, Deadlines()) as reception:
        reception.stream(files=["cer"], fields=[], secrets=[])
    assert (caught.value.slug, caught.value.status, caught.value.field) == ("file-too-large", 413, "cer")
    assert caught.value.params == {"limit": size, "name": "cer"}
    assert source.given == content.index(b"xxx")


@pytest.mark.attack("framing", "a file whose end is wrong", "it is never complete")
@pytest.mark.parametrize("content", [b"x", LARGE], ids=["small", "large"])
@pytest.mark.parametrize(
    ("end", "slug"),
    [
        (b"--B-", "truncated"),
        (b"", "truncated"),
        (b"--B--\r\nmore", "malformed"),
        (b"--B--\r\n\r\n", "malformed"),
        (b"--Bxx\r\n", "malformed"),
    ],
)
def test_a_file_whose_end_is_wrong_is_never_complete(content: bytes, end: bytes, slug: str) -> None:
    with streaming(body(part(content, CER), end=end)) as (streamed, _):
        assert slug_of(lambda: list(file_of(streamed).blocks())) == slug


def test_after_a_refusal_its_size_is_what_was_announced() -> None:
    """Who records the refusal asks for it again."""
    with streaming(body(part(b"content", CER), end=b"--B-xx\r\n")) as (streamed, _):
        file = file_of(streamed)
        assert slug_of(lambda: file.size) == "malformed"
        assert file.size == len(b"content") + 1


SIZES = st.lists(st.integers(1, 400), max_size=30)
CONTENTS = st.one_of(
    st.binary(max_size=400),
    st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"-", b"--", b"\r\n--", b"--B", b"x"]), max_size=40).map(b"".join),
).filter(lambda content: b"\r\n--B" not in b"\r\n" + content)


@given(CONTENTS, SIZES, st.sampled_from([b"", LARGE]), st.integers(0, 300))
def test_any_split_gives_the_same_file(content: bytes, sizes: list[int], more: bytes, ahead: int) -> None:
    whole = more + content
    with streaming(body(part(b"yes"), part(whole, CER)), *sizes) as (streamed, _):
        file = file_of(streamed)
        assert file.head(ahead) == whole[:ahead]
        assert file.size == len(whole)
        assert b"".join(file.blocks()) == whole


@given(CONTENTS, SIZES, st.integers(1, 40), st.sampled_from([b"", LARGE]))
def test_a_file_that_ends_early_never_seems_to_be_complete(
    content: bytes, sizes: list[int], missing: int, more: bytes
) -> None:
    """Whatever is cut off at the end: of the bytes that its length promises at least the last is not given."""
    whole = body(part(more + content + b"x", CER))[:-missing]
    if whole.endswith(b"--B--"):  # only the line break, which may be missing from a small one
        return
    passed = promised = 0
    try:
        with streaming(whole, *sizes) as (streamed, _):
            file = file_of(streamed)
            promised = file.size
            for block in file.blocks():
                passed += len(block)
    except Refusal:
        return
    raise AssertionError((passed, promised))
