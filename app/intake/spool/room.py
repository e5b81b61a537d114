"""How much may be kept: up to a quota of bytes, and up to a mark on the disk that they are on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from app.intake.spool.base import Place, SpoolFull

#: What is kept is counted anew after so long, or after so many times what counting took: others add to it and remove.
COUNT_SECONDS: Final = 60.0
COUNT_SHARE: Final = 20


class Room:
    """Keeps count of what is there and of what was promised to those who write at the moment."""

    def __init__(
        self, place: Place, *, quota: int | None, high_water: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._place = place
        self._quota = quota
        self._high_water = high_water
        self._clock = clock
        self._lock = threading.Lock()
        self._counting = threading.Lock()
        self._promised = 0
        self._used = 0
        self._count_at = float("-inf")

    def check(self, size: int) -> None:
        """Raise SpoolFull where there is no room for so many bytes beside what is being written."""
        self._count()
        with self._lock:
            self._judge(size)

    @contextmanager
    def share(self, size: int) -> Iterator[Share]:
        """Promise room for so many bytes; raises SpoolFull."""
        self._count()
        share = Share(self, size)
        try:
            yield share
        except BaseException:
            share.settle(kept=False)
            raise
        share.settle(kept=True)

    def freed(self, size: int) -> None:
        """Note that so many bytes are no longer kept."""
        with self._lock:
            self._used = max(self._used - size, 0)

    def promise(self, size: int) -> None:
        """Promise room for so many bytes; raises SpoolFull."""
        with self._lock:
            self._judge(size)
            self._promised += size

    def redeem(self, size: int, kept: int) -> None:
        """Take so much of a promise back, of which so many bytes are there by now."""
        with self._lock:
            self._promised -= size
            self._used = max(self._used + kept, 0)

    def _judge(self, size: int) -> None:
        wanted = self._promised + size
        if self._quota is not None and self._used + wanted > self._quota:
            raise SpoolFull
        volume = self._place.volume()
        if volume is not None and volume.free - wanted < volume.total * (1 - self._high_water):
            raise SpoolFull

    def _count(self) -> None:
        """Count what is kept, now and then; meanwhile others go by what was counted before."""
        if self._quota is None or self._clock() < self._count_at:
            return
        with self._counting:
            began = self._clock()
            if began < self._count_at:
                return
            used = sum(found.stored for found in self._place.listing())
            with self._lock:
                self._used = used
            ended = self._clock()
            self._count_at = ended + max(COUNT_SECONDS, COUNT_SHARE * (ended - began))


class Share:
    """Room that was promised to one who writes; what has been written is no longer promised, it is there."""

    def __init__(self, room: Room, size: int) -> None:
        room.promise(size)
        self._room = room
        self._promised = size
        self.written = 0

    def take(self, size: int) -> None:
        """Ask for room for so many bytes more, within the promise or beyond it; raises SpoolFull."""
        if size > self._promised:
            self._room.promise(size - self._promised)
            self._promised = size
        self._room.redeem(size, size)
        self._promised -= size
        self.written += size

    def settle(self, *, kept: bool) -> None:
        """Give back what is left of the promise, and what was written if nothing of it stays."""
        self._room.redeem(self._promised, 0 if kept else -self.written)
        self._promised = 0
