"""Whoever is told: a real server on a socket, which answers as a test says and remembers what came."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: What a handler does once a request has come whole.
Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True, kw_only=True)
class Came:
    """A request, as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def said(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.body)
        return said

    @property
    def type(self) -> str:
        return str(self.said["type"])


@dataclass(kw_only=True)
class Receiver:
    """What it answers, in order, and 204 when nothing more was said; what came."""

    url: str
    answers: deque[Answer] = field(default_factory=deque)
    came: list[Came] = field(default_factory=list)

    @property
    def types(self) -> list[str]:
        return [one.type for one in self.came]


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    """Answer with that."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """Take all of it, and leave without a word."""
    handler.close_connection = True


def silent(until: threading.Event) -> Answer:
    """Say nothing for as long as that."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        until.wait(30)
        handler.close_connection = True

    return answer


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Listen on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.came.append(Came(path=self.path, headers=headers, body=body))
            (receiver.answers.popleft() if receiver.answers else status(204))(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(url=f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
