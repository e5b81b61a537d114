"""How long a client is waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
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
    """A client's time account: it opens with the grace, each byte pays in 1 / minimum rate, and nobody saves up more
    than `idle` (or the grace, where that is longer): bytes sent fast do not pay for an hour of dribbling.
    """

    def __init__(self, deadlines: Deadlines, clock: Clock = time.monotonic) -> None:
        self._idle = deadlines.idle
        self._rate = deadlines.minimum_rate
        self._most = max(deadlines.idle, deadlines.grace)
        self._clock = clock
        self._until = clock() + deadlines.grace

    def patience(self) -> float:
        """Seconds that the next bytes may take from now on; raises TooSlow where there are none left."""
        left = min(self._idle, self._until - self._clock())
        if left <= 0:
            raise TooSlow
        return left

    def arrived(self, count: int) -> None:
        """`count` bytes came."""
        self._until = min(self._until + count / self._rate, self._clock() + self._most)


class PacedSocket:
    """What the server's own reader is given for a socket, so that its waits end too."""

    def __init__(self, sock: socket, pace: Pace) -> None:
        self._sock = sock
        self._pace = pace

    def recv(self, size: int) -> bytes:
        """Up to `size` bytes; raises TooSlow, and OSError like any socket."""
        self._sock.settimeout(self._pace.patience())
        try:
            block = self._sock.recv(size)
        except TimeoutError:
            block = None
        if block is None:
            raise TooSlow
        self._pace.arrived(len(block))
        return block
