"""A file that lies whole in the spool, on its way to a provider."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import structlog

from app.delivery.errors import CopyGone
from app.delivery.spooling import Shelf
from app.intake.spool import CopyLost

log = structlog.get_logger("ventanilla.redelivery")


class Kept:
    """The source of a file that lies whole in the spool; `go_on` is asked before each block."""

    def __init__(self, shelf: Shelf, segments: int, sha256: str | None, go_on: Callable[[], None]) -> None:
        self.sha256: Final = sha256
        self._shelf = shelf
        self._segments = segments
        self._go_on = go_on

    def blocks(self) -> Iterator[bytes]:
        """All of it; raises CopyGone, SpoolAway, and what `go_on` raises."""
        shelf = self._shelf
        try:
            for block in shelf.spool.read(shelf.cipher, shelf.organization_id, shelf.upload_id, self._segments):
                self._go_on()
                yield block
        except CopyLost as exc:
            log.error("copy lost", upload=str(shelf.upload_id), cause=str(exc))  # noqa: TRY400 - all there is to say
            raise CopyGone from exc
