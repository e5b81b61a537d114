"""Ids: what kind of thing it is, and 26 characters that sort by when it was made."""

from __future__ import annotations

import re
import secrets
import string
import time
from itertools import count
from typing import Final

from app.sandbox.factify.errors import Refused

_DIGITS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_ALPHANUMERIC: Final = string.digits + string.ascii_letters
_SEQUENCE: Final = count()


def new_id(kind: str) -> str:
    """Another id of that kind, such as `doc`; it sorts after all that were made before it."""
    return f"{kind}_{_sorted()}"


def new_secret() -> str:
    """An API key of the test environment."""
    return f"ffy_test_{_sorted()}" + "".join(secrets.choice(_ALPHANUMERIC) for _ in range(43))


def checked(kind: str, value: object, param: str) -> str:
    """The value, if it can be an id of that kind. Raises Refused."""
    if isinstance(value, str) and re.fullmatch(f"{kind}_[{_DIGITS}]{{26}}", value):
        return value
    raise Refused("invalid_id_format", param=param)


def _sorted() -> str:
    """128 bits, five to a character: milliseconds, a number that only rises, and chance."""
    number = time.time_ns() // 1_000_000 << 80 | next(_SEQUENCE) % (1 << 40) << 40 | secrets.randbits(40)
    return "".join(_DIGITS[number >> shift & 31] for shift in range(125, -1, -5))
