"""Why a file that arrives in pieces is not begun, or a piece of it not taken.

Refusal
├── OtherVersion       412    the request speaks another protocol, or another version of this one
├── BadHeader          400    a header is missing, or is not what the protocol allows
├── NotOctets          415    a piece that is not sent as one
├── WrongOffset        409    a piece that does not begin where the last one ended
├── ChecksumMismatch   460    a piece that did not arrive as it was sent
├── Gone               410    its time is over, or it was given up
├── Locked             423    another request writes to it, and is not done in time
├── JoinedAlready      403    pieces are for what is not joined from others
├── NotWhole           409    what is to be joined is not there, or not whole
├── NotResumable       422    an operation whose files are never kept, or that has several
├── TooManyPieces      413    so many that it is no way to send a file
└── PassphraseNeeded   403    the link's passphrase was not said by this visitor
"""

from __future__ import annotations

from typing import ClassVar

from app.errors import Refusal


class OtherVersion(Refusal):
    """`Tus-Resumable` is missing, or names a version that is not spoken here."""

    slug: ClassVar[str] = "tus-version"
    status: ClassVar[int] = 412


class BadHeader(Refusal):
    """A header that is missing, contradicts another, or is not what the protocol allows."""

    slug: ClassVar[str] = "bad-header"


class NotOctets(Refusal):
    """A piece whose media type is not the protocol's own."""

    slug: ClassVar[str] = "not-octets"
    status: ClassVar[int] = 415


class WrongOffset(Refusal):
    """A piece that does not begin where what is safe ends, or whose place another request has taken."""

    slug: ClassVar[str] = "wrong-offset"
    status: ClassVar[int] = 409


class ChecksumMismatch(Refusal):
    """A piece that is not what its checksum says; nothing of it is kept."""

    slug: ClassVar[str] = "checksum-mismatch"
    status: ClassVar[int] = 460


class Gone(Refusal):
    """There was such a file, and it is given up."""

    slug: ClassVar[str] = "resumable-gone"
    status: ClassVar[int] = 410


class Locked(Refusal):
    """Another request has it in hand, and lives."""

    slug: ClassVar[str] = "resumable-locked"
    status: ClassVar[int] = 423
    retry_after = 1.0


class JoinedAlready(Refusal):
    """A piece for what is joined from other files."""

    slug: ClassVar[str] = "resumable-joined"
    status: ClassVar[int] = 403


class NotWhole(Refusal):
    """A part of what is to be joined that is unknown, not whole, or joined to something else."""

    slug: ClassVar[str] = "resumable-not-whole"
    status: ClassVar[int] = 409


class NotResumable(Refusal):
    """Certificates, keys and pictures are held in memory and sent at once, or not at all."""

    slug: ClassVar[str] = "not-resumable"
    status: ClassVar[int] = 422


class TooManyPieces(Refusal):
    """The file came in so many pieces that keeping each costs more than its bytes."""

    slug: ClassVar[str] = "too-many-pieces"
    status: ClassVar[int] = 413


class PassphraseNeeded(Refusal):
    """The link opens by its passphrase, which is said on its page."""

    slug: ClassVar[str] = "passphrase-needed"
    status: ClassVar[int] = 403
