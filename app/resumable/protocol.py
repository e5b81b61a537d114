"""The protocol's headers, tus 1.0.0, read by its grammar: what can be understood in two ways is refused."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from app.intake.errors import NotText
from app.providers import registry
from app.records.models import ResumableKind
from app.resumable.errors import BadHeader, ChecksumMismatch, OtherVersion

VERSION: Final = "1.0.0"
EXTENSIONS: Final = (
    "creation",
    "creation-defer-length",
    "creation-with-upload",
    "expiration",
    "checksum",
    "termination",
    "concatenation",
)
ALGORITHMS: Final = ("sha1", "sha256")
OCTETS: Final = "application/offset+octet-stream"
#: No operation takes more.
MOST_BYTES: Final = max(part.max_bytes for one in registry.OPERATIONS.values() for part in one.parts)
#: Files that may be joined to one.
MOST_JOINED: Final = 64
JOIN: Final = "final"
PART: Final = "partial"

_NUMBER: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_KEY: Final = re.compile(r"[\x21-\x2b\x2d-\x7e]+")
_PLACE: Final = re.compile(r"/files/([\w-]{32})", re.ASCII)


class Headers(Protocol):
    """A request's headers; a name is found however it is written."""

    def get(self, key: str, /) -> str | None:
        """The header's value, where it was sent."""
        ...


class Hash(Protocol):
    """What hashlib gives."""

    def update(self, block: bytes, /) -> None:
        """See the next bytes."""
        ...

    def digest(self) -> bytes:
        """Of all that was seen."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """How long a file will be; None: that is said later."""

    total: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Concat:
    """What a file is a part of, or joined from: the keys of those, in order."""

    kind: ResumableKind
    keys: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Checksum:
    """What a piece has to hash to."""

    algorithm: str
    digest: bytes
    seen: Hash

    def verify(self) -> None:
        """Raise ChecksumMismatch unless all that was seen hashes to it."""
        if self.seen.digest() != self.digest:
            raise ChecksumMismatch(algorithm=self.algorithm)


def check_version(headers: Headers) -> None:
    """Raise OtherVersion unless the request speaks ours."""
    if headers.get("Tus-Resumable") != VERSION:
        raise OtherVersion(version=VERSION)


def number(headers: Headers, name: str) -> int | None:
    """A header that is a number of bytes; None where it is not there."""
    value = headers.get(name)
    if value is None:
        return None
    if _NUMBER.fullmatch(value) is None:
        raise BadHeader(name=name)
    return int(value)


def needed(headers: Headers, name: str) -> int:
    """A number of bytes that has to be there."""
    found = number(headers, name)
    if found is None:
        raise BadHeader(name=name)
    return found


def length(headers: Headers) -> Length:
    """How long a file that is begun will be: one of two headers says so, and never both."""
    total, deferred = number(headers, "Upload-Length"), headers.get("Upload-Defer-Length")
    if deferred not in {None, "1"}:
        raise BadHeader(name="Upload-Defer-Length")
    if (total is None) == (deferred is None):
        raise BadHeader(name="Upload-Length")
    return Length(total=total)


def concat(headers: Headers) -> Concat:
    """What is to become of a file that is begun."""
    value = headers.get("Upload-Concat")
    if value is None:
        return Concat(kind=ResumableKind.WHOLE)
    if value == PART:
        return Concat(kind=ResumableKind.PART)
    word, _, places = value.partition(";")
    found = [_PLACE.fullmatch(urlsplit(place).path) for place in places.split()]
    if word != JOIN or not 0 < len(found) <= MOST_JOINED:
        raise BadHeader(name="Upload-Concat")
    keys = tuple(match[1] for match in found if match)
    if len(keys) < len(found):
        raise BadHeader(name="Upload-Concat")
    return Concat(kind=ResumableKind.JOINED, keys=keys)


def metadata(value: str) -> dict[str, str]:
    """The pairs of `Upload-Metadata`; clients with none of them send it empty."""
    found: dict[str, str] = {}
    for pair in value.split(",") if value.strip() else ():
        name, _, encoded = pair.strip(" \t").partition(" ")
        if _KEY.fullmatch(name) is None or name in found:
            raise BadHeader(name="Upload-Metadata")
        found[name] = _text(name, encoded)
    return found


def checksum(headers: Headers) -> Checksum | None:
    """What a piece has to hash to, where that was said."""
    value = headers.get("Upload-Checksum")
    if value is None:
        return None
    algorithm, _, encoded = value.partition(" ")
    if algorithm not in ALGORITHMS:
        raise BadHeader(name="Upload-Checksum")
    seen = hashlib.new(algorithm, usedforsecurity=False)
    digest = _decoded(encoded)
    if digest is None or len(digest) != seen.digest_size:
        raise BadHeader(name="Upload-Checksum")
    return Checksum(algorithm=algorithm, digest=digest, seen=seen)


def date(moment: datetime) -> str:
    """A moment as HTTP writes it."""
    return format_datetime(moment, usegmt=True)


def offered() -> Mapping[str, Any]:
    """What is told to who asks what is spoken here."""
    return {
        "Tus-Version": VERSION,
        "Tus-Extension": ",".join(EXTENSIONS),
        "Tus-Max-Size": str(MOST_BYTES),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }


def _text(name: str, encoded: str) -> str:
    plain = _decoded(encoded)
    if plain is None:
        raise BadHeader(name="Upload-Metadata")
    try:
        text = plain.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:  # no database takes one
        raise NotText(field=name, name=name)
    return text


def _decoded(encoded: str) -> bytes | None:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
