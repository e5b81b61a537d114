"""Between the server and the simulated providers: reads each body itself, keeps the ledger, carries out faults.

A request to the store belongs to the provider that its path begins with, and is treated like any other of it.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import time
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any

from werkzeug.test import run_wsgi_app

from app.sandbox.body import BLOCK_BYTES, Gone, Incoming, Received
from app.sandbox.faults import LONGEST_SECONDS, Action, Fault
from app.sandbox.ledger import Entry, Ledger

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from flask import Response

    from app.sandbox.faults import Faults
    from app.sandbox.provider import Provider
    from app.sandbox.store import Store

#: How long a client that is still sending has to notice its answer.
LINGER_SECONDS = 1.0
#: A body that is refused by its head is read all the same while it is this small, and its connection goes on.
DRAINED_BYTES = 64 << 10


class Silence(Gone):
    """Raised through the server, which takes it for a client that left: it writes nothing more and closes."""


class Wire:
    """The WSGI middleware that every request to a provider passes; all others go straight on."""

    def __init__(
        self,
        wsgi_app: WSGIApplication,
        *,
        ledger: Ledger,
        faults: Faults,
        providers: Mapping[str, Provider],
        store: Store,
        folder: Path,
    ) -> None:
        self._app = wsgi_app
        self._ledger = ledger
        self._faults = faults
        self._providers = providers
        self._store = store
        self._folder = folder

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        provider = self._providers.get(f"{environ['PATH_INFO']}/".split("/")[1])
        store = self._store if self._store.serves(environ) else None
        if provider is None:
            return (store.failure(403) if store else self._app)(environ, start_response)
        entry = _entry(provider.slug, environ)
        self._ledger.add(entry)
        fault = self._faults.take(provider.slug, entry.method, entry.path)
        connection: socket.socket | None = environ.get("gunicorn.socket")
        incoming = Incoming(environ)
        # The store takes what comes as it is.
        kind = "" if store else environ.get("CONTENT_TYPE", "")
        received = Received(entry, kind, self._folder, also=store.digest(environ) if store else None)
        try:
            answer: Response | None = None
            if fault and not fault.action.stores:
                received.fill(incoming, fault.point)
                answer = _before(fault, store or provider, incoming, connection)
            if answer is None and store and (answer := store.judge(environ)):
                _drain(received, incoming, environ)
            if answer:
                entry.status = answer.status_code
                if not entry.complete:
                    return _early(answer(environ, start_response), start_response, connection)
                return answer(environ, start_response)
            received.fill(incoming)
            environ["sandbox.received"] = received
            environ["wsgi.input"] = BytesIO(b"" if received.multipart else received.plain.content() or b"")
            environ["CONTENT_LENGTH"] = str(entry.bytes)
            environ.pop("HTTP_TRANSFER_ENCODING", None)
            app = store or self._app
            if fault is None or not fault.action.stores:
                return app(environ, _noting(entry, start_response))
            return _lose(app, fault, environ, start_response, entry)
        finally:
            received.close()


def _drain(received: Received, incoming: Incoming, environ: WSGIEnvironment) -> None:
    """Read the body of a request that is refused already, if it is small; else read no further."""
    if not environ.get("HTTP_TRANSFER_ENCODING") and int(environ.get("CONTENT_LENGTH") or 0) <= DRAINED_BYTES:
        received.fill(incoming)
    else:
        incoming.abandon()


def _lose(
    app: WSGIApplication, fault: Fault, environ: WSGIEnvironment, start_response: StartResponse, entry: Entry
) -> Iterable[bytes]:
    """Let the provider do its work, then lose what the fault says is lost of its answer."""
    iterable, status, headers = run_wsgi_app(app, environ, buffered=True)
    entry.status = int(status.split()[0])
    body = b"".join(iterable)
    connection = environ.get("gunicorn.socket")
    time.sleep(fault.seconds or 0)
    if fault.action is Action.DROP_ANSWER:
        _end(connection)
        raise Silence
    start_response(status, headers.to_wsgi_list())
    kept = len(body) // 2 if fault.after_bytes is None else fault.after_bytes
    return _broken_off(body[: min(kept, len(body) - 1)], connection)


def _noting(entry: Entry, start_response: StartResponse) -> StartResponse:
    def note(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        entry.status = int(status.split(maxsplit=1)[0])
        return start_response(status, headers, exc_info)

    return note


def _entry(slug: str, environ: WSGIEnvironment) -> Entry:
    path, _, query = str(environ.get("RAW_URI") or environ["PATH_INFO"]).partition("?")
    headers = {key[5:].replace("_", "-").title(): value for key, value in environ.items() if key.startswith("HTTP_")}
    for key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(key):
            headers[key.replace("_", "-").title()] = environ[key]
    now = time.time()
    return Entry(
        provider=slug,
        method=environ["REQUEST_METHOD"],
        path=path,
        query=query,
        authorization=headers.get("Authorization"),
        headers=headers,
        first_byte_at=now,
        last_byte_at=now,
    )


def _before(
    fault: Fault, provider: Provider | Store, incoming: Incoming, connection: socket.socket | None
) -> Response | None:
    """Carry out a fault that acts before anything is stored; None: go on as if nothing had been."""
    if fault.action is Action.STALL and fault.seconds is None:
        incoming.abandon()
        _until_gone(connection)
        _end(connection)
        raise Silence
    time.sleep(fault.seconds or 0)
    if fault.action is Action.RESET:
        incoming.abandon()
        _end(connection, reset=True)
        raise Silence
    if fault.action is not Action.STATUS:
        return None
    if not incoming.ended:
        incoming.abandon()
    answer = provider.failure(fault.status or 500)
    if fault.body is not None:
        body, answer.content_type = fault.answer()
        answer.set_data(body)
    answer.headers.update(fault.headers)
    return answer


def _broken_off(beginning: bytes, connection: socket.socket | None) -> Iterator[bytes]:
    yield beginning
    _end(connection)
    raise Silence


def _early(answer: Iterable[bytes], start_response: StartResponse, connection: socket.socket | None) -> Iterator[bytes]:
    """Answer a client that is still sending, and give it a moment to notice before the connection ends."""
    response: Any = getattr(start_response, "__self__", None)  # the server's own, which writes the headers
    if response is not None:
        response.force_close()
    yield from answer
    if connection is not None:
        connection.settimeout(LINGER_SECONDS)
        with suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
            until = time.monotonic() + LINGER_SECONDS
            while connection.recv(BLOCK_BYTES) and time.monotonic() < until:
                pass
    _end(connection)


def _until_gone(connection: socket.socket | None) -> None:
    if connection is None:
        return
    poll = select.poll()
    # Only its leaving counts, not its bytes: those stay unread.
    poll.register(connection, getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR)
    poll.poll(LONGEST_SECONDS * 1000)


def _end(connection: socket.socket | None, *, reset: bool = False) -> None:
    """Close the connection now, in order or with a reset, behind the server's back.

    Its descriptor is exchanged for a dead one, and the server goes on with that: left to itself it would never reset,
    and would hold up every other connection while it waits for this one's client to close too.
    """
    if connection is None:
        return
    if reset:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        os.dup2(ours.fileno(), connection.fileno())
