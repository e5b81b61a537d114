"""Between the server and the simulated providers: reads each body itself, keeps the ledger, carries out faults."""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import time
from io import BytesIO
from typing import TYPE_CHECKING, Any

from app.sandbox.body import Incoming, Received
from app.sandbox.faults import LONGEST_SECONDS, Action, Fault
from app.sandbox.ledger import Entry, Ledger

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from flask import Response

    from app.sandbox.faults import Faults
    from app.sandbox.provider import Provider


class Silence(ConnectionResetError):  # noqa: N818
    """Raised through the server, which takes it for a client that left: it writes nothing more and closes."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "the sandbox says nothing more")


class Wire:
    """The WSGI middleware that every request to a provider passes; all others go straight on."""

    def __init__(
        self,
        wsgi_app: WSGIApplication,
        *,
        ledger: Ledger,
        faults: Faults,
        providers: Mapping[str, Provider],
        folder: Path,
    ) -> None:
        self._app = wsgi_app
        self._ledger = ledger
        self._faults = faults
        self._providers = providers
        self._folder = folder

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        provider = self._providers.get(environ["PATH_INFO"].split("/")[1])
        if provider is None:
            return self._app(environ, start_response)
        entry = _entry(provider.slug, environ)
        self._ledger.add(entry)
        fault = self._faults.take(provider.slug, entry.method, entry.path)
        incoming = Incoming(environ)
        received = Received(entry, environ.get("CONTENT_TYPE", ""), self._folder)
        try:
            if fault and not fault.action.stores:
                received.fill(incoming, fault.point)
                if answer := _before(fault, provider, incoming, environ.get("gunicorn.socket")):
                    entry.status = answer.status_code
                    return answer(environ, start_response)
            received.fill(incoming)
            environ["sandbox.received"] = received
            environ["wsgi.input"] = BytesIO(b"" if received.multipart else received.plain.content() or b"")
            environ["CONTENT_LENGTH"] = str(entry.bytes)
            environ.pop("HTTP_TRANSFER_ENCODING", None)
            return self._answer(environ, start_response, entry, fault)
        finally:
            received.close()

    def _answer(
        self, environ: WSGIEnvironment, start_response: StartResponse, entry: Entry, fault: Fault | None
    ) -> Iterable[bytes]:
        """Let the provider do its work, note its status, and lose what a fault says is lost of the answer."""
        opening: list[tuple[str, list[tuple[str, str]]]] = []

        def note(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            entry.status = int(status.split(maxsplit=1)[0])
            opening.append((status, headers))
            return start_response(status, headers, exc_info) if fault is None or not fault.action.stores else None

        answer = self._app(environ, note)
        if fault is None or not fault.action.stores:
            return answer
        body = b"".join(answer)
        time.sleep(fault.seconds or 0)
        if fault.action is Action.DROP_ANSWER:
            raise Silence
        start_response(*opening[-1])
        kept = len(body) // 2 if fault.after_bytes is None else fault.after_bytes
        return _broken_off(body[: min(kept, len(body) - 1)])


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


def _before(fault: Fault, provider: Provider, incoming: Incoming, connection: socket.socket | None) -> Response | None:
    """Carry out a fault that acts before anything is stored; None: go on as if nothing had been."""
    if fault.action is Action.STALL and fault.seconds is None:
        incoming.abandon()
        _until_gone(connection)
        raise Silence
    time.sleep(fault.seconds or 0)
    if fault.action is Action.RESET:
        incoming.abandon()
        _reset(connection)
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


def _broken_off(beginning: bytes) -> Iterator[bytes]:
    yield beginning
    raise Silence


def _until_gone(connection: socket.socket | None) -> None:
    if connection is None:
        return
    poll = select.poll()
    # Only its leaving counts, not its bytes: those stay unread.
    poll.register(connection, getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR)
    poll.poll(LONGEST_SECONDS * 1000)


def _reset(connection: socket.socket | None) -> None:
    """Send a reset now, behind the server's back.

    Its descriptor is exchanged for a dead one, which closes the real one and lets the server go on: had it closed the
    connection itself, the client would have seen an orderly end first.
    """
    if connection is None:
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        os.dup2(ours.fileno(), connection.fileno())
