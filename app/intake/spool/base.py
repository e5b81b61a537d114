"""What the spool is made of: places that keep objects whole or not at all, and what can be wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol
from uuid import UUID

from app.errors import Refusal


class SpoolFull(Refusal):
    """There is no room left for what would be kept."""

    slug: ClassVar[str] = "spool-full"
    status: ClassVar[int] = 507
    retry_after = 60.0


class ShareFull(SpoolFull):
    """The organization's copies take up as much as one organization's may."""

    slug: ClassVar[str] = "spool-share-full"


class SpoolAway(Refusal):
    """The place where files wait does not answer, or does not take them."""

    slug: ClassVar[str] = "spool-away"
    status: ClassVar[int] = 503
    retry_after = 30.0


class SpoolBusy(SpoolAway):
    """So many files are being written that there is no memory to hold more of them back."""

    slug: ClassVar[str] = "spool-busy"


class CopyLost(RuntimeError):  # noqa: N818 - says what happened
    """A copy is not there, was cut short, or was changed: it does not open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    """A segment of an upload's copy, as its place lists it; one that is only `begun` counts for nothing yet."""

    upload_id: UUID
    segment: int
    stored: int
    changed_at: datetime
    begun: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """The disk that a place is on, in bytes."""

    total: int
    free: int


class Sink(Protocol):
    """Takes ciphertext."""

    def write(self, data: bytes, /) -> int:
        """Take all of it; raises SpoolAway or SpoolFull."""
        ...


class Source(Protocol):
    """Gives ciphertext back."""

    def read(self, size: int, /) -> bytes:
        """Give at most so many bytes, none at the end; raises SpoolAway."""
        ...


class Place(Protocol):
    """Keeps ciphertext. Every method raises SpoolAway where it cannot, SpoolFull where the disk is full."""

    def write(self, upload_id: UUID, segment: int, size: int) -> AbstractContextManager[Sink]:
        """A new object: there, for good, once the context has ended well; else nothing of it is left.

        `size` is what it is expected to come to, 0 where nobody knows. One that is there already is replaced.
        """
        ...

    def read(self, upload_id: UUID, segment: int) -> AbstractContextManager[Source]:
        """An object from its beginning; raises CopyLost where there is none."""
        ...

    def remove(self, upload_id: UUID) -> int:
        """Remove every segment of an upload, begun ones too, and say how many bytes those were."""
        ...

    def listing(self) -> Iterator[Object]:
        """All objects, begun ones too where it can tell."""
        ...

    def volume(self) -> Volume | None:
        """The disk it is on, None where nobody can tell (a bucket)."""
        ...
