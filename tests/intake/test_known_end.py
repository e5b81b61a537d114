from __future__ import annotations

import io
import socket
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from gunicorn.http.body import Body, LengthReader
from gunicorn.http.unreader import SocketUnreader

from app.intake import Deadlines, KnownEnd
from app.intake.known_end import linger

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        theirs.settimeout(5)
        yield ours, theirs


def test_the_client_sees_the_end_at_once_and_is_read_until_its_own(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(b"x" * 1000)
    theirs.shutdown(socket.SHUT_WR)
    linger(ours, most=10_000, seconds=5)
    assert theirs.recv(1) == b""
    assert ours.recv(1) == b""


@pytest.mark.parametrize("most", [1, 900])
def test_no_more_is_read_than_allowed(pair: tuple[socket.socket, socket.socket], most: int) -> None:
    ours, theirs = pair
    theirs.sendall(b"x" * 1000)
    linger(ours, most=most, seconds=5)
    assert len(ours.recv(1000)) == 1000 - most


def test_no_more_is_waited_for_than_is_read(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(b"x" * 1000)
    times = iter([0.0, 1.0])
    linger(ours, most=1000, seconds=5, clock=lambda: next(times))


def test_no_longer_than_allowed(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, _ = pair
    linger(ours, most=900, seconds=0.01)
    assert ours.recv(1) == b""  # reading is shut: whoever closes it after us waits for nobody


def test_a_client_that_dribbles_does_not_stretch_it(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(b"x" * 1000)
    times = iter([0.0, 4.5, 5.0])
    linger(ours, most=1 << 20, seconds=5, clock=lambda: next(times))
    assert next(times, None) is None
    assert ours.recv(1) == b""


def test_a_client_that_has_gone_is_no_error() -> None:
    sock = socket.socket()
    sock.close()
    linger(sock, most=1, seconds=1)


def run(app: Any, environ: dict[str, Any]) -> tuple[list[Any], bytes]:
    said: list[Any] = []

    def start_response(*args: Any) -> Any:
        said.extend(args)

    answer = KnownEnd(app, Deadlines())(environ, start_response)
    content = b"".join(answer)
    answer.close()  # type: ignore[attr-defined]
    return said, content


def test_on_another_server_it_is_a_passage() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("A", "b")])
        return [environ["wsgi.input"].read(2)]

    environ = {"wsgi.input": io.BytesIO(b"hello"), "CONTENT_LENGTH": "5"}
    assert run(app, environ) == (["200 OK", [("A", "b")]], b"he")


def test_an_error_s_information_is_passed_on() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("500 Broken", [], (None, None, None))
        return []

    assert run(app, {"wsgi.input": io.BytesIO()}) == (["500 Broken", [], (None, None, None)], b"")


# On ours: what gunicorn gives to the application and takes from it, at a socket pair.


class Answering:
    """gunicorn's answer, whose method an application knows as `start_response`."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.closes = False
        self.timeout: float | None = -1.0

    def start_response(self, *_: object) -> Any:
        self.timeout = self._sock.gettimeout()

    def force_close(self) -> None:
        self.closes = True


def serve(sock: socket.socket, app: Any, length: int, deadlines: Deadlines, *times: float) -> Answering:
    unreader = SocketUnreader(sock)
    environ = {
        "wsgi.input": Body(LengthReader(unreader, length)),
        "gunicorn.socket": sock,
        "CONTENT_LENGTH": str(length),
    }
    answering, clock = Answering(sock), iter(times)
    answer: Any = KnownEnd(app, deadlines, clock=lambda: next(clock))(environ, answering.start_response)
    assert b"".join(answer) == b"done"
    answer.close()
    assert next(clock, None) is None
    return answering


def unread(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b"done"]


def read(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    while environ["wsgi.input"].read(1000):
        pass
    return unread(environ, start_response)


def test_a_connection_with_something_left_on_it_is_closed_after_a_while(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    theirs.sendall(b"x" * 1000)
    answering = serve(ours, unread, 1000, Deadlines(idle=3.0, drain_bytes=1 << 20, drain_seconds=7.0), 0.0, 6.5, 7.0)
    assert (answering.closes, answering.timeout) == (True, 3.0)
    assert theirs.recv(1) == b""


def test_no_more_of_it_is_read_than_the_deadlines_say(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(b"x" * 1000)
    serve(ours, unread, 1000, Deadlines(drain_bytes=900), 0.0, 0.0)
    assert len(ours.recv(1000)) == 100


def test_a_connection_with_nothing_left_on_it_is_kept(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(b"x" * 1000 + b"GET")
    answering = serve(ours, read, 1000, Deadlines(idle=3.0))
    assert (answering.closes, answering.timeout) == (False, 3.0)
    assert ours.recv(10) == b"GET"
    ours.sendall(b"kept")
    assert theirs.recv(10) == b"kept"


def test_who_reads_keeps_its_deadlines_by_its_clock(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(b"x" * 999)
    with pytest.raises(RuntimeError, match="StopIteration"):  # its clock, asked when the last byte was waited for
        serve(ours, read, 1000, Deadlines(grace=60.0))


def test_deadlines_have_defaults() -> None:
    assert KnownEnd(lambda *_: [])._deadlines == Deadlines()
