"""Bodies taken apart: the same parts however they arrive."""

from __future__ import annotations

from contextlib import contextmanager
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sandbox.body import Gone, Incoming, Received
from app.sandbox.files import KEPT_BYTES
from app.sandbox.ledger import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PARTS = [
    ("password", None, None, b"pass\r\nword"),
    ("cer", "Espa\u00f1a.cer", "application/octet-stream", b"\r\n--limi\r\n--\r\n" * 20),
    ("", "", None, b""),
]
KIND = "multipart/form-data; boundary=limit"


def form() -> bytes:
    made = b""
    for name, filename, kind, content in PARTS:
        head = f'--limit\r\nContent-Disposition: form-data; name="{name}"'
        head += "" if filename is None else f'; filename="{filename}"'
        head += f"\r\nContent-Type: {kind}" if kind else ""
        made += head.encode() + b"\r\n\r\n" + content + b"\r\n"
    return made + b"--limit--\r\n"


class Pieces:
    """An input whose reads end where we say."""

    def __init__(self, content: bytes, cuts: list[int]) -> None:
        edges = [0, *sorted(cuts), len(content)]
        self._pieces = [content[a:b] for a, b in pairwise(edges) if a < b]

    def read(self, most: int) -> bytes:
        if not self._pieces:
            return b""
        piece = self._pieces.pop(0)
        if len(piece) > most:
            self._pieces.insert(0, piece[most:])
        return piece[:most]


def entry() -> Entry:
    return Entry(
        provider="p",
        method="PUT",
        path="/",
        query="",
        authorization=None,
        headers={},
        first_byte_at=0.0,
        last_byte_at=0.0,
    )


@contextmanager
def receiving(kind: str, folder: Path) -> Iterator[Received]:
    received = Received(entry(), kind, folder)
    yield received
    received.close()


def coming(content: bytes, cuts: list[int] | None = None, *, length: int | None = None) -> Incoming:
    length = len(content) if length is None else length
    return Incoming({"wsgi.input": Pieces(content, cuts or []), "CONTENT_LENGTH": str(length)})


@given(cuts=st.lists(st.integers(0, len(form())), max_size=12))
def test_any_split_gives_the_same_parts(tmp_path_factory: pytest.TempPathFactory, cuts: list[int]) -> None:
    with receiving(KIND, tmp_path_factory.getbasetemp()) as received:
        received.fill(coming(form(), cuts))
        assert received.multipart
        assert [(part.name, part.filename, part.content_type, part.held.content()) for part in received.parts] == PARTS
        assert [part.sha256 for part in received.entry.parts] == [sha256(one[3]).hexdigest() for one in PARTS]
        assert received.entry.sha256 == sha256(form()).hexdigest()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (form(), "multipart/form-data"),
        (form(), "multipart/form-data; boundary=other"),
        (form(), "multipart/mixed; boundary=limit"),
        (form()[:-20], KIND),
        (b"", KIND),
        (b"--limit\r\n\r\nx\r\n--limit--\r\n", KIND),
        (b"--limit\r\nContent-Disposition: form-data; name=\xff\r\n\r\nx\r\n--limit--\r\n", KIND),
        (b'{"a": 1}', "application/json"),
    ],
)
def test_what_is_no_whole_multipart_is_not_called_so(tmp_path: Path, content: bytes, kind: str) -> None:
    with receiving(kind, tmp_path) as received:
        received.fill(coming(content))
        assert not received.multipart
        assert (received.entry.complete, received.entry.bytes) == (True, len(content))
        assert received.entry.sha256 == sha256(content).hexdigest()


def test_a_body_of_another_kind_is_kept_as_it_is(tmp_path: Path) -> None:
    with receiving("application/json", tmp_path) as received:
        received.fill(coming(b'{"a": 1}', [3]))
        assert received.plain.content() == b'{"a": 1}'


def test_a_large_part_is_hashed_and_not_kept(tmp_path: Path) -> None:
    content = bytes(KEPT_BYTES + 1)
    head = b'--limit\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
    with receiving(KIND, tmp_path) as received:
        received.fill(coming(head + content + b"\r\n--limit--\r\n"))
        held = received.parts[0].held
        assert (held.content(), held.size, held.sha256) == (None, len(content), sha256(content).hexdigest())
    assert list(tmp_path.iterdir()) == []


def test_a_body_that_ends_early_is_incomplete(tmp_path: Path) -> None:
    with receiving(KIND, tmp_path) as received:
        with pytest.raises(Gone):
            received.fill(coming(form()[:100], length=len(form())))
        shown = received.entry
        assert (shown.complete, shown.bytes, shown.sha256) == (False, 100, None)


def test_reading_stops_where_it_is_told(tmp_path: Path) -> None:
    incoming = coming(form(), [50, 60])
    with receiving(KIND, tmp_path) as received:
        for upto in (0, 10, 10, 99):
            received.fill(incoming, upto)
            assert received.entry.bytes == upto
        received.fill(incoming)
        assert received.entry.complete
