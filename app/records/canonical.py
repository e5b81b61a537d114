"""JSON with one spelling (RFC 8785), so that what is signed is the values and every byte of them counts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import rfc8785

#: Beyond it not every reader of JSON tells integers apart.
SAFE: Final = 2**53 - 1


class NotCanonical(ValueError):  # noqa: N818 - says what it is
    """A value that has no canonical form, or a text that is not in it."""


def dumps(value: Any) -> bytes:
    """Write a value; raises NotCanonical."""
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError):
        raise NotCanonical from None


def loads(data: bytes) -> Any:
    """Read what `dumps` wrote; raises NotCanonical for the same value in any other spelling, and for what is none."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise NotCanonical from None
    if dumps(value) != data:
        raise NotCanonical
    return value


def plain(value: Any) -> Any:
    """Return a value from a JSON column so that it can be written: an integer beyond what is safe, by its digits."""
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > SAFE:
        return {"integer": str(value)}
    return value
