"""What a file really is, by its first bytes, and what is never taken whatever it calls itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import puremagic

from app.checks.errors import Unfit
from app.checks.types import Family, Type

#: As much of a file's beginning as is asked for before anything is decided, or all of it.
HEAD_BYTES: Final = 4096

#: By the bytes that a file of the family begins with; nothing may come before them.
SIGNATURES: Final[Mapping[bytes, Family]] = {
    b"%PDF-": Family.PDF,
    b"\x89PNG\r\n\x1a\n": Family.PNG,
    b"\xff\xd8\xff": Family.JPEG,
    b"PK\x03\x04": Family.ZIP,
    # An archive of nothing.
    b"PK\x05\x06": Family.ZIP,
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": Family.OLE,
}
#: Those that begin as they like, and are told by what they hold.
TEXTS: Final = frozenset({Family.TEXT, Family.JSON, Family.XML})

#: A newer office file that has a password is kept in an older one, under this name.
_PROTECTED_OFFICE: Final = "EncryptedPackage".encode("utf-16-le")
_BYTE_ORDER_MARKS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
#: Where a program for Windows says how far its second header is.
_PE_POINTER: Final = 0x3C
_PROGRAMS: Final = (
    b"\x7fELF",
    # Mach-O in either order and width, and several in one; the last is Java's too.
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"\0asm",
    b"dex\n",
    b"#!",
    # A shortcut of Windows.
    b"L\0\0\0\x01\x14\x02\0",
)
#: Archives that are not looked into: RAR, 7z, cabinet, xz, zstd, gzip, bzip2; tar says so later.
_OPAQUE: Final = re.compile(
    rb"Rar!\x1a\x07|7z\xbc\xaf\x27\x1c|MSCF\0|\xfd7zXZ\0|\x28\xb5\x2f\xfd|\x1f\x8b\x08|BZh[1-9]1AY&SY|.{257}ustar",
    re.DOTALL,
)
#: Also behind comments and declarations, which are never gone back over.
_PAGE: Final = re.compile(
    rb"\s*+(?>(?:<!--.*?-->|<\?xml[^>]*>|<!doctype\s(?!\s*(?:html|svg))[^>]*>)\s*)*+"
    rb"<(?:!doctype\s+(?:html|svg)|(?:[a-z_][\w.-]*:)?(?:html|svg|script|iframe)\b|\?php|\?=|%)",
    re.IGNORECASE | re.DOTALL,
)


def family(head: bytes) -> Family | None:
    """The family that the beginning of a file tells; None where it tells none: text, or something else."""
    return next((family for signature, family in SIGNATURES.items() if head.startswith(signature)), None)


def refuse_never_taken(head: bytes) -> None:
    """Programs and web pages are refused by what they are; raises Unfit."""
    if is_program(head):
        raise Unfit("program")
    if _PAGE.match(plain(head)):
        raise Unfit("web-page")


def is_program(head: bytes) -> bool:
    """Whether a file that begins so runs somewhere."""
    if head.startswith(b"MZ"):
        # Texts begin with these letters too.
        at = int.from_bytes(head[_PE_POINTER : _PE_POINTER + 4], "little")
        return head[at : at + 4] == b"PE\0\0" or b"\0" in head[:64]
    return head.startswith(_PROGRAMS)


def is_opaque(head: bytes) -> bool:
    """Whether it is an archive that cannot be looked into."""
    return _OPAQUE.match(head) is not None


def refuse_other_content(type_: Type, head: bytes) -> None:
    """Name and content have to agree; raises Unfit that says what it is, where that is known."""
    found = family(head)
    if found is type_.family or (found is None and type_.family in TEXTS):
        return
    if found is Family.OLE and _PROTECTED_OFFICE in head:
        raise Unfit("protected-file")
    guess = _guess(head)
    if guess:
        raise Unfit("other-content", kind=type_.words, found=guess)
    raise Unfit("not-its-content", kind=type_.words)


def plain(head: bytes) -> bytes:
    """The beginning of a text with one byte a character and without its mark, as far as it is compared with."""
    mark = next((mark for mark in _BYTE_ORDER_MARKS if head.startswith(mark)), b"")
    head = head[len(mark) :]
    return head.replace(b"\0", b"") if len(mark) == 2 or b"\0" in head[:2] else head


def _guess(head: bytes) -> str:
    """The ending that such a file usually has; for the sentence only, since signatures of few bytes mistake much."""
    with suppress(Exception):
        return str(puremagic.from_string(head))
    return ""
