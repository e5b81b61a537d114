"""Several files of one name, each taken as it arrives: what one comes to says nothing of the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Refusal
from app.intake import Arriving, Deadlines, Limits, Streamed, receive
from app.intake.arriving import SMALL, Unmeasured
from app.intake.body import Body
from app.providers import registry
from tests.intake.forms import CER, body, named, part
from tests.intake.test_arriving import CONTENTS, LARGE, SIZES, Cut

LIMITS = Limits(file_bytes=1 << 20, body_bytes=1 << 30, files=3)
NAMELESS = CER.replace(b"a.cer", b"")


@contextmanager
def several(
    content: bytes, *sizes: int, limits: Limits = LIMITS, chunked: bool = False
) -> Iterator[tuple[Streamed, dict[str, Any]]]:
    environ: dict[str, Any] = {
        "wsgi.input": Cut(content, list(sizes)),
        "CONTENT_TYPE": "multipart/form-data; boundary=B",
        **({"HTTP_TRANSFER_ENCODING": "chunked"} if chunked else {"CONTENT_LENGTH": str(len(content))}),
    }
    with receive(environ, limits, Deadlines()) as reception:
        streamed = reception.stream(files=["cer", "key"], fields=["notice"], secrets=[], measured=False)
        yield streamed, environ


def files(*contents: bytes) -> bytes:
    return body(part(b"yes"), *(part(one, CER) for one in contents))


def first_of(streamed: Streamed) -> Arriving:
    assert streamed.file
    return streamed.file


def came(file: Arriving) -> bytes | str:
    """What it was, or what it is refused for."""
    try:
        return b"".join(file.blocks())
    except Refusal as refusal:
        return refusal.slug


def all_of(streamed: Streamed) -> Sequence[bytes | str]:
    """Each file, or what it was refused for; at last what the body ended by, if it did."""
    seen = [came(first_of(streamed))]
    try:
        for file in streamed.others:
            seen.append(came(file))  # noqa: PERF401 - what was seen before a refusal stays
    except Refusal as refusal:
        seen.append(refusal.slug)
    return seen


@given(st.lists(st.one_of(CONTENTS, st.just(LARGE)), min_size=1, max_size=3), SIZES, st.booleans())
def test_any_split_gives_the_same_files(contents: list[bytes], sizes: list[int], chunked: bool) -> None:
    with several(files(*contents), *sizes, chunked=chunked) as (streamed, _):
        assert all_of(streamed) == contents
        assert first_of(streamed).followed is (len(contents) > 1)


@given(st.lists(CONTENTS, min_size=2, max_size=3), SIZES, st.integers(1, 500), st.booleans())
def test_what_was_whole_before_the_end_stays_whole(
    contents: list[bytes], sizes: list[int], missing: int, chunked: bool
) -> None:
    """Wherever it is cut: the files before are as they were, and the one under way is not complete."""
    sent = files(*contents)
    cut = sent[: max(len(sent) - missing, sent.index(CER) + len(CER) + 4)]
    whole = [one for at, one in enumerate(contents, 1) if cut.count(b"\r\n--B\r\n") > at]
    with several(cut, *sizes, chunked=chunked) as (streamed, _):
        seen = all_of(streamed)
    assert seen[: len(whole)] == whole
    if cut.endswith((b"--B--", b"--B--\r\n")):
        assert seen == contents
    else:
        assert seen[len(whole) :] in (["truncated"], ["malformed"])


@pytest.mark.parametrize("content", [b"x", SMALL * b"x", LARGE], ids=["small", "at the limit", "large"])
def test_one_that_is_followed_is_as_large_as_it_turned_out(content: bytes) -> None:
    with several(files(content, LARGE)) as (streamed, _):
        file = first_of(streamed)
        assert (file.size > len(content), file.followed) == (True, False)
        assert b"".join(file.blocks()) == content
        assert (file.size, file.size, file.followed) == (len(content), len(content), True)


@pytest.mark.parametrize(
    ("contents", "known"),
    [([b"x"], False), ([b"x", b"y"], True), ([b"x", LARGE], True), ([LARGE, b"x"], False), ([LARGE], False)],
)
def test_its_first_bytes_may_tell_that_it_is_not_the_last(contents: list[bytes], known: bool) -> None:
    with several(files(*contents)) as (streamed, _):
        assert first_of(streamed).look_ahead(4096) is known
        assert all_of(streamed) == contents


def test_what_is_left_of_one_is_skipped() -> None:
    with several(files(LARGE, LARGE, b"last")) as (streamed, _):
        assert first_of(streamed).head(10) == LARGE[:10]
        others = iter(streamed.others)
        assert next(next(others).blocks())
        assert came(next(others)) == b"last"
        assert next(others, None) is None


@pytest.mark.parametrize("chunked", [False, True])
def test_one_that_is_too_large_takes_no_other_with_it(chunked: bool) -> None:
    limits = replace(LIMITS, file_bytes=1000)
    contents = [b"x" * 1001, b"x" * 1000, LARGE]
    with several(files(*contents), limits=limits, chunked=chunked) as (streamed, _):
        assert isinstance(streamed.file, Unmeasured)
        assert all_of(streamed) == ["file-too-large", contents[1], "file-too-large"]


def test_there_is_an_end_to_how_many() -> None:
    with several(files(*[b"x"] * 5)) as (streamed, _):
        assert all_of(streamed) == [b"x", b"x", b"x", "too-many-files"]
    with several(files(*[b"x"] * 5), limits=replace(LIMITS, files=2, parts=4)) as (streamed, _):
        assert all_of(streamed) == [b"x", b"x", "too-many-files"]
    with several(files(*[b"x"] * 5), limits=replace(LIMITS, files=9, parts=3)) as (streamed, _):
        assert all_of(streamed) == [b"x", b"x", "too-many-parts"]


@pytest.mark.parametrize(
    ("after", "seen"),
    [
        # What is no file of that name leaves in doubt what was meant to be the last.
        (part(b"yes", named("other")), ["fields-before-files"]),
        (part(b"x", named("key") + b'; filename="b"'), ["fields-before-files"]),
        (part(b"", NAMELESS), ["duplicate-part"]),
        (part(b"yes"), ["fields-before-files"]),
        (part(b"yes") + part(b"yes"), ["fields-before-files"]),
        (b"--Bxx\r\n", ["malformed"]),
        (part(b"x", CER.replace(b"a.cer", b"a\\b")), [b"first", "bad-file-name"]),
        (part(b"x", b"X" * 5000), [b"first", "part-header-too-large"]),
        (part(b"second", CER) + b"--B\r\nX" + 5000 * b"x", [b"first", b"second", "part-header-too-large"]),
    ],
)
def test_what_comes_after_a_file(after: bytes, seen: list[bytes | str]) -> None:
    with several(body(part(b"first", CER), after)) as (streamed, _):
        assert all_of(streamed) == seen


def test_a_field_after_one_that_was_skipped_ends_it() -> None:
    with several(body(part(LARGE, CER), part(b"x", named("key") + b'; filename="b"'))) as (streamed, _):
        assert first_of(streamed).head(5) == LARGE[:5]
        with pytest.raises(Refusal, match="fields-before-files"):
            list(streamed.others)


def test_two_inputs_that_were_left_empty_are_one_too_many() -> None:
    with (
        pytest.raises(Refusal, match="duplicate-part"),
        several(body(part(b"", NAMELESS), part(b"", NAMELESS))) as (streamed, _),
    ):
        raise AssertionError(streamed)


def test_one_that_was_left_empty_has_none_after_it() -> None:
    with several(body(part(b"", NAMELESS))) as (streamed, _):
        assert (streamed.file, list(streamed.others)) == (None, [])


def test_who_asks_for_one_gets_one() -> None:
    with several(files(b"x", b"y"), limits=replace(LIMITS, files=1)) as (streamed, _):
        assert all_of(streamed) == ["duplicate-part"]
        assert list(streamed.others) == []


def test_a_connection_that_broke_off_is_not_trusted_though_its_first_file_was_taken() -> None:
    with several(files(b"x", LARGE)[:-100]) as (streamed, environ):
        assert all_of(streamed) == [b"x", "truncated"]
        assert Body.of(environ, Deadlines()).trusted is False


def test_the_limits_of_an_operation_are_for_each() -> None:
    operation = registry.operation("flatfile/file")
    one, many = Limits.of(operation), Limits.of(operation, files=20)
    (declared,) = operation.parts
    assert (one.files, many.files, many.parts) == (1, 20, one.parts + 19)
    assert many.file_bytes == one.file_bytes
    assert many.body_bytes == one.body_bytes + 19 * declared.max_bytes
