from __future__ import annotations

import io
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.http.body import Body as ServerBody
from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.http.unreader import SocketUnreader
from hypothesis import given
from hypothesis import strategies as st

from app.intake.body import LARGEST_BLOCK, SMALLEST_BLOCK, Body
from app.intake.errors import ClientGone, Malformed, TooSlow, Truncated
from app.intake.pace import Deadlines

PATIENT = Deadlines(idle=30.0, grace=30.0)
SHORT = Deadlines(idle=0.05, grace=0.05)


class Wire:
    """A connection as gunicorn holds it after a request's head: some of the body buffered, the rest on its way."""

    def __init__(self, length: int | None, buffered: bytes = b"") -> None:
        self.ours, self.client = socket.socketpair()
        self.unreader = SocketUnreader(self.ours)
        self.unreader.unread(buffered)
        request = SimpleNamespace(unreader=self.unreader)
        self.reader: Any = (
            ChunkedReader(request, self.unreader) if length is None else LengthReader(self.unreader, length)
        )
        self.input = ServerBody(self.reader)
        self.environ: dict[str, Any] = {"wsgi.input": self.input, "gunicorn.socket": self.ours}
        if length is None:
            self.environ["HTTP_TRANSFER_ENCODING"] = "chunked"
        else:
            self.environ["CONTENT_LENGTH"] = str(length)

    def body(self, deadlines: Deadlines = PATIENT) -> Body:
        return Body(self.environ, deadlines)

    def close(self) -> None:
        self.ours.close()
        self.client.close()


@pytest.fixture
def wires() -> Iterator[list[Wire]]:
    made: list[Wire] = []
    yield made
    for wire in made:
        wire.close()


@pytest.fixture
def wire(wires: list[Wire]) -> Any:
    def make(length: int | None, buffered: bytes = b"") -> Wire:
        wires.append(Wire(length, buffered))
        return wires[-1]

    return make


def test_what_the_server_has_buffered_comes_first(wire: Any) -> None:
    made = wire(8, b"hel")
    made.client.sendall(b"lo th")
    body = made.body()
    assert [body.block(), body.block(), body.block()] == [b"hel", b"lo th", b""]


def test_the_server_s_reader_is_told_how_far_it_got(wire: Any) -> None:
    made = wire(8, b"hel")
    body = made.body()
    body.block()
    assert made.reader.length == 5
    made.client.sendall(b"lo th")
    body.block()
    assert made.reader.length == 0
    assert made.input.read() == b""


def test_what_is_buffered_after_the_body_stays_with_the_server(wire: Any) -> None:
    made = wire(3, b"helGET /")
    body = made.body()
    assert (body.block(), body.block()) == (b"hel", b"")
    assert made.unreader.take_buffered() == b"GET /"


def test_no_byte_after_the_body_is_taken_from_the_socket(wire: Any) -> None:
    made = wire(3)
    made.client.sendall(b"helGET /")
    body = made.body()
    assert (body.block(), body.block()) == (b"hel", b"")
    assert made.ours.recv(100) == b"GET /"


def test_a_body_that_is_left_in_the_middle_is_where_the_server_thinks(wire: Any) -> None:
    made = wire(8, b"hello th")
    assert made.body().block(2) == b"he"
    assert made.input.read() == b"llo th"


def test_blocks_grow_while_the_client_fills_them_and_shrink_again(wire: Any) -> None:
    asked: list[int] = []

    class Source:
        def recv(self, size: int) -> bytes:
            asked.append(size)
            return bytes(size)[: size if len(asked) < 7 else 10]

    made = wire(1 << 30, b"x")
    body = made.body()
    body.block()
    body._read._source = Source()
    for _ in range(12):
        body.block()
    sizes = [SMALLEST_BLOCK << n for n in range(5)]
    assert asked[:6] == [*sizes, LARGEST_BLOCK]
    assert asked[7:] == [LARGEST_BLOCK >> 1, LARGEST_BLOCK >> 2, LARGEST_BLOCK >> 3, SMALLEST_BLOCK, SMALLEST_BLOCK]


@pytest.mark.parametrize(
    ("last", "expected"), [(LARGEST_BLOCK // 4, LARGEST_BLOCK), (LARGEST_BLOCK // 4 - 1, LARGEST_BLOCK // 2)]
)
def test_a_block_that_is_filled_by_a_quarter_is_no_reason_to_shrink(wire: Any, last: int, expected: int) -> None:
    asked: list[int] = []

    class Source:
        def recv(self, size: int) -> bytes:
            asked.append(size)
            return bytes(last if len(asked) == 5 else size)

    body = wire(1 << 30).body()
    body._read._source = Source()
    for _ in range(6):
        body.block()
    assert asked[4:] == [LARGEST_BLOCK, expected]


def test_an_end_before_the_end_is_truncated(wire: Any) -> None:
    made = wire(8, b"hel")
    made.client.shutdown(socket.SHUT_WR)
    body = made.body()
    assert body.block() == b"hel"
    with pytest.raises(Truncated):
        body.block()
    assert not body.ended


def test_a_reset_is_a_client_that_has_gone(wire: Any) -> None:
    made = wire(8)
    made.ours.sendall(b"x")  # closing with something unread resets
    made.client.close()
    with pytest.raises(ClientGone) as caught:
        made.body().block()
    assert caught.value.__context__ is None


def test_a_stalled_client_is_too_slow(wire: Any) -> None:
    with pytest.raises(TooSlow):
        wire(8).body(SHORT).block()


def test_the_client_s_time_begins_with_the_first_read(wire: Any) -> None:
    now = [0.0]
    made = wire(3)
    body = Body(made.environ, SHORT, lambda: now[0])
    now[0] = 100.0
    made.client.sendall(b"hel")
    assert body.block() == b"hel"


def test_a_chunked_body_is_read_through_the_server(wire: Any) -> None:
    made = wire(None, b"3\r\nhel\r\n")
    made.client.sendall(b"2\r\nlo\r\n0\r\n\r\nGET /")
    body = made.body()
    assert not body.ended
    assert (body.block(), body.block(), body.block()) == (b"hello", b"", b"")
    assert body.ended
    assert made.unreader.take_buffered() == b"GET /"


def test_a_chunked_body_comes_in_blocks_as_large_as_asked_for_and_never_larger_than_the_smallest(wire: Any) -> None:
    body = wire(None, b"%x\r\n%b\r\n0\r\n\r\n" % (SMALLEST_BLOCK + 7, bytes(SMALLEST_BLOCK + 7))).body()
    assert [len(block) for block in (body.block(2), body.block(), body.block(), body.block())] == [
        2,
        SMALLEST_BLOCK,
        5,
        0,
    ]


def test_a_chunked_body_keeps_the_deadlines_and_leaves_the_server_its_socket(wire: Any) -> None:
    made = wire(None, b"3\r\nhel\r\n")
    with pytest.raises(TooSlow):
        made.body(SHORT).block()
    assert made.unreader.sock is made.ours


@pytest.mark.parametrize(
    ("sent", "refusal"), [(b"3\r\nhe", Truncated), (b"x\r\n", Malformed), (b"1\r\nhe\r\n", Malformed)]
)
def test_a_broken_chunked_body_raises_our_own(wire: Any, sent: bytes, refusal: type[Exception]) -> None:
    made = wire(None)
    made.client.sendall(sent)
    made.client.shutdown(socket.SHUT_WR)
    body = made.body()
    with pytest.raises(refusal) as caught:
        body.block()
    assert caught.value.__context__ is None
    assert not body.ended


def test_other_servers_are_read_through_wsgi_input() -> None:
    body = Body({"wsgi.input": io.BytesIO(b"hello"), "CONTENT_LENGTH": "3"}, PATIENT)
    assert (body.block(), body.block(), body.ended) == (b"hel", b"", True)


@pytest.mark.parametrize("missing", ["gunicorn.socket", "its reader"])
def test_what_is_half_like_our_server_is_another(wire: Any, missing: str) -> None:
    made = wire(5, b"hello")
    if missing == "its reader":
        made.environ["wsgi.input"] = io.BytesIO(b"other")
    else:
        del made.environ[missing]
    assert made.body().block() == (b"other" if missing == "its reader" else b"hello")


def test_what_another_server_calls_a_socket_is_left_alone(wire: Any) -> None:
    made = wire(5, b"hello")
    made.environ["gunicorn.socket"] = object()
    assert made.body().connection is None


def test_other_servers_can_end_too_early() -> None:
    body = Body({"wsgi.input": io.BytesIO(b"he"), "CONTENT_LENGTH": "3"}, PATIENT)
    assert body.block() == b"he"
    with pytest.raises(Truncated):
        body.block()


@pytest.mark.parametrize("length", ["-1", "+1", "1.0", "²", "0x1", " 1", "1" * 19])
def test_a_length_that_is_none_is_not_trusted(length: str) -> None:
    body = Body({"wsgi.input": io.BytesIO(b"hello"), "CONTENT_LENGTH": length}, PATIENT)
    assert (body.block(), body.ended) == (b"", False)


def test_no_length_is_no_body() -> None:
    body = Body({"wsgi.input": io.BytesIO(b"hello")}, PATIENT)
    assert (body.block(), body.ended) == (b"", True)


def test_it_can_be_read_like_any_file() -> None:
    body = Body({"wsgi.input": io.BytesIO(b"one\ntwo\nthree"), "CONTENT_LENGTH": "13"}, PATIENT)
    assert body.readable()
    assert body.readline() == b"one\n"
    assert body.read(2) == b"tw"
    assert body.read() == b"o\nthree"


@pytest.mark.parametrize("length", [5, None])
def test_reading_nothing_ends_nothing(wire: Any, length: int | None) -> None:
    body = wire(length, b"hello" if length else b"5\r\nhello\r\n0\r\n\r\n").body()
    assert (body.read(0), body.ended) == (b"", False)
    assert (body.read(), body.ended) == (b"hello", True)


def test_a_request_has_one_body_whoever_asks_for_it(wire: Any) -> None:
    made = wire(8, b"hel")
    body = Body.of(made.environ, PATIENT)
    assert isinstance(body, Body)
    assert Body.of(made.environ, SHORT) is body
    assert body.deadlines is SHORT


@given(st.binary(max_size=300), st.integers(0, 300), st.integers(0, 300), st.lists(st.integers(1, 50), max_size=40))
def test_any_cut_between_buffer_socket_body_and_next_request(
    sent: bytes, length: int, buffered: int, sizes: list[int]
) -> None:
    """Whatever is where, the body is the body, and the next request is whole."""
    length = min(length, len(sent))
    buffered = min(buffered, len(sent))
    with closing(Wire(length, sent[:buffered])) as made:
        made.client.sendall(sent[buffered:])
        made.client.shutdown(socket.SHUT_WR)
        body = made.body()
        read = b"".join(body.block(size) for size in sizes)
        assert made.reader.length == length - len(read) == body.left
        read += b"".join(iter(body.block, b""))
        assert read == sent[:length]
        rest = made.unreader.take_buffered()
        while block := made.ours.recv(1000):
            rest += block
        assert rest == sent[length:]


# A client that leaves


def test_a_client_that_leaves_early_has_forsaken_its_body(wire: Any) -> None:
    made = wire(8, b"he")
    made.client.sendall(b"llo")
    body = made.body()
    body.block()
    made.client.shutdown(socket.SHUT_WR)
    assert body.forsaken()


def test_one_that_has_sent_all_has_not_whether_or_not_it_was_read(wire: Any) -> None:
    made = wire(8, b"he")
    made.client.sendall(b"llo th")
    body = made.body()
    body.block()
    made.client.shutdown(socket.SHUT_WR)
    assert not body.forsaken()
    assert body.block() == b"llo th"
    assert not body.forsaken()


def test_over_tls_what_is_decrypted_already_counts_too() -> None:
    class Secure(ssl.SSLSocket):
        decrypted = 0

        def pending(self) -> int:
            return self.decrypted

    ours, client = socket.socketpair()
    secure = Secure.__new__(Secure)
    socket.socket.__init__(secure, fileno=ours.detach())
    with closing(client), closing(secure):
        body = Body({"wsgi.input": io.BytesIO(), "CONTENT_LENGTH": "100000", "gunicorn.socket": secure}, PATIENT)
        assert body.forsaken()
        secure.decrypted = 100_000 - SMALLEST_BLOCK
        assert not body.forsaken()


@pytest.mark.parametrize("length", [None, 5])
def test_who_cannot_be_asked_is_there(wire: Any, length: int | None) -> None:
    made = wire(length)
    if length:
        del made.environ["gunicorn.socket"]
    assert not made.body().forsaken()
