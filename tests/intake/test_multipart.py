from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.errors import Refusal
from app.intake.multipart import Limits, PartEnd, PartStart, boundary_of, parts
from app.intake.part_header import PartHeader
from tests.intake.forms import CER, NAME, Blocks, Found, body, bytewise, found, named, part


def slug(whole: bytes, limits: Limits | None = None) -> str | None:
    """What a body is refused for; the same whether it comes at once, byte by byte, or without a length."""
    slugs = {
        _slug([whole], limits, known=True),
        _slug(bytewise(whole), limits, known=True),
        _slug([whole], limits, known=False),
        _slug(bytewise(whole), limits, known=False),
    }
    assert len(slugs) == 1
    return slugs.pop()


def _slug(blocks: object, limits: Limits | None, *, known: bool) -> str | None:
    try:
        found(blocks, limits, known=known)  # type: ignore[arg-type]
    except Refusal as refusal:
        return refusal.slug
    return None


def test_a_form_becomes_events() -> None:
    notice = PartHeader(name="notice", filename=None, content_type=None)
    cer = PartHeader(name="cer", filename="a.cer", content_type="application/octet-stream")
    whole = body(part(b"yes"), part(b"\r\n--A\r\0\n", CER))
    assert found([whole]) == [
        PartStart(header=notice, offset=whole.index(b"yes")),
        b"yes",
        PartEnd(size=3),
        PartStart(header=cer, offset=whole.index(b"\r\n--A")),
        b"\r\n--A\r\0\n",
        PartEnd(size=8),
    ]


def test_a_part_may_be_empty() -> None:
    assert found([body(part(b""))])[1:] == [PartEnd(size=0)]


def test_a_form_may_be_empty() -> None:
    assert found([b"--B--\r\n"]) == []


def test_the_line_break_at_the_very_end_is_optional() -> None:
    assert found([body(end=b"--B--")]) == found([body()])


def test_the_last_part_ends_only_when_the_closing_delimiter_and_the_end_were_seen() -> None:
    events = parts(Blocks([body(part(b"y" * 100)), b""]), b"B", Limits())
    seen = [event for event in events if isinstance(event, PartEnd)]
    assert len(seen) == 1
    cut = parts(Blocks([body(part(b"y" * 100), end=b"--B-")]), b"B", Limits())
    with pytest.raises(Refusal, match="truncated"):
        assert not [event for event in cut if isinstance(event, PartEnd)]


#: What the library takes, each with the rule that closes it; and what it refuses by itself, to notice if it ever stops.
REFUSED = {
    # The framing.
    "preamble": (b"hello\r\n" + body(), "malformed"),
    "line break before the first delimiter": (b"\r\n" + body(), "malformed"),
    "preamble shorter than a delimiter": (b"x", "malformed"),
    "epilogue": (body() + b"hello", "malformed"),
    "epilogue after a line break": (body() + b"\r\nhello", "malformed"),
    "two line breaks at the end": (body() + b"\r\n", "malformed"),
    "half a line break at the end": (body() + b"\r", "malformed"),
    "LF at the end": (body(end=b"--B--\n"), "malformed"),
    "second closing delimiter": (body() + b"\r\n--B--\r\n", "malformed"),
    "parts after the closing delimiter": (body() + body(part(b"y", named("other"))), "malformed"),
    "padded delimiter": (body(part(), b"--B \r\n" + NAME + b"\r\n\r\ny\r\n"), "malformed"),
    "padded first delimiter": (b"--B\t\r\n" + NAME + b"\r\n\r\ny\r\n--B--\r\n", "malformed"),
    "padded closing delimiter": (body(end=b"--B-- \r\n"), "malformed"),
    "delimiter that goes on": (body(part(b"a\r\n--BC")), "malformed"),
    "bare LF everywhere": (body().replace(b"\r\n", b"\n"), "malformed"),
    "no closing delimiter": (body(end=b""), "truncated"),
    "half a closing delimiter": (body(end=b"--B-"), "truncated"),
    "ordinary delimiter at the end": (body(end=b"--B\r\n"), "truncated"),
    "end in a header": (b"--B\r\n" + NAME, "truncated"),
    "only half a delimiter": (b"--", "truncated"),
    "nothing": (b"", "truncated"),
    # Header lines.
    "space before the colon": (body(part(b"x", NAME.replace(b":", b" :"))), "malformed"),
    "vertical tab before the colon": (body(part(b"x", NAME.replace(b":", b"\v:"))), "malformed"),
    "no colon": (body(part(b"x", NAME, b"Content-Type")), "malformed"),
    "no name": (body(part(b"x", NAME, b": x")), "malformed"),
    "folded line": (body(part(b"x", NAME, b" more")), "malformed"),
    "folded line with a tab": (body(part(b"x", NAME + b";", b"\tfilename=x")), "malformed"),
    "bare LF": (body(part(b"x", NAME + b"\nContent-Type: a/b")), "malformed"),
    "bare CR": (body(part(b"x", NAME + b"\rContent-Type: a/b")), "malformed"),
    "NUL": (body(part(b"x", NAME, b"Content-Type: a/b\0")), "malformed"),
    "not UTF-8": (body(part(b"x", named("a") + b'; filename="\xff"')), "malformed"),
    "unknown header": (body(part(b"x", NAME, b"X-Other: 1")), "malformed"),
    "no headers": (b"--B\r\n\r\nx\r\n--B--\r\n", "malformed"),
    "no disposition": (body(part(b"x", b"Content-Type: a/b")), "malformed"),
    "two dispositions": (body(part(b"x", NAME, named("other"))), "malformed"),
    "two types": (body(part(b"x", CER, b"Content-Type: a/b")), "malformed"),
    "wrong length of the part": (body(part(b"xy", NAME, b"Content-Length: 1")), "malformed"),
    "length of the part that is no number": (body(part(b"x", NAME, b"Content-Length: +1")), "malformed"),
    # What the headers say.
    "another disposition": (body(part(b"x", NAME.replace(b"form-data", b"attachment"))), "malformed"),
    "no name parameter": (body(part(b"x", b"Content-Disposition: form-data")), "malformed"),
    "empty name": (body(part(b"x", named(""))), "malformed"),
    "two names": (body(part(b"x", NAME + b'; name="other"')), "malformed"),
    "two names, one in capitals": (body(part(b"x", NAME + b'; NAME="other"')), "malformed"),
    "unknown parameter": (body(part(b"x", NAME + b"; size=1")), "malformed"),
    "filename*": (body(part(b"x", CER.replace(b"filename=", b"filename*="))), "malformed"),
    "filename* beside filename": (body(part(b"x", NAME + b"; filename=\"a\"; filename*=UTF-8''b")), "malformed"),
    "words between parameters": (body(part(b"x", NAME + b' or; filename="a"')), "malformed"),
    "semicolon at the end": (body(part(b"x", NAME + b";")), "malformed"),
    "spaces around the equals sign": (body(part(b"x", NAME.replace(b"=", b" = "))), "malformed"),
    "quote that does not end": (body(part(b"x", NAME + b'; filename="a')), "malformed"),
    "escaped quote": (body(part(b"x", NAME + b'; filename="a\\"b"')), "malformed"),
    "backslash in a name": (body(part(b"x", named("a\\b"))), "malformed"),
    "control character in a name": (body(part(b"x", named("a\u0085b"))), "malformed"),
    "backslash in a file name": (body(part(b"x", NAME + b'; filename="C:\\a"')), "bad-file-name"),
    "line break in a file name": (body(part(b"x", NAME + b'; filename="a%0D%0Ab"')), "bad-file-name"),
    "control character in a file name": (body(part(b"x", NAME + '; filename="a\u0085"'.encode())), "bad-file-name"),
    "type that is none": (body(part(b"x", NAME, b"Content-Type: text")), "malformed"),
    "empty type": (body(part(b"x", NAME, b"Content-Type:")), "malformed"),
    "words after the type": (body(part(b"x", NAME, b"Content-Type: text/plain utf-8")), "malformed"),
    "part in base64": (body(part(b"eA==", NAME, b"Content-Transfer-Encoding: base64")), "encoded"),
    "part in quoted-printable": (body(part(b"x", NAME, b"content-transfer-encoding: Quoted-Printable")), "encoded"),
    "form in a form": (body(part(b"x", NAME, b"Content-Type: multipart/mixed; boundary=C")), "nested"),
    "field of another charset": (body(part(b"x", NAME, b"Content-Type: text/plain; charset=latin-1")), "not-text"),
    "one name twice": (body(part(), part()), "duplicate-part"),
}


@pytest.mark.attack(
    "framing", "a form that two readers could understand differently", "refused with the name of the rule"
)
@pytest.mark.parametrize(("whole", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_two_readers_could_understand_differently_is_refused(whole: bytes, expected: str) -> None:
    assert slug(whole) == expected


TAKEN = {
    "header names in lower case": part(b"x", NAME.lower()),
    "no space after the colon": part(b"x", NAME.replace(b": ", b":")),
    "spaces at the end of a line": part(b"x", NAME + b" \t"),
    "token for a name": part(b"x", b"Content-Disposition: form-data; name=notice"),
    "parameters in capitals": part(b"x", b'Content-Disposition: Form-Data; NAME="notice"'),
    "no space between parameters": part(b"x", b'Content-Disposition: form-data;name="notice"'),
    "length of the part": part(b"x", NAME, b"Content-Length: 1"),
    "binary": part(b"x", NAME, b"Content-Transfer-Encoding: binary"),
    "8bit": part(b"x", NAME, b"Content-Transfer-Encoding: 8BIT"),
    "7bit": part(b"x", NAME, b"Content-Transfer-Encoding: 7bit"),
    "type with its charset": part(b"x", NAME, b"Content-Type: text/plain; charset=UTF-8"),
    "charset in its other spelling": part(b"x", NAME, b"Content-Type: text/plain; charset=utf8"),
}


@pytest.mark.parametrize("made", TAKEN.values(), ids=TAKEN)
def test_what_honest_clients_vary_is_taken(made: bytes) -> None:
    start, *rest = found([body(made)])
    assert isinstance(start, PartStart)
    assert start.header.name == "notice"
    assert rest == [b"x", PartEnd(size=1)]


def test_a_file_of_another_charset_is_taken() -> None:
    assert slug(body(part(b"x", CER.replace(b"application/octet-stream", b"text/csv; charset=latin-1")))) is None


def test_a_quote_in_a_file_name_comes_as_browsers_write_it() -> None:
    start = found([body(part(b"x", NAME + '; filename="a%22ñ%.cer"'.encode()))])[0]
    assert isinstance(start, PartStart)
    assert start.header.filename == 'a"ñ%.cer'


# Limits: each at the last byte that is taken, and one beyond.


def test_limits_have_defaults() -> None:
    expected = Limits(parts=20, part_header_bytes=4096, field_bytes=4096, file_bytes=16_384, body_bytes=65_536)
    assert Limits() == expected


def refusal(whole: bytes, limits: Limits) -> Refusal:
    with pytest.raises(Refusal) as caught:
        found([whole], limits)
    assert slug(whole, limits) == caught.value.slug
    return caught.value


@pytest.mark.attack("costly", "a form of very many parts", "refused at its limit")
def test_parts_are_limited() -> None:
    two = part(b"x", named("a")) + part(b"x", named("b"))
    assert slug(body(two), Limits(parts=2)) is None
    refused = refusal(body(two, part()), Limits(parts=2))
    assert (refused.slug, refused.status, refused.params) == ("too-many-parts", 413, {"limit": 2})


@pytest.mark.attack("costly", "a part whose header does not end", "refused at its limit")
def test_the_header_of_a_part_is_limited_as_a_whole() -> None:
    lines = NAME, b"Content-Type: text/plain"
    length = sum(len(line) + 2 for line in lines)
    assert slug(body(part(b"x", *lines)), Limits(part_header_bytes=length)) is None
    refused = refusal(body(part(b"x", *lines)), Limits(part_header_bytes=length - 1))
    assert (refused.slug, refused.status, refused.params) == ("part-header-too-large", 413, {"limit": length - 1})


def test_each_part_has_the_whole_limit_for_its_header() -> None:
    assert (
        slug(body(part(b"x", named("a")), part(b"x", named("b"))), Limits(part_header_bytes=len(named("a")) + 2))
        is None
    )


def test_a_header_line_without_an_end_is_not_waited_for() -> None:
    endless = b"--B\r\n" + NAME + b"; filename=" + b"x" * 5000
    refused = refusal(endless, Limits())
    assert (refused.slug, refused.params) == ("part-header-too-large", {"limit": 4096})


def test_the_limit_of_a_header_is_ours_and_not_the_library_s() -> None:
    assert slug(body(part(b"x", named("a" * 5000))), Limits(part_header_bytes=8192)) is None


def test_fields_are_limited() -> None:
    assert slug(body(part(b"x" * 10)), Limits(field_bytes=10)) is None
    refused = refusal(body(part(b"x" * 11)), Limits(field_bytes=10))
    assert (refused.slug, refused.status, refused.field) == ("field-too-large", 413, "notice")
    assert refused.params == {"limit": 10, "name": "notice"}


def test_files_are_limited() -> None:
    assert slug(body(part(b"x" * 20, CER)), Limits(field_bytes=10, file_bytes=20)) is None
    refused = refusal(body(part(b"x" * 21, CER)), Limits(field_bytes=10, file_bytes=20))
    assert (refused.slug, refused.status, refused.field) == ("file-too-large", 413, "cer")
    assert refused.params == {"limit": 20, "name": "cer"}


def test_a_body_is_limited_whether_or_not_its_length_is_known() -> None:
    length = len(body())
    assert slug(body(), Limits(body_bytes=length)) is None
    refused = refusal(body(), Limits(body_bytes=length - 1))
    assert (refused.slug, refused.status, refused.params) == ("body-too-large", 413, {"limit": length - 1})


# The boundary.


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=B", b"B"),
        ("Multipart/Form-Data;BOUNDARY=B", b"B"),
        ('multipart/form-data; boundary="a b:c"', b"a b:c"),
        ("multipart/form-data; charset=UTF-8; boundary=B", b"B"),
        ("multipart/form-data; charset=utf-8; boundary=B", b"B"),
        ("multipart/form-data; boundary=" + "b" * 70, b"b" * 70),
    ],
)
def test_a_boundary_is_read(content_type: str, boundary: bytes) -> None:
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("", "not-multipart"),
        ("text/plain", "not-multipart"),
        ("multipart/mixed; boundary=B", "not-multipart"),
        ("multipart/form-data-x; boundary=B", "not-multipart"),
        ("multipart/form-dataX; boundary=B", "not-multipart"),
        ("multipart/form-data\v; boundary=B", "not-multipart"),
        ("application/x-www-form-urlencoded", "not-multipart"),
        ("multipart/form-data", "bad-boundary"),
        ("multipart/form-data; boundary=", "bad-boundary"),
        ('multipart/form-data; boundary=""', "bad-boundary"),
        ("multipart/form-data; boundary=B; boundary=C", "bad-boundary"),
        ("multipart/form-data; boundary=B, multipart/form-data; boundary=C", "bad-boundary"),
        ("multipart/form-data; boundary=B; charset=latin-1", "bad-boundary"),
        ("multipart/form-data; boundary=B; other=1", "bad-boundary"),
        ("multipart/form-data; boundary=B;", "bad-boundary"),
        ("multipart/form-data; boundary=a=b", "bad-boundary"),
        ('multipart/form-data; boundary="a b "', "bad-boundary"),
        ('multipart/form-data; boundary="a\tb"', "bad-boundary"),
        ('multipart/form-data; boundary="a\\b"', "bad-boundary"),
        ('multipart/form-data; boundary="ñ"', "bad-boundary"),
        ("multipart/form-data; boundary=" + "b" * 71, "bad-boundary"),
    ],
)
def test_a_wrong_type_or_boundary_is_refused(content_type: str, expected: str) -> None:
    with pytest.raises(Refusal) as caught:
        boundary_of(content_type)
    assert caught.value.slug == expected


# Properties.

#: Bytes that mean something to a parser, so that broken bodies are nearly right.
SHARDS = st.one_of(
    st.sampled_from([b"\r", b"\n", b"\r\n", b"-", b"--", b":", b";", b'"', b" ", b"\0", b"\xff", b"=", b"\\"]),
    st.sampled_from([b"--B", b"--B--", b"\r\n--B", b"\r\n--B\r\n", b"\r\n--B--\r\n", b"\r\n\r\n", NAME, CER]),
    st.sampled_from([b"Content-Type: text/plain", b"Content-Length: 3", b"filename*=x", b"; name=", b"X" * 100]),
    st.binary(max_size=8),
)


@st.composite
def forms(draw: st.DrawFn) -> bytes:
    """A good form with any content."""
    names = draw(st.lists(st.sampled_from("abcdef"), unique=True, max_size=4))
    made = []
    for name in names:
        content = b"".join(draw(st.lists(SHARDS, max_size=6))).replace(b"\r\n--B", b"")
        while b"\r\n--B" in content:
            content = content.replace(b"\r\n--B", b"")
        file = draw(st.booleans())
        made.append(part(content, named(name) + (b'; filename="f"' if file else b"")))
    return body(*made, end=draw(st.sampled_from([b"--B--", b"--B--\r\n"]))) if made else b"--B--\r\n"


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """A form in which something was put in, left out or replaced; or none at all."""
    whole = draw(st.one_of(forms(), st.just(body(part(b"yes"), part(b"file", CER))), st.just(b"")))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(whole)))
        end = draw(st.integers(start, min(len(whole), start + 6)))
        whole = whole[:start] + draw(SHARDS) + whole[end:]
    return whole


def cut(whole: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(whole), *(place % (len(whole) + 1) for place in places)})
    return [whole[a:b] for a, b in pairwise(edges)]


PLACES = st.lists(st.integers(0, 1 << 16), max_size=12)


def outcome(blocks: list[bytes], *, known: bool) -> Found | str:
    try:
        return found(blocks, known=known)
    except Refusal as refusal:
        return refusal.slug


@given(forms(), PLACES, st.booleans())
def test_any_split_of_a_good_form_gives_the_same_events(whole: bytes, places: list[int], known: bool) -> None:
    expected = found([whole])
    assert found(cut(whole, places), known=known) == expected
    assert found(bytewise(whole), known=known) == expected


@given(broken(), PLACES, st.booleans())
@example(b"--B\r\n" + NAME + b"\nX\r\n\r\nx\r\n--B--", [], True)
def test_any_split_of_any_body_gives_the_same_events_or_the_same_refusal(
    whole: bytes, places: list[int], known: bool
) -> None:
    expected = outcome([whole], known=True)
    assert outcome(cut(whole, places), known=known) == expected
    assert outcome(list(bytewise(whole)), known=known) == expected


@given(st.lists(st.one_of(st.binary(max_size=200), SHARDS), max_size=20), st.booleans())
def test_arbitrary_bytes_raise_nothing_but_a_refusal(blocks: list[bytes], known: bool) -> None:
    outcome(blocks, known=known)


@given(forms())
def test_what_is_taken_accounts_for_every_byte(whole: bytes) -> None:
    end = 0
    for event in found([whole]):
        if isinstance(event, PartStart):
            assert whole[end : event.offset].startswith((b"--B\r\n", b"\r\n--B\r\n"))
            end = event.offset
        elif isinstance(event, bytes):
            assert whole[end : end + len(event)] == event
            end += len(event)
    assert whole[end:].removesuffix(b"\r\n") in {b"\r\n--B--", b"--B--"}
