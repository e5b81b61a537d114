"""Looks for secrets where none may be, in every spelling in which software is known to write them down."""

from __future__ import annotations

import base64
import html
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

import markupsafe
import psutil

#: Long enough to be no coincidence, short enough to be found in a cut-off log line.
WINDOW = 24
#: Bytes that are compared at once. What is at least so long as LONG has such a block of what it stands in within it.
BLOCK = 8
LONG = 2 * BLOCK - 1


@dataclass(frozen=True, kw_only=True)
class Leak:
    """A secret found in the clear: which, spelled how, and where."""

    secret: str
    spelling: str
    place: str


def spellings(secret: bytes) -> Iterator[tuple[str, bytes]]:
    """Every way in which `secret` could have been written down, with its name."""
    yield "raw", secret
    yield "hex", secret.hex().encode()
    yield "HEX", secret.hex().upper().encode()
    yield "url", quote(secret, safe="").encode()
    yield "form", quote_plus(secret).encode()
    yield "repr", repr(secret)[2:-1].encode()
    for shift in range(3):
        # The neighbours of a secret in a longer text change the first and last characters: leave those out.
        encoded = base64.b64encode(b"\0" * shift + secret)
        certain = encoded[(0, 2, 3)[shift] : len(encoded.rstrip(b"=")) - 1]
        yield f"base64+{shift}", certain
        yield f"base64url+{shift}", certain.translate(bytes.maketrans(b"+/", b"-_"))
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        return
    yield "json", json.dumps(text)[1:-1].encode()
    yield "json-utf8", json.dumps(text, ensure_ascii=False)[1:-1].encode()
    yield "html", html.escape(text).encode()
    yield "jinja", str(markupsafe.escape(text)).encode()
    yield "latin-1", text.encode("latin-1", "ignore")
    yield "utf-16-le", text.encode("utf-16-le")
    yield "utf-16-be", text.encode("utf-16-be")


class Canary:
    """Secrets that are sent on every journey and searched for afterwards.

    There are hundreds of spellings and hundreds of megabytes: each is looked for only where a block is one of theirs.
    """

    def __init__(self, secrets: Mapping[str, bytes]) -> None:
        self._needles = {
            needle: (name, spelling)
            for name, secret in secrets.items()
            for spelling, needle in reversed([*spellings(secret)])
        }
        self._short = {needle for needle in self._needles if len(needle) < LONG}
        self._blocks = {
            int.from_bytes(needle[at : at + BLOCK], sys.byteorder)
            for needle in self._needles
            for at in range(len(needle) - BLOCK + 1)
        }

    def search(self, place: str, content: bytes) -> Iterator[Leak]:
        """Every secret that stands in `content`."""
        blocks = memoryview(content)[: len(content) // BLOCK * BLOCK].cast("Q")
        near = self._short if self._blocks.isdisjoint(blocks) else self._needles.keys()
        for needle in near:
            if needle in content:
                name, spelling = self._needles[needle]
                yield Leak(secret=name, spelling=spelling, place=place)

    def search_folder(self, folder: Path, *, besides: Iterable[Path] = ()) -> Iterator[Leak]:
        """The same for every file below `folder`, but for those in `besides`; a file that vanishes was temporary."""
        allowed = {path.resolve() for path in besides}
        for path in sorted(folder.rglob("*")):
            if path.resolve() in allowed or not path.is_file():
                continue
            try:
                content = path.read_bytes()
            except OSError:
                continue
            yield from self.search(str(path.relative_to(folder)), content)

    def search_processes(self, processes: Iterable[psutil.Process]) -> Iterator[Leak]:
        """The same for what any user of the machine could read of a process: its environment and command line."""
        for process in processes:
            for file in ("environ", "cmdline"):
                try:
                    content = Path(f"/proc/{process.pid}/{file}").read_bytes()
                except OSError:
                    continue
                yield from self.search(f"{file} of {process.pid}", content)


def window(content: bytes, *, at: int) -> bytes:
    """A piece of a file that stands for it: the whole would miss a log line that was cut off."""
    return content[at : at + WINDOW]
