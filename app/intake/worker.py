"""gunicorn's threaded worker, with an end to the waits that it leaves open before and after the application."""

from __future__ import annotations

import errno
import time
from contextlib import suppress
from http import HTTPStatus
from socket import socket
from typing import Any

from gunicorn import util
from gunicorn.http import errors, get_parser
from gunicorn.workers.gthread import ThreadWorker

from app.intake.errors import TooSlow
from app.intake.known_end import linger
from app.intake.pace import Deadlines, Pace, PacedSocket
from app.seeing import ids
from app.seeing.leaving import LEAVING

#: For a request's head, and for the client's own close after an answer that was the last.
HEAD = Deadlines(idle=10.0, minimum_rate=500, grace=10.0, drain_bytes=1 << 16, drain_seconds=2.0)

_STATUS = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
}

#: Errors of gunicorn's that say something about the application's answer, not about the request.
_OURS = (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName, errors.ConfigurationProblem)


class Worker(ThreadWorker):  # type: ignore[misc]
    """Five things on top of `gthread`, three of which one client could otherwise use against all others.

    The head of a request has a deadline: gunicorn waits for it for ever, in a thread of its pool. A connection's last
    wait, for the client to close, is done in that thread: gunicorn does it in the loop that accepts. And nothing that a
    client wrote is logged: a request line can hold a link's token, a header a key. And who is told to end says so first
    for `leaving_seconds` (`/readyz`), while it still takes what comes: gunicorn would be deaf before anybody noticed.
    Then it listens no more: gunicorn would let who comes wait until the last hand-in has ended, and then cut them off.
    """

    alive: bool
    leaving_seconds = 0.0
    _leaves_at = 0.0

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Be told to end. Whoever is told twice is told once: by the server, and by what tells all processes."""
        if LEAVING.is_set():
            return
        LEAVING.set()
        self.max_keepalived = 0  # each answer is its connection's last, and says so: a proxy makes the next elsewhere
        self._leaves_at = time.monotonic() + self.leaving_seconds
        if not self.leaving_seconds:
            super().handle_exit(sig, frame)

    def notify(self) -> None:
        """Tell the server that this process is alive, which its loop does each second; and end once it is time."""
        super().notify()
        if self.alive and LEAVING.is_set() and time.monotonic() >= self._leaves_at:
            self.alive = False

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - gunicorn's signature
        """Take connections, or none for a while; at the end those that have come, and whoever comes next is refused."""
        super().set_accept_enabled(enabled)
        if self.alive:
            return
        for listener in self.sockets:
            had = -1
            while had < self.nr_conns:
                had = self.nr_conns
                self.accept(listener)
            listener.close()

    def handle(self, conn: Any) -> Any:
        """Serve one request, in a thread of the pool; what is false closes the connection."""
        ids.end()  # until it has one of its own, no line is the former request's
        if not self.cfg.is_ssl:
            conn.parser = conn.parser or get_parser(self.cfg, conn.sock, conn.client)
            conn.parser.unreader.sock = _HeadSocket(conn.sock, Pace(HEAD))
        kept = super().handle(conn)
        if not kept:
            linger(conn.sock, most=HEAD.drain_bytes, seconds=HEAD.drain_seconds)
        return kept

    def handle_error(self, req: object, client: socket, addr: object, exc: Exception) -> None:  # noqa: ARG002
        """Answer what never became a request, or what broke out of the application."""
        if isinstance(exc, errors.ParseException) and not isinstance(exc, _OURS):
            status = _STATUS.get(type(exc), HTTPStatus.BAD_REQUEST)
            self.log.info("Refused a request: %s", type(exc).__name__)
        else:
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            self.log.error("A request broke", exc_info=exc)
        with suppress(OSError):  # the client may not have waited
            util.write_nonblock(client, _answer(status))


def _answer(status: HTTPStatus) -> bytes:
    """What is said without the application; gunicorn's own page has no headers that keep it from being kept."""
    text = f"{status.value} {status.phrase}\n"
    lines = (
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Connection: close",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(text)}",
        "X-Content-Type-Options: nosniff",
        "Cache-Control: no-store",
        "",
        text,
    )
    return "\r\n".join(lines).encode()


class _HeadSocket(PacedSocket):
    """Gives up on a slow head in the one way that gunicorn takes for a client's leaving."""

    def recv(self, size: int) -> bytes:
        try:
            return super().recv(size)
        except TooSlow:
            raise ConnectionResetError(errno.ECONNRESET, "the head of the request took too long") from None
