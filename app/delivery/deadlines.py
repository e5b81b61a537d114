"""How long one delivery may take, and each of its requests, whatever the provider does with its time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from socket import socket
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
    #: How long a provider may be slower than `rate` bytes a second while bytes wait for it: then it is let go, for a
    #: copy is kept of them. Without a grace there is no copy, and it may take its time.
    grace: float | None = None
    rate: int = 1

    @classmethod
    def from_settings(cls, settings: Settings) -> Deadlines:
        return cls(connect=settings.connect_seconds, answer=settings.answer_seconds, total=settings.total_seconds)

    @property
    def hurried(self) -> Deadlines:
        """The same for a request that a file is waiting behind."""
        return self if self.grace is None else replace(self, answer=min(self.answer, self.grace))


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
    #: Whose answer it is, where nobody wants it once that connection is closed.
    asker: socket | None = None
    #: The request's target, byte for byte; without it, as the library writes it.
    target: str | None = None
    #: When the answer has to be whole; None while the request is being sent.
    _answered: float | None = field(default=None, init=False)
    _began: float = field(default=0.0, init=False)
    #: Seconds for which the provider was waited for.
    _waited: float = field(default=0.0, init=False)
    #: Seconds for which it may still be waited for before it is let go: its time account, as `intake.pace` keeps one of
    #: a client. None where it is not let go.
    _credit: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._began = self.clock()
        self._credit = self.deadlines.grace

    def answering(self) -> None:
        """Nothing more is sent: the answer's time begins."""
        self._answered = self.clock() + self.deadlines.answer
        if self.streams:
            self.until = max(self.until, self._answered)

    def took(self, count: int) -> None:
        """Say that the provider took so many bytes, which pay for a while; it saves up no more than the grace."""
        if self._credit is not None:
            self._credit = min(self._credit + count / self.deadlines.rate, self.deadlines.grace or 0.0)

    def go_on(self) -> None:
        """Raise TookTooLong or HeldUp where a file was on its way for all of its time, by who was waited for more.

        A provider that is let go is not worth a refusal: that raises TimeoutError.
        """
        now = self.clock()
        if self.streams and self._answered is None and now >= self.until:
            if 2 * self._waited <= now - self._began:
                raise TookTooLong
            if self._credit is None:
                raise HeldUp
            self.late = True
            raise TimeoutError

    def patience(self) -> float:
        """Seconds that the next step may take from now on; raises TimeoutError where there are none left."""
        now = self.clock()
        if not self.connected:
            end = self._began + self.deadlines.connect
        elif self._answered is not None:
            end = self._answered
        elif self.streams and self._credit is not None:
            end = now + min(self.deadlines.answer, self._credit)
        else:
            end = now + self.deadlines.answer
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
        waited = self.clock() - began
        self._waited += waited
        if self._credit is not None and self.connected:
            self._credit -= waited
