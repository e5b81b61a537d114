"""A file that is put by as it passes: the copy is whole with its end, for whoever takes that, or there is none."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import tink
from tink import aead
from uuid_utils.compat import uuid7

from app.delivery.errors import TookTooLong
from app.delivery.passing import HAND_OVER
from app.delivery.spooling import Reread, Shelf, Spooled, Spooling
from app.errors import Refusal
from app.intake.errors import ClientGone
from app.intake.spool import Spool, SpoolAway, SpoolFull
from app.intake.spool.local import Folder
from tests.delivery.arriving import Watch, fake
from tests.watch import Watch as Clock

LARGE = HAND_OVER * b"x"
BLOCKS = [b"ab", LARGE, b"c", LARGE]
WHOLE = b"".join(BLOCKS)

aead.register()


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    cipher = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM).primitive(aead.Aead)
    return Shelf(spool=Spool(Folder(tmp_path)), cipher=cipher, organization_id=uuid7(), upload_id=uuid7())


def spooling(shelf: Shelf, arriving: Any = None, watch: Watch | None = None, **more: Any) -> Spooling:
    given: dict[str, Any] = {"size": len(WHOLE), "sealed": b"sealed", "until": float("inf")} | more
    return Spooling(arriving or fake(BLOCKS), watch or Watch(), shelf, **given)


def held(shelf: Shelf) -> list[UUID]:
    return [found.upload_id for found in shelf.spool.place.listing()]


def content(shelf: Shelf, segments: int = 1) -> bytes:
    return b"".join(shelf.spool.read(shelf.cipher, shelf.organization_id, shelf.upload_id, segments))


def test_the_copy_is_whole_with_the_end_and_not_before(shelf: Shelf) -> None:
    source = spooling(shelf)
    blocks = source.blocks()
    assert [id(next(blocks)) for _ in BLOCKS] == [id(block) for block in BLOCKS]
    assert source.copy is None
    assert next(blocks, None) is None
    assert source.copy is not None
    assert (source.copy.size, source.copy.sealed) == (len(WHOLE), b"sealed")
    assert source.copy.stored == sum(found.stored for found in shelf.spool.place.listing())
    assert source.sha256 == hashlib.sha256(WHOLE).hexdigest()
    assert content(shelf) == WHOLE


@pytest.mark.parametrize("taken", range(len(BLOCKS) + 1))
def test_what_one_does_not_take_is_drained(shelf: Shelf, taken: int) -> None:
    watch = Watch()
    source = spooling(shelf, watch=watch)
    for _ in range(taken):
        next(source.blocks())
    source.drain()
    assert content(shelf) == WHOLE == watch.seen
    assert source.facts == {"bytes": len(WHOLE)}
    source.drain()  # nothing is left


@pytest.mark.parametrize("refuses", [Watch(refuse_at=1), Watch(refuse_at_end=True)], ids=["on its way", "at its end"])
@pytest.mark.parametrize("taken", [0, 1])
def test_what_is_refused_leaves_nothing(shelf: Shelf, refuses: Watch, taken: int) -> None:
    watch = Watch(refuse_at=refuses.refuse_at, refuse_at_end=refuses.refuse_at_end)
    source = spooling(shelf, fake([LARGE, LARGE]), watch)
    for _ in range(taken):
        next(source.blocks())
    with pytest.raises(Refusal):
        source.drain()
    assert held(shelf) == []
    assert source.copy is None


def test_who_leaves_leaves_nothing(shelf: Shelf) -> None:
    source = spooling(shelf, fake([LARGE], fails=ClientGone()))
    with pytest.raises(ClientGone):
        source.drain()
    assert held(shelf) == []


def test_what_is_given_up_leaves_nothing(shelf: Shelf) -> None:
    source = spooling(shelf)
    next(source.blocks())
    assert held(shelf) == [shelf.upload_id]
    source.close()
    assert held(shelf) == []


def test_what_broke_off_is_not_taken_for_whole(shelf: Shelf) -> None:
    """An error of the source that somebody else took for the provider's."""
    source = spooling(shelf, fake([LARGE], fails=OSError()))
    with pytest.raises(OSError):
        list(source.blocks())
    with pytest.raises(SpoolAway):
        source.drain()
    assert held(shelf) == []


def test_who_is_in_no_hurry_is_not_waited_for_for_ever(shelf: Shelf) -> None:
    clock = Clock()
    source = spooling(shelf, until=clock() + 60.0, clock=clock)
    next(source.blocks())
    clock.now += 60.0
    with pytest.raises(TookTooLong):
        source.drain()
    source.close()
    assert held(shelf) == []


def test_a_spool_that_is_full_is_told_before_anything_is_written(tmp_path: Path, shelf: Shelf) -> None:
    full = Shelf(
        spool=Spool(Folder(tmp_path), quota=len(WHOLE) - 1),
        cipher=shelf.cipher,
        organization_id=shelf.organization_id,
        upload_id=shelf.upload_id,
    )
    with pytest.raises(SpoolFull):
        spooling(full).drain()
    assert held(full) == []


def test_what_is_beside_the_bytes_opens_for_its_own_upload_alone(shelf: Shelf) -> None:
    sealed = shelf.seal("text/csv", {"title": "Ñandú"})
    assert "Ñ".encode() not in sealed
    assert shelf.unseal(sealed) == {"content_type": "text/csv", "fields": {"title": "Ñandú"}}
    other = Shelf(spool=shelf.spool, cipher=shelf.cipher, organization_id=shelf.organization_id, upload_id=uuid7())
    with pytest.raises(tink.TinkError):
        other.unseal(sealed)


@pytest.mark.parametrize("count", [1, 5, 100, 10_000_000])
def test_what_was_put_by_is_read_again_from_its_beginning(shelf: Shelf, count: int) -> None:
    for segment, piece in enumerate((b"abc", b"d", LARGE)):
        with shelf.spool.write(shelf.cipher, shelf.organization_id, shelf.upload_id, segment) as writer:
            writer.feed(piece)
    whole = b"abcd" + LARGE
    spooled = Spooled(
        upload_id=shelf.upload_id, name="file", filename="a.csv", content_type="text/csv", size=1, stored=1, segments=3
    )
    reread = Reread(shelf, spooled)
    assert reread.head(count) == whole[:count]
    assert b"".join(reread.blocks()) == whole
