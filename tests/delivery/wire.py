"""A provider that a test plays by hand, on a real socket: one thread, one script for each connection."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

#: Longest that a script waits for anything.
SECONDS = 10.0


@dataclass
class Line:
    """One connection, as the provider sees it."""

    sock: socket.socket
    received: bytearray = field(default_factory=bytearray)

    def until(self, end: bytes) -> bytes:
        """Read up to and including `end`; raises EOFError where the client leaves before."""
        while end not in self.received:
            self._more()
        at = self.received.index(end) + len(end)
        taken = bytes(self.received[:at])
        del self.received[:at]
        return taken

    def request(self) -> tuple[bytes, bytes]:
        """Read a whole request with a Content-Length, or none: head and body."""
        head = self.until(b"\r\n\r\n")
        length = next((int(one.split(b":")[1]) for one in head.lower().split(b"\r\n") if b"content-length" in one), 0)
        while len(self.received) < length:
            self._more()
        body = bytes(self.received[:length])
        del self.received[:length]
        return head, body

    def answer(self, body: bytes = b"{}", status: str = "200 OK", *headers: str) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        self.sock.sendall("\r\n".join(lines).encode() + body)

    def gone(self) -> None:
        """Return once the client has left."""
        with suppress(OSError, EOFError):
            while True:
                self._more()

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def _more(self) -> None:
        block = self.sock.recv(65536)
        if not block:
            raise EOFError
        self.received += block


@dataclass
class Played:
    """What happened at the other end."""

    url: str
    lines: list[Line] = field(default_factory=list)
    faults: list[BaseException] = field(default_factory=list)


@contextmanager
def playing(*scripts: Callable[[Line], None], context: ssl.SSLContext | None = None, port: int = 0) -> Iterator[Played]:
    """Accept as many connections as there are scripts, one after the other, and play each; faults are raised here."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.settimeout(SECONDS)
        played = Played(url=f"{'https' if context else 'http'}://127.0.0.1:{listener.getsockname()[1]}")
        thread = threading.Thread(target=_play, args=(listener, scripts, context, played))
        thread.start()
        try:
            yield played
        except BaseException:
            _end(listener, played)
            raise
        finally:
            thread.join(SECONDS)
            for line in played.lines:
                line.sock.close()
    assert not thread.is_alive()
    for fault in played.faults:
        raise fault


def _play(
    listener: socket.socket,
    scripts: tuple[Callable[[Line], None], ...],
    context: ssl.SSLContext | None,
    played: Played,
) -> None:
    for script in scripts:
        try:
            sock, _ = listener.accept()
            sock.settimeout(SECONDS)
            line = Line(context.wrap_socket(sock, server_side=True) if context else sock)
            played.lines.append(line)
            script(line)
        except BaseException as fault:  # noqa: BLE001 - the test's own thread raises it
            played.faults.append(fault)
            _end(listener, played)
            return


def _end(listener: socket.socket, played: Played) -> None:
    """Let nobody wait for an answer, or for a client, that will not come."""
    for sock in (listener, *(line.sock for line in played.lines)):
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
