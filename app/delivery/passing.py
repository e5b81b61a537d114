"""A file on its way from the client to the provider, hashed and watched while it passes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Final, Protocol

from app.intake.body import Body

#: A smaller block is seen to sooner than another thread has taken it up.
HAND_OVER: Final = 1 << 15

#: As many as can work at once: they never wait for anything.
_JUDGES: Final = ThreadPoolExecutor(max(2, os.cpu_count() or 1), thread_name_prefix="judge")

#: Sees a block, and the threads that it does so in while the block is sent.
Taker = tuple[Callable[[bytes], object], ThreadPoolExecutor]


class Watch(Protocol):
    """What has to agree before a file is whole at the provider; each raises a Refusal."""

    def feed(self, block: bytes, /) -> None:
        """See the next bytes; called in another thread than the others, for one block at a time."""
        ...

    def scan(self, block: bytes, /) -> None:
        """See them, too; may wait, and so is called in the thread of whoever asks for them."""
        ...

    def finish(self) -> Mapping[str, Any]:
        """All of it was fed; what was learnt from it."""
        ...


class Coming(Protocol):
    """Where a file comes from: a client that is still sending it, or where it was put by."""

    @property
    def whole(self) -> bool:
        """Whether nobody has to be waited for until its end."""
        ...

    @property
    def body(self) -> Body | None:
        """Of the client that is still there, or may leave."""
        ...

    def blocks(self) -> Iterator[bytes]:
        """All of it, once; ends only where all of it was seen."""
        ...


class Passing:
    """The source of a file that is still arriving. Each block is judged in a second thread while it is sent.

    It ends, and so lets the withheld last block go, only after the client's closing delimiter was seen, everything was
    fed and the watch's `finish` said yes. Memory: the block that is sent or awaited, and the one that is judged.
    """

    def __init__(self, arriving: Coming, watch: Watch) -> None:
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
        return self._passed()

    def _passed(self) -> Iterator[bytes]:
        yield from self._shown()
        self._finish()

    def _shown(self, *others: Taker) -> Iterator[bytes]:
        """Hand each block to the judge and to the others, while whoever asks for it does something with it."""
        takers = ((self._judge, _JUDGES), *others)
        taken: list[Future[object]] = []
        try:
            for block in self.arriving.blocks():
                _settle(taken)
                if len(block) < HAND_OVER:
                    taken = []
                    for take, _ in takers:
                        take(block)
                else:
                    taken = [threads.submit(take, block) for take, threads in takers]
                self._watch.scan(block)
                yield block
        finally:
            wait(taken)  # nobody feeds what was given up
        _settle(taken)

    def _finish(self) -> None:
        self._facts = self._watch.finish()
        self._sha256 = self._hash.hexdigest()

    def _judge(self, block: bytes) -> None:
        self._hash.update(block)
        self._watch.feed(block)


def _settle(taken: list[Future[object]]) -> None:
    """Wait until a block was seen by all; raises what the first of them found."""
    for one in taken:
        one.result()
