"""What arrives and what providers keep of it: small things in memory, larger ones in the sandbox's own folder."""

from __future__ import annotations

import secrets
import shutil
from collections import OrderedDict
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: Largest file whose bytes are kept; of a larger one size and hash are known.
KEPT_BYTES = 16 << 20
#: Most bytes of all files that providers keep; the newest stay. Whoever looks for one that is gone is told that it was
#: never there, and sends it again: there have to be more than come in a run of `make faults`.
KEPT_IN_ALL = 4 << 30
#: What is at most this large never touches the disk: keys and passwords among it.
MEMORY_BYTES = 1 << 20


class Held:
    """Bytes as they arrive: all are counted and hashed, and kept while there are at most 16 MiB of them."""

    def __init__(self, folder: Path) -> None:
        # Closed by hand or with the last reference: it lives as long as the request that holds it.
        self._file = SpooledTemporaryFile(max_size=MEMORY_BYTES, dir=str(folder))  # noqa: SIM115
        self._hash = sha256()
        self.size = 0

    def write(self, block: bytes) -> None:
        self._hash.update(block)
        self.size += len(block)
        if self.size <= KEPT_BYTES:
            self._file.write(block)
        else:
            self._file.close()

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def content(self) -> bytes | None:
        """All of it, or None where it was too large to keep."""
        if self.size > KEPT_BYTES:
            return None
        self._file.seek(0)
        content: bytes = self._file.read()
        return content

    def close(self) -> None:
        self._file.close()


class Files:
    """The files that providers keep, so that a download gives the same bytes; gone when the sandbox stops."""

    def __init__(self, folder: Path) -> None:
        """`folder` is the sandbox's alone: what an earlier one left there is removed."""
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
        self._kept: OrderedDict[str, int] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def keep(self, content: bytes) -> str:
        """Write a file and return the name that `read` finds it by."""
        name = secrets.token_hex(16)
        (self.folder / name).write_bytes(content)
        with self._lock:
            self._kept[name] = len(content)
            self._bytes += len(content)
            while self._bytes > KEPT_IN_ALL:
                oldest, size = self._kept.popitem(last=False)
                self._bytes -= size
                (self.folder / oldest).unlink(missing_ok=True)
        return name

    def read(self, name: str) -> bytes | None:
        """The bytes of a kept file; None for one that never was, or is too old."""
        with self._lock:
            return (self.folder / name).read_bytes() if name in self._kept else None
