"""What holds in every place: whole or not at all, for its organization alone, and nothing readable in between."""

from __future__ import annotations

import gc
import random
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
import pytest
import tink
from hypothesis import HealthCheck, given
from hypothesis import settings as trying
from hypothesis import strategies as st
from tink import secret_key_access
from tink.proto import tink_pb2
from tink.proto.aes_gcm_hkdf_streaming_pb2 import AesGcmHkdfStreamingKey

from app.config import ConfigurationError, Settings
from app.intake.spool import CopyLost, Spool, SpoolAway, SpoolFull, spool
from app.intake.spool.bucket import Bucket
from app.intake.spool.cipher import sealing
from app.intake.spool.local import Folder
from tests.intake.spool.conftest import House, a_cipher, in_a_folder

MIB = 1 << 20
PART = 4096


def some(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311 - the same ones each time


@pytest.mark.parametrize("size", [0, 1, PART - 16, PART, PART + 1, MIB, 5 * MIB, 11 * MIB + 17])
def test_what_goes_in_comes_out(house: House, size: int) -> None:
    upload, content = uuid4(), some(size)
    stored = house.keep(upload, *(content[at : at + MIB] for at in range(0, size, MIB)), size=size)
    assert house.give(upload) == content
    ((_, body),) = house.objects().items()
    assert len(body) == stored
    assert size < stored < size * 1.01 + 500
    assert house.begun() == 0


def test_it_comes_in_blocks_that_do_not_grow(local: House) -> None:
    upload = uuid4()
    local.keep(upload, some(3 * MIB))
    assert {len(block) for block in local.spool.read(local.cipher, local.organization, upload)} == {MIB}


def test_a_place_that_goes_away_in_the_midst_of_it_has_lost_nothing(
    local: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Tink makes of it would look like a copy that is broken."""
    upload = uuid4()
    local.keep(upload, some(3 * MIB))
    blocks = local.spool.read(local.cipher, local.organization, upload)
    assert next(blocks)

    def away(*_: object) -> bytes:
        raise SpoolAway

    with monkeypatch.context() as patched:
        patched.setattr("app.intake.spool.local._File.read", away)
        with pytest.raises(SpoolAway):
            list(blocks)
    assert local.give(upload) == some(3 * MIB)


def test_any_kind_of_block_will_do(local: House) -> None:
    upload = uuid4()
    with local.spool.write(local.cipher, local.organization, upload) as writer:
        writer.feed(b"one ")
        writer.feed(bytearray(b"two "))
        writer.feed(memoryview(b"three"))
    assert local.give(upload) == b"one two three"


@trying(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(0, 3 * PART), max_size=8))
def test_however_it_is_cut_into_blocks(local: House, sizes: list[int]) -> None:
    upload, blocks = uuid4(), [some(size, at) for at, size in enumerate(sizes)]
    local.keep(upload, *blocks)
    assert local.give(upload) == b"".join(blocks)


def test_segments_are_one_file(house: House) -> None:
    upload, parts = uuid4(), [some(size, size) for size in (PART, 0, 2 * MIB, 7)]
    for number, part in enumerate(parts):
        house.keep(upload, part, segment=number)
    assert house.give(upload, segments=4) == b"".join(parts)
    with pytest.raises(CopyLost):
        house.give(upload, segments=5)


def test_a_segment_that_is_written_again_is_the_later_one(house: House) -> None:
    upload = uuid4()
    house.keep(upload, b"what arrived before the connection broke")
    house.keep(upload, b"all of it")
    assert house.give(upload) == b"all of it"
    assert len(house.objects()) == 1


class Left(BaseException):
    """Not even an Exception."""


@pytest.mark.parametrize(
    "raised", [ValueError("a check refused"), ConnectionResetError(104, "the client left"), Left()]
)
@pytest.mark.parametrize("size", [0, 1, 6 * MIB])
def test_nothing_is_left_of_what_did_not_end_well(house: House, raised: BaseException, size: int) -> None:
    upload = uuid4()

    def write() -> None:
        with house.spool.write(house.cipher, house.organization, upload, size=size) as writer:
            writer.feed(some(size))
            raise raised

    with pytest.raises(type(raised)) as caught:
        write()
    assert caught.value is raised
    assert house.objects() == {}
    assert house.begun() == 0
    with pytest.raises(CopyLost):
        house.give(upload)


def test_what_was_there_stays_where_writing_it_again_did_not_end_well(house: House) -> None:
    upload = uuid4()
    house.keep(upload, b"before")
    with (
        pytest.raises(ValueError, match="no"),
        house.spool.write(house.cipher, house.organization, upload) as writer,
    ):
        writer.feed(b"after")
        raise ValueError("no")
    assert house.give(upload) == b"before"


def test_a_copy_is_not_there_before_it_is_whole(house: House) -> None:
    upload = uuid4()
    with house.spool.write(house.cipher, house.organization, upload) as writer:
        writer.feed(some(6 * MIB))
        with pytest.raises(CopyLost):
            house.give(upload)
    assert len(house.give(upload)) == 6 * MIB


def test_a_reader_that_leaves_early_leaves_nothing_open(house: House) -> None:
    upload = uuid4()
    house.keep(upload, some(3 * MIB))
    reading = house.spool.read(house.cipher, house.organization, upload)
    assert len(next(reading)) == MIB
    assert house.folder is None or opened_files(house.folder) == 1
    reading.close()  # type: ignore[attr-defined] # a generator's
    assert house.folder is None or opened_files(house.folder) == 0


def opened_files(folder: Path) -> int:
    """How many files of a folder this process has open."""
    return sum(str(one.path).startswith(str(folder)) for one in psutil.Process().open_files())


def test_removing_takes_all_of_an_upload_and_nothing_of_another(house: House) -> None:
    upload, other = uuid4(), uuid4()
    neighbour = UUID(hex=f"{uuid4().hex[:-3]}{upload.hex[-3:]}")  # in the same folder
    for one in (upload, other, neighbour):
        house.keep(one, b"a file")
    house.keep(upload, b"its end", segment=1)
    house.spool.remove(upload)
    house.spool.remove(upload)  # there is nothing left, and nothing wrong
    house.spool.remove(uuid4())
    assert len(house.objects()) == 2
    assert house.give(other) == house.give(neighbour) == b"a file"
    with pytest.raises(CopyLost):
        house.give(upload)


@pytest.mark.parametrize("batch", [1, 2, 500])
def test_the_sweep_takes_what_is_old_and_nobody_knows(
    house: House, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "BATCH", batch)
    uploads = [uuid4() for _ in range(7)]
    for upload in uploads:
        house.keep(upload, b"a file")
    house.keep(uploads[0], b"its end", segment=1)
    asked: list[UUID] = []

    def known(some: Collection[UUID]) -> Collection[UUID]:
        assert 0 < len(some) <= batch
        asked.extend(some)
        return [upload for upload in some if upload in uploads[3:]]

    now = datetime.now(UTC)
    assert house.spool.sweep(known, now - timedelta(hours=1)) == 0
    assert asked == []
    assert house.spool.sweep(known, now + timedelta(hours=1)) == 3
    assert sorted(asked) == sorted(uploads)  # each once, however many objects it has
    assert len(house.objects()) == 4
    assert all(house.give(upload) == b"a file" for upload in uploads[3:])


# --- what it must not open --------------------------------------------------------------------------------------------


def test_another_organizations_cipher_does_not_open_it(house: House) -> None:
    upload = uuid4()
    house.keep(upload, some(MIB))
    with pytest.raises(CopyLost):
        next(house.spool.read(a_cipher(), house.organization, upload))


def test_under_another_organizations_id_it_does_not_open(house: House) -> None:
    upload = uuid4()
    house.keep(upload, some(MIB))
    with pytest.raises(CopyLost):
        next(house.spool.read(house.cipher, uuid4(), upload))


def names(house: House, upload: UUID) -> list[str]:
    return sorted(name for name in house.objects() if str(upload) in name)


def test_another_uploads_object_does_not_open(house: House) -> None:
    upload, other = uuid4(), uuid4()
    house.keep(upload, b"mine")
    house.keep(other, b"its")
    objects = house.objects()
    ((mine,), (its,)) = names(house, upload), names(house, other)
    house.put(mine, objects[its])
    with pytest.raises(CopyLost):
        house.give(upload)


def test_segments_that_changed_places_do_not_open(house: House) -> None:
    upload = uuid4()
    for number in range(2):
        house.keep(upload, b"the same length", segment=number)
    objects, (first, second) = house.objects(), names(house, upload)
    house.put(first, objects[second])
    house.put(second, objects[first])
    with pytest.raises(CopyLost):
        house.give(upload, segments=2)


def test_an_objects_key_does_not_open_another_of_the_same_name(local: House) -> None:
    """The header of one with the stream of the other, both of one upload: the key is another each time."""
    upload = uuid4()
    local.keep(upload, some(PART))
    ((name, first),) = local.objects().items()
    local.keep(upload, some(PART))
    ((_, second),) = local.objects().items()
    assert first != second
    head = len(first) - PART
    local.put(name, first[:head] + second[head:])
    with pytest.raises(CopyLost):
        local.give(upload)


CONTENT = some(3 * PART)


def opened(house: House, upload: UUID) -> Iterator[bytes]:
    """What was given before it was found out."""
    with pytest.raises(CopyLost):
        yield from house.spool.read(house.cipher, house.organization, upload)


@trying(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_found_wherever_it_is(local: House, where: float, bit: int) -> None:
    upload = uuid4()
    local.keep(upload, CONTENT)
    (name,) = names(local, upload)
    body = bytearray(local.objects()[name])
    body[int(where * len(body))] ^= 1 << bit
    local.put(name, bytes(body))
    assert CONTENT.startswith(b"".join(opened(local, upload)))
    local.spool.remove(upload)


def test_a_flip_in_each_byte_of_the_header_is_found(local: House) -> None:
    upload = uuid4()
    stored = local.keep(upload, b"x")
    ((name, body),) = local.objects().items()
    for at in range(stored):
        local.put(name, body[:at] + bytes([body[at] ^ 0x01]) + body[at + 1 :])
        assert list(opened(local, upload)) == []
        local.put(name, body[:at] + bytes([body[at] ^ 0xFF]) + body[at + 1 :])
        assert list(opened(local, upload)) == []


@trying(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1, exclude_max=True))
def test_an_early_end_is_found_wherever_it_is(local: House, where: float) -> None:
    upload = uuid4()
    local.keep(upload, CONTENT)
    (name,) = names(local, upload)
    body = local.objects()[name]
    local.put(name, body[: int(where * len(body))])
    assert CONTENT.startswith(b"".join(opened(local, upload)))
    local.spool.remove(upload)


@pytest.mark.parametrize("more", [b"\0", some(PART), some(2 * PART)])
def test_something_behind_the_end_is_found(local: House, more: bytes) -> None:
    upload = uuid4()
    local.keep(upload, CONTENT)
    ((name, body),) = local.objects().items()
    local.put(name, body + more)
    assert CONTENT.startswith(b"".join(opened(local, upload)))


def test_a_part_left_out_or_in_anothers_place_is_found(local: House) -> None:
    upload = uuid4()
    local.keep(upload, some(20 * PART))
    ((name, body),) = local.objects().items()
    end = len(body) - 10 * PART
    for changed in (
        body[:end] + body[end + PART :],
        body[:end] + body[end + PART : end + 2 * PART] + body[end : end + PART] + body[end + 2 * PART :],
        body[: end + PART] + body[end:],
    ):
        local.put(name, changed)
        b"".join(opened(local, upload))


# --- what must not be seen --------------------------------------------------------------------------------------------


def test_neither_file_nor_key_is_to_be_found_there(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is written and afterwards; the file is of one repeated text, which a cipher that leaks would show."""
    keys: list[bytes] = []
    make = tink.new_keyset_handle

    def remembering(template: Any) -> Any:
        handle = make(template)
        keyset = tink_pb2.Keyset.FromString(tink.proto_keyset_format.serialize(handle, secret_key_access.TOKEN))
        keys.append(AesGcmHkdfStreamingKey.FromString(keyset.key[0].key_data.value).key_value)
        return handle

    monkeypatch.setattr(tink, "new_keyset_handle", remembering)
    canary = b"canary-7d1c-in-the-file "
    upload = uuid4()
    with house.spool.write(house.cipher, house.organization, upload) as writer:
        for _ in range(12):
            writer.feed(canary * (MIB // len(canary)))
        seen = list(house.objects().values())
        if house.gate is not None:
            seen += [asked.body for asked in house.gate.asked]
    seen += house.objects().values()
    monkeypatch.undo()
    (key,) = keys
    assert len(key) == 32
    pieces = [key[at : at + 8] for at in range(len(key) - 7)]
    for body in seen:
        assert canary[:12] not in body
        assert not any(piece in body for piece in pieces)
    assert len(house.give(upload)) > 11 * MIB


def test_a_stream_that_was_given_up_writes_nothing_more() -> None:
    """It ends itself when it is collected; by then the number of its file may be another's."""
    taken: list[bytes] = []

    class Taking:
        def write(self, data: bytes, /) -> int:
            taken.append(data)
            return len(data)

    def give_up() -> None:
        with sealing(a_cipher(), "place", Taking()) as feed:
            feed(b"x" * PART)
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        give_up()
    gc.collect()
    assert [one[:10] for one in taken] == [b"ventanilla"]


def test_what_went_wrong_says_nothing_of_file_or_key(local: House) -> None:
    upload = uuid4()
    local.keep(upload, b"canary" * 1000)
    ((name, body),) = local.objects().items()
    local.put(name, body[:-1])
    with pytest.raises(CopyLost) as caught:
        local.give(upload)
    assert "canary" not in repr(caught.value)
    assert caught.value.__cause__ is None


# --- how it is set up -------------------------------------------------------------------------------------------------


def test_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def place(**changes: Any) -> object:
        return Spool.from_settings(Settings.model_construct(**changes)).place

    found = place(instance_dir=tmp_path, spool_url="")
    assert isinstance(found, Folder)
    assert found.root == tmp_path / "spool"
    found = place(spool_url=str(tmp_path / "elsewhere"))
    assert isinstance(found, Folder)
    assert found.root == tmp_path / "elsewhere"
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "somebody")
    for url in ("s3://bucket", "s3://bucket/a/prefix", "gs://bucket", "az://container"):
        assert isinstance(place(spool_url=url), Bucket)
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME")
    with pytest.raises(ConfigurationError, match="SPOOL_URL: az://container cannot be used"):
        place(spool_url="az://container")
    assert not (tmp_path / "elsewhere").exists()  # asked nothing, made nothing


def test_a_probe_leaves_nothing(house: House) -> None:
    volume = house.spool.probe()
    assert (volume is None) == (house.folder is None)
    assert volume is None or 0 < volume.free < volume.total
    assert house.objects() == {}


def test_a_probe_tells_a_place_that_shows_what_it_holds(local: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "PROBE", b"")  # is in whatever is there
    with pytest.raises(CopyLost):
        local.spool.probe()
    assert local.objects() == {}


def test_refusals_say_when_to_come_again() -> None:
    assert (SpoolFull().status, SpoolFull().retry_after) == (507, 60.0)
    assert (SpoolAway().status, SpoolAway().retry_after) == (503, 30.0)


def test_two_spools_see_the_same(tmp_path: Path) -> None:
    """Two processes on one folder."""
    one = in_a_folder(tmp_path / "spool")
    upload = uuid4()
    one.keep(upload, b"a file")
    other = Spool(Folder(tmp_path / "spool"))
    assert b"".join(other.read(one.cipher, one.organization, upload)) == b"a file"
    other.remove(upload)
    with pytest.raises(CopyLost):
        one.give(upload)
