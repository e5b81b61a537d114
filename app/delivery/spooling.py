"""A file on its way that is kept as it passes: a provider that fails is let go, and the copy goes on without it."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final
from uuid import UUID

from tink.aead import Aead

from app.delivery.deadlines import Clock
from app.delivery.errors import TookTooLong
from app.delivery.passing import Passing, Watch
from app.intake import Arriving
from app.intake.spool import Spool, SpoolAway
from app.records.copies import Whole
from app.seeing import spans

#: They wait for a disk or a bucket, so there are more of them than can work at once.
_SCRIBES: Final = ThreadPoolExecutor(32, thread_name_prefix="scribe")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Where in the spool an upload's copy lies, and what opens it."""

    spool: Spool
    cipher: Aead
    organization_id: UUID
    upload_id: UUID

    def seal(self, content_type: str, fields: Mapping[str, str]) -> bytes:
        """What another attempt needs beside the bytes, encrypted as they are, and whose request it goes on with."""
        seen = dict(spans.carried())
        whole = {"content_type": content_type, "fields": dict(fields), **({"seen": seen} if seen else {})}
        told = json.dumps(whole).encode()
        sealed: bytes = self.cipher.encrypt(told, self._context)
        return sealed

    def unseal(self, sealed: bytes) -> Mapping[str, Any]:
        """The same in the clear."""
        told: Mapping[str, Any] = json.loads(self.cipher.decrypt(sealed, self._context))
        return told

    @property
    def _context(self) -> bytes:
        return f"ventanilla/copy/1|{self.organization_id}|{self.upload_id}".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """A file that lies whole in the spool already and was not judged yet; its name and type are the client's."""

    upload_id: UUID
    #: Name of the part of the operation that it is.
    name: str
    filename: str
    content_type: str
    size: int
    #: Bytes that its segments take up.
    stored: int
    segments: int = 1
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)


class LetGo(Exception):  # noqa: N818 - no fault of anybody's
    """The provider was told of another length than the file turned out to have; it gets it another time."""


class Spooling(Passing):
    """The source of a file that is put by as it arrives. Beside the judge each block has somebody who writes it down.

    It ends only after the copy is whole for good, too. A provider may stop taking blocks at any time: `drain` takes the
    rest. Whatever ends it before, `close` or a refusal, leaves nothing of the copy.

    Where another file followed it ends by LetGo, before any verdict: the judge was told of another length, too. Then
    the copy is whole and `stored` says how much it takes up; it has still to be judged.
    """

    def __init__(
        self,
        arriving: Arriving,
        watch: Watch,
        shelf: Shelf,
        *,
        size: int,
        sealed: bytes,
        until: float,
        clock: Clock = time.monotonic,
    ) -> None:
        super().__init__(arriving, watch)
        self._file = arriving
        self._shelf = shelf
        self._size = size
        self._sealed = sealed
        self._until = until
        self._clock = clock
        self._rest = self._kept()
        #: What the copy's row will say; None as long as it is not whole.
        self.copy: Whole | None = None
        #: Bytes that the copy of a file takes up that another followed.
        self.stored: int | None = None

    def blocks(self) -> Iterator[bytes]:
        """The client's own blocks: whoever asks later goes on where somebody else stopped."""
        return self._rest

    def drain(self) -> None:
        """Take what nobody took, to its end; raises TookTooLong where its sender is in no hurry."""
        with suppress(LetGo):
            for _ in self._rest:
                if self._clock() >= self._until:
                    raise TookTooLong
        if self.copy is None and self.stored is None:  # it broke off, in a way that somebody took for the provider's
            raise SpoolAway

    def close(self) -> None:
        """Let go of what is not whole."""
        self._rest.close()

    def _kept(self) -> Generator[bytes, None, None]:
        shelf = self._shelf
        with shelf.spool.write(shelf.cipher, shelf.organization_id, shelf.upload_id, size=self._size) as writer:
            yield from self._shown((writer.feed, _SCRIBES))
            if not self._file.followed:
                self._finish()
        if self._file.followed:
            self.stored = writer.stored
            raise LetGo
        self.copy = Whole(size=self._size, stored=writer.stored, sealed=self._sealed)


class Reread:
    """A file that lies in the spool, as it comes from there."""

    whole: Final = True
    body: Final = None

    def __init__(self, shelf: Shelf, spooled: Spooled) -> None:
        self.shelf: Final = shelf
        self.spooled: Final = spooled
        self.name: Final = spooled.name
        self.filename: Final = spooled.filename
        self.content_type: Final = spooled.content_type
        self.size: Final = spooled.size
        where = shelf.organization_id, shelf.upload_id, spooled.segments
        self._blocks: Iterator[bytes] = shelf.spool.read(shelf.cipher, *where)

    def head(self, count: int) -> bytes:
        """The first bytes, at most `count`; they stay to be taken."""
        held: list[bytes] = []
        while sum(map(len, held)) < count and (block := next(self._blocks, b"")):
            held.append(block)
        self._blocks = chain(held, self._blocks)
        return b"".join(held)[:count]

    def blocks(self) -> Iterator[bytes]:
        """All of it, once."""
        return self._blocks


def put_by(arriving: Arriving, shelf: Shelf) -> tuple[int, int]:
    """Put a file of which nobody knows the size into the spool; its bytes, and those that the copy takes up."""
    size = 0
    with shelf.spool.write(shelf.cipher, shelf.organization_id, shelf.upload_id) as writer:
        for block in arriving.blocks():
            writer.feed(block)
            size += len(block)
    return size, writer.stored
