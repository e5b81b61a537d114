"""The spool's one door: copies go in as blocks and come out as blocks, and lie encrypted in between."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, Self
from uuid import UUID, uuid4

import structlog
import tink
from tink import aead

from app.config import Settings
from app.intake.spool.base import CopyLost, Place, Sink, SpoolAway, Volume
from app.intake.spool.bucket import Bucket
from app.intake.spool.cipher import BLOCK_BYTES, Feed, opening, sealing
from app.intake.spool.local import Folder
from app.intake.spool.room import Room, Share
from app.intake.spool.shares import Held, Shares

log = structlog.get_logger("ventanilla.spool")

#: Uploads that are asked about at a time.
BATCH: Final = 500
PROBE: Final = b"Can this be read?" * 64


class Spool:
    """Keeps copies, each under its organization's data key, in a place that never sees what they are."""

    def __init__(
        self, place: Place, *, quota: int | None = None, high_water: float = 1.0, shares: Shares | None = None
    ) -> None:
        """`quota` is in bytes; `high_water` is the share of the place's disk that may be in use, by whomever."""
        self.place = place
        self._shares = shares
        self._room = Room(place, quota=quota, high_water=high_water)

    @classmethod
    def from_settings(cls, settings: Settings, shares: Shares | None = None) -> Self:
        """The spool that the settings name; asks it nothing yet."""
        place: Place
        if "://" in settings.spool_url:
            place = Bucket.at(settings.spool_url, buffers=settings.spool_buffer_bytes)
        else:
            place = Folder(Path(settings.spool_url or settings.instance_dir / "spool"))
        quota, high_water = settings.spool_quota_bytes, settings.spool_high_water
        return cls(place, quota=quota, high_water=high_water, shares=shares)

    def check_room(self, size: int, organization_id: UUID | None = None) -> None:
        """Raise SpoolFull if a file of so many bytes would be too much, or SpoolAway; before a byte of it is taken.

        `organization_id`: whose it is; then it may be too much of its share.
        """
        self._room.check(size)
        if self._shares is not None and organization_id is not None:
            self._shares.check(organization_id, size)

    @contextmanager
    def write(
        self, cipher: aead.Aead, organization_id: UUID, upload_id: UUID, segment: int = 0, *, size: int = 0
    ) -> Iterator[Writer]:
        """Keep what is fed to the writer: there for good once the context has ended well, else nothing of it is left.

        `size` is what is expected, 0 where nobody knows: the room for it is promised, or SpoolFull raised, at once.
        What ended well stays promised to its organization until `settle`.
        """
        place = _place(organization_id, upload_id, segment)
        with (
            self._room.share(size) as share,
            self._held(organization_id, upload_id, size) as held,
            self.place.write(upload_id, segment, size) as sink,
        ):
            counted = _Counted(sink, share, held)
            with sealing(cipher, place, counted) as feed:
                writer = Writer(feed, share)
                yield writer

    @contextmanager
    def _held(self, organization_id: UUID, upload_id: UUID, size: int) -> Iterator[Held | None]:
        if self._shares is None:
            yield None
            return
        held = Held(self._shares, organization_id, upload_id, size)
        try:
            yield held
        except BaseException:
            held.drop()
            raise

    def settle(self, organization_id: UUID, upload_id: UUID) -> None:
        """Note that a row says by now how much a copy takes up, or that there is none."""
        if self._shares is not None:
            self._shares.settle(organization_id, upload_id)

    def read(self, cipher: aead.Aead, organization_id: UUID, upload_id: UUID, segments: int = 1) -> Iterator[bytes]:
        """A copy from its beginning, in blocks of up to 1 MiB; raises CopyLost, if need be after others were given."""
        for segment in range(segments):
            with self.place.read(upload_id, segment) as source:
                yield from opening(cipher, _place(organization_id, upload_id, segment), source)

    def probe(self) -> Volume | None:
        """Keep something, look at it, remove it; raises SpoolFull, SpoolAway, CopyLost where it is not as it was."""
        self.check_room(len(PROBE))
        cipher = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM).primitive(aead.Aead)
        organization_id, upload_id = uuid4(), uuid4()
        try:
            with self.write(cipher, organization_id, upload_id, size=len(PROBE)) as writer:
                writer.feed(PROBE)
            with self.place.read(upload_id, 0) as source:
                bare = PROBE in source.read(2 * BLOCK_BYTES)
            if bare or b"".join(self.read(cipher, organization_id, upload_id)) != PROBE:
                raise CopyLost("What was kept is not encrypted, or not what it was.")
        finally:
            self.remove(upload_id)
        return self.place.volume()

    def remove(self, upload_id: UUID) -> None:
        """Remove a copy, whole or begun; does nothing where there is none."""
        self._room.freed(self.place.remove(upload_id))

    def discard(self, upload_id: UUID) -> None:
        """Remove a copy that nobody needs any more; what cannot be removed now is left for the sweep."""
        try:
            self.remove(upload_id)
        except SpoolAway:
            log.warning("copy could not be removed", upload=str(upload_id))

    def sweep(self, known: Callable[[Collection[UUID]], Collection[UUID]], before: datetime) -> int:
        """Remove what has not changed since `before` and is of uploads that `known` does not give back; count them.

        `known` is asked about some uploads at a time, and answers for those whose bytes are still needed: that have
        a copy, are arriving, or are being resumed.
        """
        swept = 0
        batch: set[UUID] = set()
        for found in self.place.listing():
            if found.changed_at >= before:
                continue
            if len(batch) == BATCH and found.upload_id not in batch:
                swept += self._sweep(batch, known)
                batch = set()
            batch.add(found.upload_id)
        return swept + self._sweep(batch, known)

    def _sweep(self, batch: set[UUID], known: Callable[[Collection[UUID]], Collection[UUID]]) -> int:
        orphans = batch.difference(known(batch)) if batch else batch
        for upload_id in orphans:
            self.remove(upload_id)
        return len(orphans)


class Writer:
    """Takes a file, a block after the other."""

    def __init__(self, feed: Feed, share: Share) -> None:
        self.feed = feed
        self._share = share

    @property
    def stored(self) -> int:
        """Bytes that it takes up, encrypted; final once the context has ended."""
        return self._share.written


class _Counted:
    """A sink that asks for room before it takes anything."""

    def __init__(self, sink: Sink, share: Share, held: Held | None) -> None:
        self._sink = sink
        self._share = share
        self._held = held

    def write(self, data: bytes, /) -> int:
        self._share.take(len(data))
        if self._held is not None:
            self._held.take(len(data))
        return self._sink.write(data)


def _place(organization_id: UUID, upload_id: UUID, segment: int) -> str:
    """What an object is bound to; ids and numbers have one spelling and no bar, so no two places are written alike."""
    return f"{organization_id}|{upload_id}|{segment}"
