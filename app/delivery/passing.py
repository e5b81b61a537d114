"""A file on its way from the client to the provider, hashed and watched while it passes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Final, Protocol

from app.intake import Arriving

#: A smaller block is hashed sooner than another thread has taken it up.
HAND_OVER: Final = 1 << 15

#: As many as can work at once: they never wait for anything.
_JUDGES: Final = ThreadPoolExecutor(max(2, os.cpu_count() or 1), thread_name_prefix="judge")


class Watch(Protocol):
    """What has to agree before a file is whole at the provider; each raises a Refusal."""

    def feed(self, block: bytes, /) -> None:
        """See the next bytes; called in another thread than the others, for one block at a time."""
        ...

    def finish(self) -> Mapping[str, Any]:
        """All of it was fed; what was learnt from it."""
        ...


class Passing:
    """The source of a file that is still arriving. Each block is judged in a second thread while it is sent.

    It ends, and so lets the withheld last block go, only after the client's closing delimiter was seen, everything was
    fed and the watch's `finish` said yes. Memory: the block that is sent or awaited, and the one that is judged.
    """

    def __init__(self, arriving: Arriving, watch: Watch) -> None:
        self.arriving: Final = arriving
        self._watch = watch
        self._hash = hashlib.sha256()
        self._sha256: str | None = None
        self._facts: Mapping[str, Any] = {}

    @property
    def sha256(self) -> str | None:
        """Of the whole file; None as long as not all of it has passed."""
        return self._sha256

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the watch learnt; nothing as long as not all of it has passed."""
        return self._facts

    def blocks(self) -> Iterator[bytes]:
        """The client's own blocks; to be taken once."""
        judged: Future[None] = Future()
        judged.set_result(None)
        try:
            for block in self.arriving.blocks():
                judged.result()
                if len(block) < HAND_OVER:
                    self._judge(block)
                else:
                    judged = _JUDGES.submit(self._judge, block)
                yield block
        finally:
            wait((judged,))  # nobody feeds a watch that was given up
        judged.result()
        self._facts = self._watch.finish()
        self._sha256 = self._hash.hexdigest()

    def _judge(self, block: bytes) -> None:
        self._hash.update(block)
        self._watch.feed(block)
