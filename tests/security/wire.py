"""A client that sends what it likes and counts what it is answered."""

from __future__ import annotations

import re
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

#: Longer than anything here is waited for by the server.
PATIENCE: Final = 30.0
GONE: Final = (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError)
STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3}) ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """All that came back until the server closed, or for as long as it was listened to."""

    content: bytes
    closed: bool

    @property
    def statuses(self) -> list[int]:
        """Of each answer; none of the bodies here has such a line in it."""
        return [int(one) for one in STATUS.findall(self.content)]


def say(url: str, sent: bytes, *, seconds: float = PATIENCE, trust: ssl.SSLContext | None = None) -> Heard:
    """Send this over one connection and listen until it is closed; `trust`: by TLS."""
    place = urlsplit(url)
    with socket.create_connection((place.hostname or "", place.port or 80), timeout=seconds) as plain:
        sock = trust.wrap_socket(plain, server_hostname=place.hostname) if trust else plain
        with sock:
            return _heard(sock, sent)


def _heard(sock: socket.socket, sent: bytes) -> Heard:
    heard = bytearray()
    with suppress(*GONE):  # it may have been told enough
        sock.sendall(sent)
    try:
        while block := sock.recv(65536):
            heard += block
    except GONE:
        pass
    except TimeoutError:
        return Heard(content=bytes(heard), closed=False)
    return Heard(content=bytes(heard), closed=True)
