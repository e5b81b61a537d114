"""What requests say, judged by FormKiQ's rules. All of it raises Refused."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import new
from typing import Any, Final
from uuid import UUID

from app.sandbox.formkiq.errors import Invalid, Refused, missing
from app.sandbox.store import CHECKSUMS

#: A document within a request is smaller than that; whatever is larger goes by an address of its own.
INLINE_BYTES: Final = 5_000_000
TYPES: Final = tuple(name.upper() for name in CHECKSUMS)
#: Hours that an address lives for, where a request does not say.
HOURS: Final = 48

_LISTS: Final = {"tags": "key", "metadata": "key", "attributes": "key", "actions": "type"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksum:
    """What somebody says that the bytes hash to."""

    kind: str
    #: In hexadecimal; empty: to be computed.
    digest: str

    @property
    def headers(self) -> dict[str, str]:
        """What the upload has to say of it: hexadecimal comes in, base64 goes out."""
        encoded = base64.b64encode(bytes.fromhex(self.digest)).decode()
        return {"x-amz-sdk-checksum-algorithm": self.kind, f"x-amz-checksum-{self.kind.lower()}": encoded}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDocument:
    """A document that is to be made."""

    id: str | None = None
    path: str | None = None
    content_type: str | None = None
    checksum: Checksum | None = None
    #: None: it comes later.
    content: bytes | None = None
    metadata: list[dict[str, Any]] = field(default_factory=list)
    children: tuple[NewDocument, ...] = ()


def document(data: Any, *, inline: bool) -> NewDocument:
    """A document from the body of a request; `inline`: with its content."""
    if not isinstance(data, dict):
        raise Refused(400, "invalid JSON body")
    data = {name: value for name, value in data.items() if value is not None}
    for name in ("path", "contentType", "documentId", "content", "checksum", "checksumType", "deepLinkPath"):
        if not isinstance(data.get(name, ""), str):
            raise Invalid(name, f"'{name}' must be a string")
    for name, key in _LISTS.items():
        entries = data.get(name, [])
        if not isinstance(entries, list) or not all(isinstance(one, dict) and one.get(key) for one in entries):
            raise Invalid(key, f"'{key}' is required")
    children = tuple(document(one, inline=inline) for one in data.get("documents") or []) if inline else ()
    content = _content(data) if inline else None
    if inline and content is None and not children and not data.get("deepLinkPath"):
        raise missing("content")
    given = checksum(data, computed=inline)
    if content is not None and given is not None:
        given = _verified(given, content)
    return NewDocument(
        id=_uuid(data["documentId"]) if data.get("documentId") else None,
        path=data.get("path") or None,
        content_type=data.get("contentType") or None,
        checksum=given,
        content=content,
        metadata=data.get("metadata", []),
        children=children,
    )


def checksum(data: Mapping[str, Any], *, computed: bool = False) -> Checksum | None:
    """The checksum that a request names; `computed`: its kind alone will do."""
    digest, kind = data.get("checksum") or "", data.get("checksumType") or ""
    if not digest and not kind:
        return None
    if not kind:
        raise missing("checksumType")
    if kind not in TYPES:
        raise Invalid("checksumType", f"unexpected value '{kind}' must be one of {', '.join(TYPES)}")
    if not digest and not computed:
        raise missing("checksum")
    if digest and not re.fullmatch(f"[0-9a-fA-F]{{{CHECKSUMS[kind.lower()]}}}", digest):
        raise Invalid("checksum", f"'checksum' is no {kind} in hexadecimal")
    return Checksum(kind=kind, digest=digest.lower())


def length(query: Mapping[str, str], most: int | None) -> int | None:
    """How long the content is going to be, which some sites want to know."""
    text = query.get("contentLength")
    if text is not None and not (text.isascii() and text.isdecimal()):
        raise Invalid("contentLength", "'contentLength' is not a number")
    if most is None:
        return int(text) if text else None
    if not text:
        raise Refused(400, "'contentLength' is required when MaxContentLengthBytes is configured")
    if int(text) > most:
        raise Refused(400, f"'contentLength' cannot exceed {most} bytes")
    return int(text)


def duration(query: Mapping[str, str]) -> int:
    """Seconds that an address is to live for."""
    text = query.get("duration") or str(HOURS)
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise Invalid("duration", "'duration' must be a whole number of hours")
    return int(text) * 3600


def _content(data: Mapping[str, Any]) -> bytes | None:
    text = data.get("content")
    if text is None:
        return None
    if not text:
        raise missing("content")
    try:
        content = base64.b64decode(text, validate=True) if data.get("isBase64") is True else text.encode()
    except (binascii.Error, ValueError):
        raise Invalid("content", "'content' is not base64") from None
    if len(content) >= INLINE_BYTES:
        raise Invalid("content", f"'content' must be smaller than {INLINE_BYTES} bytes")
    return content


def _verified(given: Checksum, content: bytes) -> Checksum:
    digest = new(given.kind.lower(), content).hexdigest()
    if given.digest not in {"", digest}:
        raise Invalid("checksum", "'checksum' does not match the content")
    return Checksum(kind=given.kind, digest=digest)


def _uuid(text: str) -> str:
    try:
        if str(UUID(text)) == text.lower():
            return text
    except ValueError:
        pass
    raise Invalid("documentId", f"invalid documentId '{text}'")
