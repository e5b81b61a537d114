"""Memory that files may be held in to be looked into whole: one budget for all uploads of a process."""

from __future__ import annotations

import threading
import weakref
from typing import Final

from app.checks.errors import Busy

DEFAULT_BYTES: Final = 256 << 20


class Budget:
    """Bytes that may be held at a time."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held = 0
        # Taken again by a thread that holds it, where the collector drops somebody else's room in the midst of it.
        self._lock = threading.RLock()

    @property
    def held(self) -> int:
        return self._held

    def hold(self, size: int) -> Held:
        """Take room for so many bytes; raises Busy where there is none."""
        with self._lock:
            if self._held + size > self.limit:
                raise Busy
            self._held += size
        return Held(self, size)

    def _give_back(self, size: int) -> None:
        with self._lock:
            self._held -= size


class Held:
    """Room that was taken. It is given back once: by `release`, or when nothing refers to it any more."""

    def __init__(self, budget: Budget, size: int) -> None:
        self.release = weakref.finalize(self, budget._give_back, size)  # noqa: SLF001 - its other half
        self.release.atexit = False


#: The process's own; its limit is the setting `inspection_bytes`.
INSPECTIONS: Final = Budget(DEFAULT_BYTES)
