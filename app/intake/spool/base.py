"""What the spool is made of: places that keep objects whole or not at all, and what can be wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, ClassVar, Protocol
from uuid import UUID

from app.errors import Refusal


class SpoolFull(Refusal):
    """There is no room left for what would be kept."""

    slug: ClassVar[str] = "spool-full"
    status: ClassVar[int] = 507


class SpoolAway(Refusal):
    """The place where files wait does not answer, or does not take them."""

    slug: ClassVar[str] = "spool-away"
    status: ClassVar[int] = 503


class CopyLost(RuntimeError):  # noqa: N818 - says what happened
    """A copy is not there, was cut short, or was changed: it does not open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    """A segment of an upload's copy, as its place lists it."""

    upload_id: UUID
    segment: int
    stored: int
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much is kept, and how much more can be; `free` is None where nobody can tell (a bucket)."""

    used: int
    free: int | None


class Place(Protocol):
    """Keeps ciphertext. Every method raises SpoolAway where it cannot, SpoolFull where the disk is full."""

    def write(self, upload_id: UUID, segment: int) -> AbstractContextManager[BinaryIO]:
        """A new object: there, for good, once the context has ended well; else nothing of it is left."""
        ...

    def read(self, upload_id: UUID, segment: int) -> AbstractContextManager[BinaryIO]:
        """An object from its beginning; raises CopyLost where there is none."""
        ...

    def remove(self, upload_id: UUID) -> None:
        """Remove every segment of an upload, begun ones too; does nothing where there is none."""
        ...

    def listing(self) -> Iterator[Object]:
        """All objects, begun ones of this place too."""
        ...

    def room(self) -> Room:
        """How full it is."""
        ...
