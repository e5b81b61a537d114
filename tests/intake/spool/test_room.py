"""How much may be kept: what is there, what is promised, what others have added, and the disk's own mark."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from app.intake.spool import SpoolFull
from app.intake.spool.base import Object, Sink, Source, Volume
from app.intake.spool.room import COUNT_SECONDS, COUNT_SHARE, Room


class Hole:
    def write(self, data: bytes, /) -> int:
        return len(data)


@dataclass
class Somewhere:
    """A place of which the test says how full it is."""

    kept: list[int] = field(default_factory=list)
    disk: Volume | None = None
    listed: int = 0
    clock: float = 1_000.0
    listing_takes: float = 0.0

    def write(self, upload_id: UUID, segment: int, size: int) -> AbstractContextManager[Sink]:
        return nullcontext(Hole())

    def read(self, upload_id: UUID, segment: int) -> AbstractContextManager[Source]:
        raise AssertionError

    def remove(self, upload_id: UUID) -> int:
        return self.kept.pop()

    def listing(self) -> Iterator[Object]:
        self.listed += 1
        self.clock += self.listing_takes
        for size in self.kept:
            yield Object(upload_id=uuid4(), segment=0, stored=size, changed_at=datetime.now(UTC))

    def volume(self) -> Volume | None:
        return self.disk

    def room(self, quota: int | None = None, high_water: float = 1.0) -> Room:
        return Room(self, quota=quota, high_water=high_water, clock=lambda: self.clock)


def test_without_a_quota_and_a_disk_all_is_taken_and_nothing_is_looked_at() -> None:
    place = Somewhere(kept=[1])
    place.room().check(1 << 60)
    assert place.listed == 0


def test_up_to_the_quota_and_no_byte_more() -> None:
    room = Somewhere(kept=[30, 20]).room(quota=100)
    room.check(50)
    with pytest.raises(SpoolFull):
        room.check(51)


def test_up_to_the_mark_on_the_disk_and_no_byte_more() -> None:
    room = Somewhere(disk=Volume(total=1000, free=700)).room(high_water=0.5)
    room.check(200)
    with pytest.raises(SpoolFull):
        room.check(201)


def test_a_disk_above_its_mark_takes_nothing() -> None:
    with pytest.raises(SpoolFull):
        Somewhere(disk=Volume(total=1000, free=99)).room(high_water=0.9).check(0)


def test_what_is_promised_counts_as_if_it_were_there() -> None:
    room = Somewhere().room(quota=100)
    with room.share(60):
        with pytest.raises(SpoolFull):
            room.check(41)
        with room.share(40), pytest.raises(SpoolFull), room.share(1):
            pass
    with room.share(100):  # nothing was written: all of it was given back
        pass


def test_what_is_written_counts_once_then_as_kept() -> None:
    room = Somewhere().room(quota=100)
    with room.share(60) as share:
        share.take(50)
        room.check(40)
        with pytest.raises(SpoolFull):
            room.check(41)
    room.check(50)  # what was promised and not needed is free again
    with pytest.raises(SpoolFull):
        room.check(51)
    assert share.written == 50


def test_what_did_not_end_well_takes_up_nothing() -> None:
    room = Somewhere().room(quota=100)
    with pytest.raises(ValueError, match="no"), room.share(60) as share:
        share.take(60)
        raise ValueError("no")
    room.check(100)


@pytest.mark.parametrize("promised", [0, 10])
def test_a_file_that_is_longer_than_was_said_asks_for_more(promised: int) -> None:
    room = Somewhere().room(quota=100)
    with pytest.raises(SpoolFull), room.share(promised) as share:
        share.take(100)
        with pytest.raises(SpoolFull):
            room.check(1)
        share.take(1)
    room.check(100)


def test_a_disk_that_others_fill_ends_a_file_of_unknown_length() -> None:
    place = Somewhere(disk=Volume(total=1000, free=500))
    room = place.room(high_water=0.9)
    with pytest.raises(SpoolFull), room.share(0) as share:
        share.take(300)
        place.disk = Volume(total=1000, free=110)
        share.take(11)


def test_what_is_removed_is_free_again() -> None:
    place = Somewhere(kept=[100])
    room = place.room(quota=100)
    with pytest.raises(SpoolFull):
        room.check(1)
    room.freed(40)
    room.check(40)
    room.freed(1_000)  # more than was known of: another process wrote it
    room.check(100)
    with pytest.raises(SpoolFull):
        room.check(101)


def test_it_is_counted_now_and_then_and_not_for_each_file() -> None:
    """Other processes add and remove; walking through everything for each upload would take longer than the upload."""
    place = Somewhere(kept=[10])
    room = place.room(quota=100)
    for _ in range(50):
        room.check(1)
    assert place.listed == 1
    place.kept = [95]
    place.clock += COUNT_SECONDS - 1
    room.check(90)
    place.clock += 1
    with pytest.raises(SpoolFull):
        room.check(6)
    assert place.listed == 2


def test_what_takes_long_to_count_is_counted_less_often() -> None:
    place = Somewhere(kept=[10], listing_takes=30.0)
    room = place.room(quota=100)
    room.check(1)
    place.clock += 30 * COUNT_SHARE - 1
    room.check(1)
    assert place.listed == 1
    place.clock += 1
    room.check(1)
    assert place.listed == 2


def test_who_waited_while_another_counted_does_not_count_again() -> None:
    place = Somewhere(kept=[10])
    room = place.room(quota=100)

    class Late:
        """Whoever gets this lock had to wait for it."""

        def __enter__(self) -> None:
            room._count_at = float("inf")

        def __exit__(self, *_: object) -> None:
            """Nothing is held."""

    room._counting = Late()  # type: ignore[assignment]
    room.check(100)
    assert place.listed == 0
