"""What a record says of the files of a hand-in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from app.delivery.spooling import Reread
from app.intake import Arriving, CollectedFile
from app.intake.arriving import Unmeasured
from app.providers.wire import FilePart


@dataclass(slots=True, kw_only=True)
class Contents:
    """What is known of the files of a hand-in; of one that is on its way, more and more."""

    parts: Sequence[Mapping[str, Any]] = ()
    #: What the checks read.
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls, parts: Iterable[FilePart | CollectedFile | Arriving | Reread], facts: Mapping[str, Any] | None = None
    ) -> Self:
        return cls(parts=[_part(one) for one in parts], facts=facts or {})


def _part(file: FilePart | CollectedFile | Arriving | Reread) -> dict[str, Any]:
    return {
        "name": file.name,
        "filename": _printable(file.filename),
        "size": _size(file),
        "sha256": None if isinstance(file, Arriving | Reread) else file.sha256,
    }


def _size(file: FilePart | CollectedFile | Arriving | Reread) -> int | None:
    if isinstance(file, CollectedFile):
        return len(file.content)
    return None if isinstance(file, Unmeasured) else file.size


def _printable(filename: str) -> str:
    """A file's name as it can be kept, also where it is what the file was refused for."""
    if filename.isprintable():
        return filename[:255]
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in filename)[:255]
