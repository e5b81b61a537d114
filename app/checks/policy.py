"""What holds for every file and field, whatever it is: that it is declared, named, there, and not too large."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from app.checks.base import Given
from app.checks.errors import Rejected
from app.checks.types import TYPES
from app.providers.operation import Operation, Part

#: What file systems and multipart headers take without a fuss.
MOST_NAME_BYTES: Final = 255

#: Control and unpaired surrogate characters, line and paragraph breaks.
_UNPRINTABLE: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
#: Marks that turn text around: with them `exe.cer` can be made to look like another name.
_TURNING: Final = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})

#: What a box that can be ticked sends, and what code says instead.
_TICKS: Final = frozenset({"", "on", "off", "true", "false", "1", "0"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a form allows of what its operation takes."""

    #: Names of types, of which those are taken that the operation takes too; None: all of its.
    types: frozenset[str] | None = None
    #: Whether archives that are too large to be looked into are taken as they are.
    uninspected: bool = False
    #: Whether PDFs with a password are taken.
    protected: bool = False

    @classmethod
    def parse(cls, settings: Mapping[str, Any]) -> Self:
        """From a form's settings, of which the others are passed over; raises ValueError with a reason for people."""
        types = settings.get("types")
        if types is not None:
            if not isinstance(types, list | tuple | set | frozenset) or not types:
                raise ValueError("types must be a list of at least one type")
            if unknown := sorted(str(name) for name in types if name not in TYPES):
                raise ValueError(f"{', '.join(unknown)}: no such type; there are {', '.join(TYPES)}")
            types = frozenset(types)
        for name in ("uninspected", "protected"):
            if not isinstance(settings.get(name, False), bool):
                raise ValueError(f"{name} must be true or false")  # noqa: TRY004 - of a value that a person gave
        return cls(
            types=types, uninspected=settings.get("uninspected", False), protected=settings.get("protected", False)
        )

    def dump(self) -> dict[str, Any]:
        """As `parse` takes it; fit for JSON."""
        types = None if self.types is None else [name for name in TYPES if name in self.types]
        return {"types": types, "uninspected": self.uninspected, "protected": self.protected}


def check_what_came(given: Given) -> None:
    """Every operation's first check: declared files under names that can be used, and fields of their length."""
    declared = {part.name for part in given.operation.parts}
    for name, file in given.collected.files.items():
        if name not in declared:
            raise Rejected("unknown-part", field=name, name=name)
        if not _is_usable(file.filename):
            raise Rejected("bad-file-name", field=name)
    check_values(given.operation, given.text)


def check_values(operation: Operation, text: Callable[[str], str]) -> None:
    """Every field of its length, and one of its choices; `text` gives what stands in it."""
    for field in operation.fields:
        value = text(field.name)
        if len(value) > field.max_length:
            raise Rejected("field-too-long", field=field.name, name=field.name, limit=field.max_length)
        choices = {choice for choice, _ in field.choices} | {""} if field.kind == "choice" else _TICKS
        if field.kind in {"choice", "checkbox"} and value not in choices:
            raise Rejected("not-a-choice", field=field.name, name=field.name)


def check_required(operation: Operation, text: Callable[[str], str]) -> None:
    """Every field that has to be filled in."""
    for field in operation.fields:
        if field.required and not text(field.name).strip():
            raise Rejected("missing-field", field=field.name)


def check_size(part: Part, size: int) -> None:
    """Neither empty nor too large."""
    if not size:
        raise Rejected("empty-file", field=part.name)
    if size > part.max_bytes:
        raise Rejected("file-too-large", field=part.name, status=413, name=part.name, limit=part.max_bytes)


def check_all_there(given: Given) -> None:
    """Every file, not empty and not too large, and every required field."""
    for part in given.operation.parts:
        content = given.content(part.name)
        if content is None:
            raise Rejected("missing-file", field=part.name)
        check_size(part, len(content))
    check_required(given.operation, given.text)


def _is_usable(filename: str) -> bool:
    """A name, not a path, that can be shown and sent on as it is."""
    return (
        filename.strip() not in {"", ".", ".."}
        and not {"/", "\\"} & set(filename)
        and not any(
            unicodedata.category(character) in _UNPRINTABLE or unicodedata.bidirectional(character) in _TURNING
            for character in filename
        )
        and len(filename.encode()) <= MOST_NAME_BYTES
    )
