"""The sandbox's own multipart reader: exact to the byte, lenient in all else."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sandbox.multipart import HEADER_BYTES, Event, Malformed, MultipartReader, PartEnd, PartHead

HEAD = b'Content-Disposition: form-data; name="f"'

CONTENTS = st.text("\r\n-b x").map(str.encode).filter(lambda one: b"\r\n--b" not in b"\r\n" + one)


def read(body: bytes, cuts: list[int] | None = None, boundary: bytes = b"b") -> tuple[list[bytes], MultipartReader]:
    """The contents of the parts, fed in those pieces."""
    reader = MultipartReader(boundary)
    edges = [0, *sorted(cuts or []), len(body)]
    contents: list[bytes] = []
    for begin, end in pairwise(edges):
        for event in reader.feed(body[begin:end]):
            if isinstance(event, PartHead):
                contents.append(b"")
            elif isinstance(event, bytes):
                contents[-1] += event
    return contents, reader


@given(
    contents=st.lists(
        st.text("\r\n-b x").map(str.encode).filter(lambda one: b"\r\n--b" not in b"\r\n" + one), max_size=4
    ),
    cuts=st.lists(st.integers(0, 300), max_size=9),
)
def test_contents_come_out_as_they_went_in(contents: list[bytes], cuts: list[int]) -> None:
    body = b"".join(b"--b\r\n" + HEAD + b"\r\n\r\n" + content + b"\r\n" for content in contents) + b"--b--"
    found, reader = read(body, [cut for cut in cuts if cut < len(body)])
    assert (found, reader.complete) == (contents, True)


@pytest.mark.parametrize(
    "body",
    [
        b"--b\r\n" + HEAD + b"\r\n\r\nx\r\n--b--\r\n",
        b"a preamble\r\n--b\r\n" + HEAD + b"\r\n\r\nx\r\n--b--\r\nan epilogue --b\r\n",
        b"--b \t\r\n" + HEAD + b"\r\n\r\nx\r\n--b--",
        b"--b\r\ncontent-DISPOSITION:form-data; name=f\r\nX-Other: y\r\n\r\nx\r\n--b--",
    ],
)
def test_what_other_clients_write_is_understood(body: bytes) -> None:
    for cut in range(len(body)):
        found, reader = read(body, [cut])
        assert (found, reader.complete) == ([b"x"], True)


def test_a_longer_word_that_begins_like_the_boundary_is_content() -> None:
    content = b"1\r\n--bb\r\n2\r\n--b \t c\r\n--b-\r\n3"
    body = b"--b\r\n" + HEAD + b"\r\n\r\n" + content + b"\r\n--b--"
    for cut in range(len(body)):
        assert read(body, [cut])[0] == [content]


def test_a_part_says_its_name_file_name_and_type() -> None:
    head = "Content-Disposition: form-data; name=\"ñ\"; filename*=UTF-8''a%20b.cer\r\nContent-Type: a/b; c=d"
    events: list[Event] = list(MultipartReader(b"b").feed(f"--b\r\n{head}\r\n\r\n\r\n--b--".encode()))
    assert events[0] == PartHead(name="ñ", filename="a b.cer", content_type="a/b; c=d")
    assert isinstance(events[1], PartEnd)
    assert len(events) == 2


@pytest.mark.parametrize("body", [b"", b"--b", b"--b\r\n" + HEAD, b"--b\r\n" + HEAD + b"\r\n\r\nx\r\n--b", b"no"])
def test_what_does_not_end_is_not_complete(body: bytes) -> None:
    assert not read(body)[1].complete


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\r\nContent-Type: text/plain",
        b"\r\nContent-Disposition: form-data",
        b"\r\nContent-Disposition: attachment; name=f",
        b"\r\nContent-Disposition: form-data; name=\xff",
        b"\r\nX: " + bytes(HEADER_BYTES),
    ],
)
def test_a_part_without_a_usable_name_is_malformed(head: bytes) -> None:
    with pytest.raises(Malformed):
        read(b"--b" + head + b"\r\n\r\nx\r\n--b--", [HEADER_BYTES + 1] if len(head) > HEADER_BYTES else None)
