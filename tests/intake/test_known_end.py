from __future__ import annotations

import io
import socket
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

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


def test_no_more_is_read_than_allowed(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(b"x" * 1000)
    linger(ours, most=900, seconds=5)
    assert len(ours.recv(1000)) == 100


def test_no_longer_than_allowed(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, _ = pair
    linger(ours, most=900, seconds=0.01)
    assert ours.recv(1) == b""  # reading is shut: whoever closes it after us waits for nobody


def test_a_client_that_dribbles_does_not_stretch_it(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(b"x" * 1000)
    times = iter([0.0, 1.0, 5.0])
    linger(ours, most=1 << 20, seconds=5, clock=lambda: next(times))
    assert next(times, None) is None


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


def test_deadlines_have_defaults() -> None:
    assert KnownEnd(lambda *_: [])._deadlines == Deadlines()
