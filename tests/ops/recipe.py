"""The container recipe, read: its stages, their steps, and which files reach it."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.local.place import ROOT

RECIPE: Final = ROOT / "Dockerfile"
#: What `.dockerignore` may say, as an expression.
_WILD: Final = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One instruction."""

    verb: str
    said: str

    @property
    def words(self) -> list[str]:
        """What it says, in the list form of the recipe or in the shell's."""
        if self.said.startswith("["):
            return [str(word) for word in json.loads(self.said)]
        return shlex.split(self.said)

    @property
    def pairs(self) -> dict[str, str]:
        """What ENV sets."""
        return dict(word.split("=", 1) for word in self.words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What begins with a FROM."""

    base: str
    name: str
    steps: tuple[Step, ...]


def steps(text: str) -> Iterator[Step]:
    """Instructions in their order, each on one line."""
    kept = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    for line in kept.replace("\\\n", " ").splitlines():
        if line.strip():
            verb, _, said = line.strip().partition(" ")
            yield Step(verb=verb, said=re.sub(r"\s+", " ", said.strip()))


def stages(text: str) -> list[Stage]:
    """Each with its steps; the last is the image."""
    found: list[tuple[str, str, list[Step]]] = []
    for step in steps(text):
        if step.verb == "FROM":
            base, *named = step.words
            found.append((base, named[-1] if named else "", []))
        else:
            found[-1][2].append(step)
    return [Stage(base=base, name=name, steps=tuple(told)) for base, name, told in found]


def context(root: Path = ROOT) -> list[Path]:
    """The files that are sent to whoever builds: what `.dockerignore` leaves, as paths below `root`."""
    said = [line for line in (root / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    rules = [(not line.startswith("!"), _pattern(line.lstrip("!"))) for line in said]

    def may_hold(folder: Path) -> bool:
        """Whether something in it can be let through; what is installed here is hundreds of thousands of files."""
        return not _left_out(folder, rules) or any(line.startswith((f"!{folder}/", "!**")) for line in said)

    return sorted(path for path in _files(root, may_hold) if not _left_out(path, rules))


def _files(root: Path, may_hold: Callable[[Path], bool]) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        here = Path(folder).relative_to(root)
        folders[:] = [name for name in folders if may_hold(here / name)]
        yield from (here / name for name in names)


def _left_out(path: Path, rules: list[tuple[bool, re.Pattern[str]]]) -> bool:
    """The last rule that fits it, or a folder above it, decides."""
    names = [str(path), *(str(parent) for parent in path.parents)]
    fitting = [out for out, pattern in rules if any(pattern.fullmatch(name) for name in names)]
    return bool(fitting) and fitting[-1]


def _pattern(rule: str) -> re.Pattern[str]:
    pieces = re.split(r"(\*\*/|\*\*|\*|\?)", rule.strip("/"))
    return re.compile("".join(_WILD.get(piece, re.escape(piece)) for piece in pieces))
