"""Shows a file to the antivirus while it passes, so that its verdict is there soon after the last byte."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import structlog

from app.checks.clamd import Beyond, Block, NoVerdict, Scanner, Stream
from app.checks.errors import ScannerAway, Unfit
from app.seeing.metrics import SCANS

log = structlog.get_logger("ventanilla.antivirus")


class Scanning(Protocol):
    """What a file is shown to. Where that refuses it, Unfit or ScannerAway is raised."""

    def begin(self, size: int) -> None:
        """Before its first byte."""
        ...

    def feed(self, block: Block) -> None:
        """May wait."""
        ...

    def finish(self) -> Mapping[str, Any]:
        """All of it was fed; what is worth knowing."""
        ...


class Unscanned:
    """Where there is no scanner."""

    def begin(self, size: int) -> None:
        """There is nothing to do."""

    def feed(self, block: Block) -> None:
        """There is nothing to do."""

    def finish(self) -> Mapping[str, Any]:
        return {}


class Scan:
    """One file on its way past the daemon, which has to agree, or only to be asked.

    Where only asked, a file of which no verdict can be had goes on without, and its facts say why.
    """

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._stream: Stream | None = None
        self._said = "clean"

    def begin(self, size: int) -> None:
        with self._without_verdict():
            if size > self._scanner.most_bytes:
                raise Beyond(f"{size} bytes are more than ANTIVIRUS_MAX_BYTES")
            self._stream = Stream(self._scanner)

    def feed(self, block: Block) -> None:
        with self._without_verdict():
            if self._stream:
                self._stream.feed(block)

    def finish(self) -> Mapping[str, Any]:
        found = ""
        with self._without_verdict():
            if self._stream:
                found = self._stream.verdict()
                SCANS.labels("infected" if found else "").inc()
        self._stream = None
        if found:
            log.warning("infected file refused", signature=found)
            raise Unfit("infected", name=found)
        return {"antivirus": self._said}

    @contextmanager
    def _without_verdict(self) -> Iterator[None]:
        """Do what holds where there is none."""
        try:
            yield
        except NoVerdict as none:
            self._stream, self._said = None, none.slug
            SCANS.labels(none.slug).inc()
            log.warning("file could not be scanned", because=none.slug, detail=none.detail)
            if self._scanner.required:
                raise (Unfit(none.slug) if isinstance(none, Beyond) else ScannerAway()) from none


def scanning(scanner: Scanner | None) -> Scanning:
    """What the next file is shown to."""
    return Scan(scanner) if scanner else Unscanned()
