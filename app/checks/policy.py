"""What holds for every file and field, whatever it is: that it is declared, named, there, and not too large."""

from __future__ import annotations

import unicodedata
from typing import Final

from app.checks.base import Given
from app.checks.errors import Rejected

#: What file systems and multipart headers take without a fuss.
MOST_NAME_BYTES: Final = 255

#: Control and unpaired surrogate characters, line and paragraph breaks.
_UNPRINTABLE: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
#: Marks that turn text around: with them `exe.cer` can be made to look like another name.
_TURNING: Final = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


def check_what_came(given: Given) -> None:
    """Every operation's first check: declared files under names that can be used, and fields of their length."""
    declared = {part.name for part in given.operation.parts}
    for name, file in given.collected.files.items():
        if name not in declared:
            raise Rejected("unknown-part", field=name, name=name)
        if not _is_usable(file.filename):
            raise Rejected("bad-file-name", field=name)
    for field in given.operation.fields:
        if len(given.text(field.name)) > field.max_length:
            raise Rejected("field-too-long", field=field.name, name=field.name, limit=field.max_length)


def check_all_there(given: Given) -> None:
    """Every file, not empty and not too large, and every required field."""
    for part in given.operation.parts:
        content = given.content(part.name)
        if content is None:
            raise Rejected("missing-file", field=part.name)
        if not content:
            raise Rejected("empty-file", field=part.name)
        if len(content) > part.max_bytes:
            raise Rejected("file-too-large", field=part.name, name=part.name, limit=part.max_bytes)
    for field in given.operation.fields:
        if field.required and not given.text(field.name).strip():
            raise Rejected("missing-field", field=field.name)


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
