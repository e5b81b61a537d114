"""A client that sends what it likes and counts what it is answered."""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

#: Longer than anything here is waited for by the server.
PATIENCE: Final = 30.0
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


def say(url: str, *pieces: bytes, seconds: float = PATIENCE, finish: bool = False) -> Heard:
    """Send these over one connection and listen until it is closed; `finish`: say that nothing more will come."""
    place = urlsplit(url)
    heard = bytearray()
    with socket.create_connection((place.hostname or "", place.port or 80), timeout=seconds) as sock:
        with suppress(BrokenPipeError, ConnectionResetError):  # it may have been told enough
            for piece in pieces:
                sock.sendall(piece)
            if finish:
                sock.shutdown(socket.SHUT_WR)
        try:
            while block := sock.recv(65536):
                heard += block
        except ConnectionResetError:
            pass
        except TimeoutError:
            return Heard(content=bytes(heard), closed=False)
    return Heard(content=bytes(heard), closed=True)
