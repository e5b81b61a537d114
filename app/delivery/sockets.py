"""Connections that obey: they go where egress lets them, keep an exchange's deadlines, and are not reused when stale.

requests and urllib3 hand nothing of ours down to the socket, so the exchange in hand is a variable of its thread: a
request is made in one thread, from its first byte to its answer's last.
"""

from __future__ import annotations

import math
import select
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, Final

import certifi
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import BaseHTTPResponse

from app.delivery.deadlines import Exchange
from app.delivery.egress import Egress
from app.intake.errors import ClientGone

#: A connection that was silent for longer is not used again: servers close theirs from 2 s on, and a request that meets
#: the close half way could not be told from one that arrived.
FRESH_SECONDS: Final = 1.0

#: A client's end of the connection is closed; a reset is told in any case.
CLOSED: Final[int] = getattr(select, "POLLRDHUP", 0)

_exchange: ContextVar[Exchange] = ContextVar("exchange")


@contextmanager
def carrying(exchange: Exchange) -> Iterator[None]:
    """Let every socket used in this block belong to `exchange`."""
    token = _exchange.set(exchange)
    try:
        yield
    finally:
        _exchange.reset(token)


class _Patient(socket.socket):
    """Waits for as long as the exchange in hand may still take, each time anew."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """Raises ClientGone where whoever wants the answer has left."""
        exchange = _exchange.get()
        if exchange.asker is not None:
            _wait_for_asker(self, exchange, exchange.asker)
        with exchange.waiting() as seconds:
            self.settimeout(seconds)
            return super().recv_into(*args, **kwargs)

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Only when this returns, all of it was taken by the network.

        Raises ClientGone where its sender has left, and what `Exchange.go_on` raises.
        """
        exchange = _exchange.get()
        exchange.go_on()
        view = memoryview(data).cast("B")
        self.settimeout(0)
        while view:
            try:
                count = self.send(view, flags)
                exchange.took(count)
                view = view[count:]
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError) as exc:
                event = select.POLLIN if isinstance(exc, ssl.SSLWantReadError) else select.POLLOUT
                _wait(self, event, exchange)


def _wait(sock: socket.socket, event: int, exchange: Exchange) -> None:
    """Wait for the provider, and watch the client meanwhile: one that leaves would else go unnoticed for as long."""
    poll = select.poll()
    poll.register(sock, event)
    client = exchange.client
    if client is not None and client.connection is not None:
        poll.register(client.connection, CLOSED)
    with exchange.waiting() as seconds:
        ready = poll.poll(math.ceil(seconds * 1000))
        if not ready:
            raise TimeoutError
    if client is not None and any(fd != sock.fileno() for fd, _ in ready):
        if client.forsaken():
            raise ClientGone
        exchange.client = None  # it has sent all, and is free to go


def _wait_for_asker(sock: socket.socket, exchange: Exchange, asker: socket.socket) -> None:
    """Wait for the provider's next bytes, and for its client to stay: nobody else wants them."""
    if isinstance(sock, ssl.SSLSocket) and sock.pending():
        return
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    poll.register(asker, CLOSED)
    with exchange.waiting() as seconds:
        ready = poll.poll(math.ceil(seconds * 1000))
        if not ready:
            raise TimeoutError
    if any(fd == asker.fileno() for fd, _ in ready):
        raise ClientGone


class PlainSocket(_Patient):
    """Without TLS: for the sandbox."""


class TlsSocket(_Patient, ssl.SSLSocket):
    """With it."""


class _Obedient(HTTPConnection):
    """What both kinds of connection have in common. `egress` is given by a subclass (`connections`)."""

    egress: Egress
    scheme: str
    _heard: float = 0.0

    def _new_conn(self) -> socket.socket:
        exchange = _exchange.get()
        with exchange.waiting() as seconds:
            found = self.egress.addresses(self.scheme, self._dns_host, self.port, seconds)
        failure: OSError = OSError("no address")
        for address in found:
            sock = PlainSocket(address.family, socket.SOCK_STREAM)
            try:
                with exchange.waiting() as seconds:
                    sock.settimeout(seconds)
                    sock.connect(address.sockaddr)
                    sock.settimeout(exchange.patience())  # what is left of it, for TLS
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as exc:
                sock.close()
                failure = exc
            else:
                return sock
        raise failure

    def connect(self) -> None:
        super().connect()
        _exchange.get().connected = True

    @property
    def is_connected(self) -> bool:
        return time.monotonic() - self._heard < FRESH_SECONDS and super().is_connected

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        exchange = _exchange.get()
        exchange.connected = not self.is_closed
        super().request(method, exchange.target or url, *args, **kwargs)
        exchange.sent = True

    def getresponse(self) -> BaseHTTPResponse:  # type: ignore[override] # as urllib3 itself declares its own
        exchange = _exchange.get()
        exchange.answering()
        response = super().getresponse()
        self._heard = time.monotonic()
        return response


class _Plain(_Obedient):
    scheme = "http"


class _Tls(_Obedient, HTTPSConnection):
    scheme = "https"


def connections(egress: Egress) -> tuple[type[HTTPConnection], type[HTTPSConnection]]:
    """The two kinds of connection, for http and https, that ask this egress."""
    return type("Plain", (_Plain,), {"egress": egress}), type("Tls", (_Tls,), {"egress": egress})


@cache
def tls_context(authorities: str | None = None) -> ssl.SSLContext:
    """Trust in the usual authorities (or those of a file), read once a process, for sockets that wait as ours do."""
    context = ssl.create_default_context(cafile=authorities or certifi.where())
    context.sslsocket_class = TlsSocket
    return context
