"""What providers do wrong while something else is tried: now and then, to whoever comes next."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

from tests.servers import Sandbox

#: The requests that hand in.
HAND_INS: Final[Sequence[Mapping[str, str]]] = (
    {"provider": "flatfile", "method": "POST", "path": "/v1/files"},
    {"provider": "codat", "method": "POST", "path": "/companies"},
    {"provider": "factify", "method": "POST", "path": "/v1beta/documents"},
    {"provider": "formkiq", "method": "POST", "path": "/documents"},
)
BUSY: Final[Mapping[str, Any]] = {"action": "status", "status": 429, "headers": {"Retry-After": "0"}}
LOST_ANSWER: Final[Mapping[str, Any]] = {"action": "drop_answer"}
RESET: Final[Mapping[str, Any]] = {"action": "reset", "after_bytes": 1000}
BROKEN: Final[Mapping[str, Any]] = {"action": "status", "status": 500}


class Weather:
    """Orders a fault every so often while it lasts; what nobody met is forgotten at its end."""

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        seed: int,
        kinds: Sequence[Mapping[str, Any]] = (BUSY,),
        every: float = 0.5,
        most: int | None = None,
    ) -> None:
        """`most`: so many faults in all, after which it is fine."""
        self._sandbox = sandbox
        self._chance = random.Random(f"weather {seed}")  # noqa: S311
        self._kinds = kinds
        self._every = every
        self._most = most
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.ordered = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        self._stopping.set()
        self._thread.join(30)
        self._sandbox.control("DELETE", "/faults")

    def _run(self) -> None:
        while not self._stopping.wait(self._every) and self.ordered != self._most:
            self._sandbox.fault(**self._chance.choice(HAND_INS), **self._chance.choice(self._kinds))
            self.ordered += 1
