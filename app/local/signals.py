"""Signals as something to wait for, so that none of them interrupts work half-way."""

from __future__ import annotations

import selectors
import signal
import socket
from types import FrameType
from typing import Final, Self

STOP: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """Notes what asks to stop, and wakes whoever waits; also when a child ends. For the main thread."""

    def __init__(self) -> None:
        self.stopping = False

    def __enter__(self) -> Self:
        self._wakeup, self._wake = socket.socketpair()
        for end in (self._wakeup, self._wake):
            end.settimeout(0)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wakeup, selectors.EVENT_READ)
        self._former_fd = signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        self._former = {signum: signal.signal(signum, self._note) for signum in (*STOP, signal.SIGCHLD)}
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._former_fd)
        for signum, former in self._former.items():
            signal.signal(signum, former)
        self._selector.close()
        self._wakeup.close()
        self._wake.close()

    def wait(self, seconds: float | None = None) -> None:
        """Wait for the next signal, at most so long."""
        if not self.stopping and self._selector.select(seconds):
            self._wakeup.recv(4096)

    def _note(self, signum: int, _frame: FrameType | None) -> None:
        self.stopping = self.stopping or signum in STOP
