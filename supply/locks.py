"""Reads the lock files: every package that is installed, in which version, and what its files have to hash to."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final, Literal

ROOT: Final = Path(__file__).parents[1]

_PINNED: Final = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)")
_HASH: Final = re.compile(r"--hash=(?P<algorithm>\w+):(?P<digest>[0-9a-f]+)")
_OLD_LICENCE: Final = "License :: OSI Approved :: "


class NotLocked(Exception):  # noqa: N818 - a fault of the file
    """A lock file has a line that pins nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One package in one version. Each of its files has one of the hashes, as algorithm and hexadecimal digest."""

    index: Literal["pypi", "npm"]
    name: str
    version: str
    hashes: tuple[tuple[str, str], ...]
    #: As its makers write it, mostly by SPDX's names; empty: they do not say, or it is for another system than this.
    licence: str = ""


def read(path: Path) -> tuple[Package, ...]:
    """All of a lock file; raises NotLocked."""
    return tuple(_node(json.loads(path.read_text())) if path.suffix == ".json" else _python(path.read_text()))


def _python(text: str) -> Iterator[Package]:
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        pinned = _PINNED.match(line)
        if pinned is None:
            raise NotLocked(line)
        name = pinned["name"]
        hashes = tuple((one["algorithm"], one["digest"]) for one in _HASH.finditer(line))
        yield Package(index="pypi", name=name, version=pinned["version"], hashes=hashes, licence=_licence(name))


def _node(lock: Mapping[str, Any]) -> Iterator[Package]:
    for path, one in lock["packages"].items():
        if not path:
            continue  # the folder itself
        if one.get("link") or "version" not in one:
            raise NotLocked(path)
        hashes = tuple(_digest(each) for each in one.get("integrity", "").split())
        name = path.rpartition("node_modules/")[2]
        yield Package(
            index="npm", name=name, version=one["version"], hashes=hashes, licence=str(one.get("license") or "")
        )


def _digest(integrity: str) -> tuple[str, str]:
    """A hash as npm writes it."""
    algorithm, _, encoded = integrity.partition("-")
    return algorithm, base64.b64decode(encoded).hex()


def _licence(name: str) -> str:
    """What an installed package says of itself."""
    try:
        told = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return ""
    listed = [one.removeprefix(_OLD_LICENCE) for one in told.get_all("Classifier") or [] if _OLD_LICENCE in one]
    said = (*(told.get_all("License-Expression") or []), " OR ".join(listed), *(told.get_all("License") or []))
    return next(filter(None, said), "").partition("\n")[0]
