"""A provider that is waited for while its file's client is watched."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any, ClassVar

import pytest

from app.delivery import sockets
from app.delivery.deadlines import Deadlines, Exchange
from app.delivery.sockets import PlainSocket, carrying
from app.intake.errors import ClientGone

CONTENT = 8_000_000 * b"x"


class Left:
    """A client that has closed its end, with or without having sent all."""

    def __init__(self, *, forsaken: bool) -> None:
        self.connection, other = socket.socketpair()
        other.close()
        self.asked = 0
        self.seen = threading.Event()
        self._forsaken = forsaken

    def forsaken(self) -> bool:
        self.asked += 1
        self.seen.set()
        return self._forsaken


@pytest.fixture
def pair() -> Iterator[tuple[PlainSocket, socket.socket]]:
    ours, provider = socket.socketpair()
    with closing(PlainSocket(fileno=ours.detach())) as plain, closing(provider):
        yield plain, provider


def exchange(client: Any) -> Exchange:
    made = Exchange(deadlines=Deadlines(), until=float("inf"), client=client)
    made.connected = True
    return made


def test_a_client_that_has_left_its_file_behind_ends_the_sending(pair: tuple[PlainSocket, socket.socket]) -> None:
    client = Left(forsaken=True)
    with closing(client.connection), carrying(exchange(client)), pytest.raises(ClientGone):
        pair[0].sendall(CONTENT)
    assert client.asked == 1


def test_one_that_has_sent_all_is_watched_no_more(pair: tuple[PlainSocket, socket.socket]) -> None:
    """The provider reads only when the client's leaving was seen; watched on, it would never let us wait again."""
    ours, provider = pair
    client = Left(forsaken=False)
    made, got = exchange(client), bytearray()

    def read() -> None:
        assert client.seen.wait(5)
        while len(got) < len(CONTENT):
            got.extend(provider.recv(1 << 16))

    reading = threading.Thread(target=read)
    reading.start()
    with closing(client.connection), carrying(made):
        ours.sendall(CONTENT)
    reading.join(10)
    assert got == CONTENT
    assert client.asked == 1
    assert made.client is None


def test_a_client_without_a_socket_of_ours_is_not_watched(pair: tuple[PlainSocket, socket.socket]) -> None:
    client = Left(forsaken=True)
    connection, client.connection = client.connection, None  # type: ignore[assignment]
    leaving = threading.Timer(0.01, pair[1].close)
    leaving.start()
    with closing(connection), carrying(exchange(client)), pytest.raises(BrokenPipeError):
        pair[0].sendall(CONTENT)
    leaving.join()
    assert client.asked == 0


def test_a_record_of_tls_can_want_something_first(
    pair: tuple[PlainSocket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[int] = []
    monkeypatch.setattr(sockets, "_wait", lambda _sock, event, _exchange: events.append(event))

    class Wanting(PlainSocket):
        wants: ClassVar[list[type[ssl.SSLError]]] = [ssl.SSLWantReadError, ssl.SSLWantWriteError]

        def send(self, data: Any, flags: int = 0, /) -> int:
            if self.wants:
                raise self.wants.pop(0)
            return super().send(data, flags)

    with closing(Wanting(fileno=pair[0].detach())) as wanting, carrying(exchange(None)):
        wanting.sendall(b"abc")
    assert pair[1].recv(9) == b"abc"
    assert events == [select.POLLIN, select.POLLOUT]
