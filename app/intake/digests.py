"""What a client says its body hashes to (RFC 9530), held against the bytes as they arrive.

`Content-Digest` is of the content of the message. `Repr-Digest` is of what it stands for, which is the same here: a
body that is encoded is not taken.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Final, Self

from app.errors import Refusal

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

HEADERS: Final = {"HTTP_CONTENT_DIGEST": "Content-Digest", "HTTP_REPR_DIGEST": "Repr-Digest"}
#: What is verified, in the order in which it is wanted. The others that have a name are broken, or were never meant
#: against more than bad luck.
ALGORITHMS: Final = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
WANTED: Final = "sha-256=10, sha-512=5"

#: A member of a structured dictionary whose value is a byte sequence (RFC 8941).
_MEMBER: Final = re.compile(r"[ \t]*([a-z*][a-z0-9_.*-]*)=:([0-9A-Za-z+/]*={0,2}):[ \t]*")


class DigestUnreadable(Refusal):
    """Not what RFC 9530 calls a digest, or not as long as one of its kind is."""

    slug: ClassVar[str] = "digest-invalid-values"


class DigestUnsupported(Refusal):
    """Of none of the kinds that are verified: who asks for it to be held against the body is told that it is not."""

    slug: ClassVar[str] = "digest-unsupported-algorithms"


class DigestMismatch(Refusal):
    """What arrived is not what its sender meant to send."""

    slug: ClassVar[str] = "digest-mismatched-values"


class Digests:
    """What one body has to hash to."""

    def __init__(self, said: Mapping[str, Mapping[str, bytes]]) -> None:
        self._said = said
        self._hashes = {name: ALGORITHMS[name]() for name in {name for one in said.values() for name in one}}

    @classmethod
    def of(cls, environ: WSGIEnvironment) -> Self | None:
        """What the headers say; None: nothing. Raises DigestUnreadable and DigestUnsupported."""
        said = {header: _read(header, environ[name]) for name, header in HEADERS.items() if environ.get(name)}
        return cls(said) if said else None

    def see(self, block: bytes, *, last: bool) -> None:
        """See the next bytes; raises DigestMismatch with the last."""
        for one in self._hashes.values():
            one.update(block)
        if last:
            self._judge()

    def _judge(self) -> None:
        for header, said in self._said.items():
            for name, digest in said.items():
                if not hmac.compare_digest(self._hashes[name].digest(), digest):
                    raise DigestMismatch(name=header)


def sha256(content: bytes) -> str:
    """The digest of some content, as such a header has it."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


def _read(header: str, value: str) -> Mapping[str, bytes]:
    members = [_MEMBER.fullmatch(member) for member in value.split(",")]
    said = {member[1]: _digest(header, member[1], member[2]) for member in members if member}
    if None in members:
        raise DigestUnreadable(name=header)
    known = {name: digest for name, digest in said.items() if name in ALGORITHMS}
    if not known:
        raise DigestUnsupported(name=header)
    return known


def _digest(header: str, algorithm: str, written: str) -> bytes:
    try:
        digest = base64.b64decode(written, validate=True)
    except ValueError:
        raise DigestUnreadable(name=header) from None
    if algorithm in ALGORITHMS and len(digest) != ALGORITHMS[algorithm]().digest_size:
        raise DigestUnreadable(name=header)
    return digest
