"""A client that is still sending its file, on a real socket, as intake meets it behind the server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from gunicorn.http.body import Body as ServerBody
from gunicorn.http.body import LengthReader
from gunicorn.http.unreader import SocketUnreader

from app.errors import Refusal
from app.intake import Arriving, Deadlines, Limits, receive
from app.providers.wire import FilePart

HEAD = b'--B\r\nContent-Disposition: form-data; name="file"; filename="f.bin"\r\n\r\n'
TAIL = b"\r\n--B--\r\n"
LIMITS = Limits(file_bytes=1 << 40, body_bytes=1 << 40)
SECONDS = 10.0


@dataclass
class Client:
    """Sends what a test says; a part of it from a thread of its own, where it may be held up."""

    sock: socket.socket
    sent: int = 0
    failed: bool = False
    _thread: threading.Thread | None = None

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def pour(self, data: bytes, then: Callable[[], object] = lambda: None) -> None:
        """Send all of it in time, and do something then."""

        def run() -> None:
            view = memoryview(data)
            try:
                while view:
                    count = self.sock.send(view)
                    self.sent += count
                    view = view[count:]
                then()
            except OSError:
                self.failed = True

        self._thread = threading.Thread(target=run)
        self._thread.start()

    def finish(self) -> None:
        """Say that nothing more will be sent."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def end(self) -> None:
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        if self._thread:
            self._thread.join(SECONDS)
            assert not self._thread.is_alive()
        self.sock.close()


@contextmanager
def arriving(size: int, *, tail: bytes = TAIL, deadlines: Deadlines | None = None) -> Iterator[tuple[Arriving, Client]]:
    """A file of that size, of which nothing but its header was sent yet."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = Client(socket.create_connection(listener.getsockname(), timeout=SECONDS))
        ours, _ = listener.accept()
    try:
        client.send(HEAD)
        unreader = SocketUnreader(ours)
        length = len(HEAD) + size + len(tail)
        environ: dict[str, Any] = {
            "wsgi.input": ServerBody(LengthReader(unreader, length)),
            "gunicorn.socket": ours,
            "CONTENT_LENGTH": str(length),
            "CONTENT_TYPE": "multipart/form-data; boundary=B",
        }
        with receive(environ, LIMITS, deadlines or Deadlines()) as reception:
            streamed = reception.stream(files=["file"], fields=[], secrets=[])
            assert streamed.file
            yield streamed.file, client
    finally:
        client.end()
        ours.close()


@dataclass
class Watch:
    """Notes what it is fed, and refuses when it is told to."""

    refuse_at: int | None = None
    refuse_at_end: bool = False
    seen: bytearray = field(default_factory=bytearray)
    shown: bytearray = field(default_factory=bytearray)
    finished: bool = False
    threads: set[int] = field(default_factory=set)

    def feed(self, block: bytes) -> None:
        self.threads.add(threading.get_ident())
        self.seen += block
        if self.refuse_at is not None and len(self.seen) >= self.refuse_at:
            raise Refusal(at=len(self.seen))

    def scan(self, block: bytes) -> None:
        self.shown += block

    def finish(self) -> Mapping[str, Any]:
        assert not self.finished
        self.finished = True
        if self.refuse_at_end:
            raise Refusal(at="end")
        return {"bytes": len(self.seen)}


def part(source: Any, size: int) -> FilePart:
    return FilePart(name="file", filename="f.bin", content_type="application/octet-stream", size=size, source=source)


def fake(blocks: list[bytes], *, fails: Exception | None = None) -> Any:
    """What stands for an Arriving where no socket is needed."""

    def give() -> Iterator[bytes]:
        yield from blocks
        if fails:
            raise fails

    return SimpleNamespace(blocks=give, whole=False, body=None, followed=False)
