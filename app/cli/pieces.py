"""A file is handed in over HTTP, in pieces by tus 1.0, and come back to as often as that takes.

Where one that broke off goes on is kept in a folder of the user's; so the same command, given again, goes on there.
What is never kept cannot come in pieces, and is sent whole under an Idempotency-Key.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final
from urllib.parse import quote, urlencode, urlsplit
from uuid import uuid4

import requests

from app.cli.gateway import STATE, UPLOAD, Code, Ended, Gateway, Later, Settled

OCTETS: Final = {"Content_Type": "application/offset+octet-stream"}
#: States that come to something else yet.
MOVING: Final = frozenset({"receiving", "delivering", "waiting"})
#: The problem of what is never kept, so that it could come in pieces.
NEVER_KEPT: Final = "not-resumable"
#: What is wrong is the token, and not the file.
OF_THE_TOKEN: Final = frozenset({401, 403})
#: An address that is not known, or not any more.
GONE: Final = frozenset({404, 410})
#: Seconds from one try, or one look, to the next, growing to the most.
FIRST_PAUSE, LAST_PAUSE = 0.2, 5.0

#: Told how many bytes of the file are with the gateway.
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """A file, and where it is to go."""

    path: Path
    organization: str
    connection: str
    operation: str
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def metadata(self) -> str:
        """The header that says what a file is and where it goes."""
        where = {"organization": self.organization, "connection": self.connection, "operation": self.operation}
        said = {**where, "filename": self.path.name, **self.fields}
        return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in said.items())

    @property
    def address(self) -> str:
        """Where it goes in one piece."""
        place = "/".join(quote(one, safe="") for one in (self.organization, self.connection, self.operation))
        return f"/api/v1/organizations/{place}?{urlencode({'filename': self.path.name, **self.fields})}"

    def name(self, gateway: str) -> str:
        """The same for the same file, unchanged, on the same errand; says nothing of any of them."""
        told = self.path.stat()
        what = [gateway, str(self.path.resolve()), told.st_size, told.st_mtime_ns, self.metadata]
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()


class Shrunk(Exception):  # noqa: N818 - says what it is
    """The file became shorter while it was sent."""


class HandingIn:
    """One file on its way."""

    def __init__(self, gateway: Gateway, errand: Errand, kept: Path, *, patience: float, progress: Progress) -> None:
        """`kept`: the folder that remembers what broke off. `patience`: seconds of trying without getting further."""
        self._gateway = gateway
        self._errand = errand
        self._kept = kept / errand.name(gateway.url)
        self._patience = patience
        self._progress = progress
        self._size = errand.path.stat().st_size
        #: The file's address at the gateway, and how much the gateway said is safe.
        self._place = self._kept.read_text() if self._kept.exists() else None
        self._safe = 0

    def run(self, wait: float) -> Ended:
        """Send it to its end, and wait so many seconds for its delivery; raises Stopped."""
        try:
            ended = self._by_pieces(wait)
        except Settled as settled:
            if settled.status in OF_THE_TOKEN:  # with a better one it goes on
                return settled.ended
            ended = self._whole() if settled.slug == NEVER_KEPT else settled.ended
        except Later as later:
            return Ended(code=Code.LATER, because=later.because)
        except Shrunk:
            ended = Ended(code=Code.REFUSED, because="The file became shorter while it was sent.")
        self._kept.unlink(missing_ok=True)
        self._progress(self._size)
        return ended

    def _by_pieces(self, wait: float) -> Ended:
        told = self._patiently(self._go_on)
        until, pause = time.monotonic() + wait, FIRST_PAUSE
        while told.headers[STATE] in MOVING and (left := until - time.monotonic()) > 0:
            self._gateway.rest(min(pause, left))
            pause = min(2 * pause, LAST_PAUSE)
            try:
                told = self._look()
            except Later:  # it is safe there; only nobody says how far it got
                continue
        return Ended(code=Code.TAKEN, state=told.headers[STATE], upload=told.headers[UPLOAD])

    def _whole(self) -> Ended:
        key = f'"{uuid4()}"'  # one for all tries: what arrived by one that broke off is not done again

        def put() -> requests.Response:
            return self._send("PUT", self._errand.address, 0, Idempotency_Key=key)

        try:
            made = self._patiently(put).json()
        except Settled as settled:
            return settled.ended
        except Later as later:
            return Ended(code=Code.LATER, because=later.because)
        return Ended(code=Code.TAKEN, state=made["state"], upload=made["id"])

    def _patiently(self, attempt: Callable[[], requests.Response]) -> requests.Response:
        """Try until it is done, or for too long without getting any further."""
        until, pause, reached = time.monotonic() + self._patience, FIRST_PAUSE, -1
        while True:
            try:
                return attempt()
            except Later as later:
                if self._safe > reached:
                    until, pause, reached = time.monotonic() + self._patience, FIRST_PAUSE, self._safe
                rest = max(pause, later.seconds)
                if time.monotonic() + rest > until:
                    raise
            self._gateway.rest(rest)
            pause = min(2 * pause, LAST_PAUSE)

    def _go_on(self) -> requests.Response:
        """Begin, or find out how far it is; then send what is left. The answer tells what the file became."""
        if self._place is None:
            self._begin()
        try:
            told = self._look()
        except Settled as settled:
            if settled.status not in GONE:
                raise
            self._begin()  # its time was over, or its token can do less by now
            told = self._look()
        if STATE in told.headers:
            return told
        self._safe = int(told.headers["Upload-Offset"])
        return self._send("PATCH", str(self._place), self._safe, Upload_Offset=str(self._safe), **OCTETS)

    def _begin(self) -> None:
        """Announce it, and remember its address."""
        headers = {"Upload_Length": str(self._size), "Upload_Metadata": self._errand.metadata}
        made = self._gateway.ask("POST", "/files", **headers)
        self._place = urlsplit(made.headers["Location"]).path  # on this gateway: the token goes nowhere else
        self._kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        written = self._kept.with_suffix(".new")
        written.write_text(self._place)
        written.replace(self._kept)

    def _look(self) -> requests.Response:
        """How far it is, or what it became; what keeps it from becoming anything is asked for in words."""
        place = str(self._place)
        try:
            return self._gateway.ask("HEAD", place)
        except Settled as settled:
            if settled.status in GONE:
                raise
            return self._gateway.ask("PATCH", place, Upload_Offset=str(self._size), **OCTETS)

    def _send(self, method: str, place: str, offset: int, **headers: str) -> requests.Response:
        """Send the file from there to its end."""
        self._progress(offset)
        with self._errand.path.open("rb") as file:
            file.seek(offset)
            piece = _Piece(file, self._size - offset, self._moved)
            return self._gateway.ask(method, place, piece if piece.len else b"", **headers)

    def _moved(self, left: int) -> None:
        self._gateway.check()
        self._progress(self._size - left)


class _Piece:
    """What is left of a file, as requests reads a body: `len` is what is not read yet."""

    def __init__(self, file: IO[bytes], length: int, moved: Callable[[int], None]) -> None:
        self._file = file
        self._moved = moved
        self.len = length

    def read(self, size: int = -1) -> bytes:
        wanted = self.len if size < 0 else min(size, self.len)
        block = self._file.read(wanted)
        if len(block) < wanted:
            raise Shrunk
        self.len -= len(block)
        self._moved(self.len)
        return block
