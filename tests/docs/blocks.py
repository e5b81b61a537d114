"""Every block of every page that somebody could copy: what it is, and the commands in it."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from app.local.place import ROOT

#: Pages that people read; those of decisions have none.
PAGES: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCED: Final = re.compile(r"^( *)```([\w-]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What stands between two fences."""

    page: str
    language: str
    text: str

    def commands(self) -> Iterator[list[str]]:
        """Of a shell's block each command as its words, without what a shell says to itself."""
        for line in self.text.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words:
                yield words


def blocks() -> list[Block]:
    """All of them, page by page."""
    return [
        Block(page=str(page.relative_to(ROOT)), language=language, text=textwrap.dedent(text))
        for page in PAGES
        for _, language, text in FENCED.findall(page.read_text())
    ]
