"""How long a client is waited for."""

from __future__ import annotations

import math
import select
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from socket import socket

from app.config import Settings
from app.intake.errors import TooSlow

#: Seconds of a clock that never goes back.
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Every wait for a client, in seconds, bytes, and bytes a second."""

    idle: float = 20.0
    minimum_rate: int = 240
    grace: float = 5.0
    drain_bytes: int = 32 << 20
    drain_seconds: float = 5.0

    @classmethod
    def from_settings(cls, settings: Settings) -> Deadlines:
        return cls(
            idle=settings.idle_seconds,
            minimum_rate=settings.minimum_rate,
            grace=settings.rate_grace_seconds,
            drain_bytes=settings.drain_bytes,
            drain_seconds=settings.drain_seconds,
        )


class Pace:
    """A client's time account: it opens with the grace, each second of waiting for the client is taken off, each byte
    pays in 1 / minimum rate, and nobody saves up more than `idle` (or the grace, where that is longer): bytes sent fast
    do not pay for an hour of dribbling. Time that we spend on something else, a slow provider, costs nothing.
    """

    def __init__(self, deadlines: Deadlines, clock: Clock = time.monotonic) -> None:
        self._idle = deadlines.idle
        self._rate = deadlines.minimum_rate
        self._most = max(deadlines.idle, deadlines.grace)
        self._clock = clock
        self._left = deadlines.grace

    @contextmanager
    def waiting(self) -> Iterator[float]:
        """Wait for the client in this block, for at most as many seconds as it is given; raises TooSlow at none."""
        if self._left <= 0:
            raise TooSlow
        began = self._clock()
        yield min(self._idle, self._left)
        self._left -= self._clock() - began

    def arrived(self, count: int) -> None:
        """`count` bytes came."""
        self._left = min(self._left + count / self._rate, self._most)


class PacedSocket:
    """What the server's own reader is given for a socket, so that its waits end too.

    No buffer is held while it waits, so a slow client costs no more than a silent one.
    """

    def __init__(self, sock: socket, pace: Pace) -> None:
        self._sock = sock
        self._pace = pace

    def recv(self, size: int) -> bytes:
        """Up to `size` bytes; raises TooSlow, and OSError like any socket."""
        self._sock.settimeout(0)
        while (block := self._there(size)) is None:
            self._wait()
        self._pace.arrived(len(block))
        return block

    def _there(self, size: int) -> bytes | None:
        """What has come already; None where nothing has, or not yet a whole record of TLS."""
        try:
            return self._sock.recv(size)
        except (BlockingIOError, ssl.SSLWantReadError):
            return None

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        with self._pace.waiting() as seconds:
            ready = poll.poll(math.ceil(seconds * 1000))
        if not ready:
            raise TooSlow
