"""How a request's connection ends: in a state that both sides know, whatever the view did with the body."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from socket import SHUT_RD, SHUT_WR, socket
from typing import TYPE_CHECKING, Any

from werkzeug.wsgi import ClosingIterator

from app.intake.body import LARGEST_BLOCK, Body
from app.intake.pace import Clock, Deadlines

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class KnownEnd:
    """WSGI middleware: a body is read to its end, or its connection is closed with the answer.

    A connection that is kept has nothing of this request left on it. One that is closed says so (`Connection: close`),
    and a client that is still sending is listened to for a while after the answer: closed at once, its kernel would
    throw the answer away together with the connection.
    """

    def __init__(
        self, wsgi_app: WSGIApplication, deadlines: Deadlines | None = None, *, clock: Clock = time.monotonic
    ) -> None:
        self._wsgi_app = wsgi_app
        self._deadlines = deadlines or Deadlines()
        self._clock = clock

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = Body.of(environ, self._deadlines, self._clock)
        closing = False

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Callable[[bytes], object]:
            nonlocal closing
            if not body.ended:
                closing = True
                _announce_close(start_response)
            if body.connection is not None:
                body.connection.settimeout(self._deadlines.idle)  # a client has to take its answer, too
            return start_response(status, headers, *exc_info)

        def end() -> None:
            if closing and body.connection is not None:
                linger(
                    body.connection,
                    most=self._deadlines.drain_bytes,
                    seconds=self._deadlines.drain_seconds,
                    clock=self._clock,
                )

        return ClosingIterator(self._wsgi_app(environ, start), end)


def _announce_close(start_response: StartResponse) -> None:
    """Have gunicorn close after this answer and say so; it ignores a `Connection` header among the answer's own."""
    force_close = getattr(getattr(start_response, "__self__", None), "force_close", None)
    if force_close is not None:
        force_close()


def linger(sock: socket, *, most: int, seconds: float, clock: Clock = time.monotonic) -> None:
    """Say that no more will be said, and read what the client still sends: `most` bytes, `seconds`, or its own end.

    At the end the reading side is shut as well: what the server does to close gracefully then waits for nobody.
    """
    until = clock() + seconds
    with suppress(OSError):
        sock.shutdown(SHUT_WR)
        with suppress(TimeoutError):
            while most > 0 and (wait := until - clock()) > 0:
                sock.settimeout(wait)
                block = sock.recv(min(most, LARGEST_BLOCK))
                if not block:
                    break
                most -= len(block)
        sock.shutdown(SHUT_RD)
