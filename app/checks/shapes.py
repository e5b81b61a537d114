"""What a file is, by its first elements and never by its name: customers pick the wrong one in many ways."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final

from app.checks import der

#: Fewer bytes are the beginning of a certificate or key at most.
MINIMUM_BYTES: Final = 500
#: More are something else: the largest certificates and keys seen have 1,650.
MAXIMUM_BYTES: Final = 16 * 1024

_BASE64: Final = re.compile(rb"[A-Za-z0-9+/=\s]+")


class Shape(Enum):
    """What can be told without knowing a password. OTHER: a ZIP, a PFX, a PKCS#7 (.sdg), something cut short, ..."""

    TEXT = auto()
    PROTECTED_KEY = auto()
    PLAIN_KEY = auto()
    #: A certificate where it reads as one, else a request for one (.req).
    SIGNED = auto()
    OTHER = auto()


def shape(data: bytes) -> Shape:
    """Tell a file's shape; trailing bytes make it OTHER, because the provider's loader would refuse them."""
    if _is_text(data):
        return Shape.TEXT
    if len(data) < MINIMUM_BYTES:
        return Shape.OTHER
    try:
        outer = der.only_element(data)
        inner = list(der.elements(outer.content))
    except ValueError:
        return Shape.OTHER
    return _by_elements(outer.tag, inner)


def _by_elements(tag: int, inner: list[der.Element]) -> Shape:
    match tag, inner:
        case der.SEQUENCE, [der.Element(der.SEQUENCE), der.Element(der.OCTET_STRING)]:
            return Shape.PROTECTED_KEY
        case der.SEQUENCE, [der.Element(der.INTEGER, b"\0"), *_]:
            return Shape.PLAIN_KEY
        case der.SEQUENCE, [der.Element(der.SEQUENCE), der.Element(der.SEQUENCE), der.Element(der.BIT_STRING)]:
            return Shape.SIGNED
    return Shape.OTHER


def _is_text(data: bytes) -> bool:
    """PEM, also behind the lines that OpenSSL puts before it, or nothing but base64."""
    return (b"-----BEGIN " in data and data[0] != der.SEQUENCE) or _BASE64.fullmatch(data) is not None
