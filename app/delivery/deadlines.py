"""How long one delivery may take, and each of its requests, whatever the provider does with its time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from app.config import Settings
from app.delivery.errors import HeldUp, TookTooLong
from app.intake.body import Body

#: Seconds of a clock that never goes back.
Clock = Callable[[], float]

#: `settimeout` takes a nought for 'do not wait'.
LEAST: Final = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Every wait for a provider, in seconds."""

    #: To resolve, connect and agree on TLS.
    connect: float = 5.0
    #: From the last byte of the request to the last byte of the answer; also how long a provider may take no byte.
    answer: float = 30.0
    #: All requests of one delivery together.
    total: float = 60.0

    @classmethod
    def from_settings(cls, settings: Settings) -> Deadlines:
        return cls(connect=settings.connect_seconds, answer=settings.answer_seconds, total=settings.total_seconds)


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One request and its answer, as far as they got: what its sockets ask before they wait.

    A socket's own timeout begins anew with each byte; this one does not, so a provider that trickles ends too.
    """

    deadlines: Deadlines
    #: When the whole delivery has to be over.
    until: float
    clock: Clock = time.monotonic
    #: There was a connection.
    connected: bool = False
    #: All of the request was handed to the network: from here on it may have arrived.
    sent: bool = False
    #: A wait ended because its time was up.
    late: bool = False
    #: A file is sent while it arrives. Its time in all ends with its last byte: the answer to that has its own.
    streams: bool = False
    #: Whose file that is: watched while the provider is waited for. None once it has sent all.
    client: Body | None = None
    #: The request's target, byte for byte; without it, as the library writes it.
    target: str | None = None
    #: When the answer has to be whole; None while the request is being sent.
    _answered: float | None = field(default=None, init=False)
    _began: float = field(default=0.0, init=False)
    #: Seconds for which the provider was waited for.
    _waited: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._began = self.clock()

    def answering(self) -> None:
        """Nothing more is sent: the answer's time begins."""
        self._answered = self.clock() + self.deadlines.answer
        if self.streams:
            self.until = max(self.until, self._answered)

    def go_on(self) -> None:
        """Raise TookTooLong or HeldUp where a file was on its way for all of its time, by who was waited for more."""
        now = self.clock()
        if self.streams and self._answered is None and now >= self.until:
            raise HeldUp if 2 * self._waited > now - self._began else TookTooLong

    def patience(self) -> float:
        """Seconds that the next step may take from now on; raises TimeoutError where there are none left."""
        now = self.clock()
        if not self.connected:
            end = self._began + self.deadlines.connect
        else:
            end = now + self.deadlines.answer if self._answered is None else self._answered
        left = min(end, self.until) - now
        if left <= 0:
            raise TimeoutError
        return max(left, LEAST)

    @contextmanager
    def waiting(self) -> Iterator[float]:
        """Wait for as long as `patience` says, and remember it if that was not enough; raises as `go_on` does, too."""
        began = self.clock()
        try:
            yield self.patience()
        except TimeoutError:
            self.late = True
            self._waited += self.clock() - began
            if self.connected:
                self.go_on()
            raise
        self._waited += self.clock() - began
