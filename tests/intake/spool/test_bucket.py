"""The bucket: in parts, aborted where it does not end well, and clear about a bucket that refuses, is slow or away."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from app.intake.spool import CopyLost, SpoolAway, SpoolBusy
from app.intake.spool.base import Place
from app.intake.spool.bucket import PART_BYTES, Bucket, Buffers
from tests.intake.spool.conftest import PREFIX, House, in_a_bucket
from tests.intake.spool.gate import Asked, Cut, Fault, Gate, nothing

pytestmark = [pytest.mark.live]

MIB = 1 << 20


@pytest.fixture
def bucket(gate: Gate) -> House:
    return in_a_bucket(gate)


@pytest.fixture
def hasty(gate: Gate) -> House:
    """A bucket of which nothing is asked twice."""
    return in_a_bucket(gate, tries_seconds=0.0)


def seen(gate: Gate) -> list[tuple[str, int]]:
    return [(asked.what, len(asked.body)) for asked in gate.asked]


def test_a_small_file_is_one_request(bucket: House, gate: Gate) -> None:
    upload = uuid4()
    stored = bucket.keep(upload, b"a file")
    assert seen(gate) == [("PUT", stored)]
    assert [*bucket.objects()] == [f"{PREFIX}/{upload.hex[-3:]}/{upload}/0"]


def test_a_large_one_goes_in_parts_as_it_comes(bucket: House, gate: Gate) -> None:
    """Not when all of it is there: the first part is under way before the last block came."""
    upload = uuid4()
    with bucket.spool.write(bucket.cipher, bucket.organization, upload) as writer:
        for _ in range(11):
            writer.feed(b"x" * MIB)
        assert gate.count("part") >= 1
        assert bucket.objects() == {}
    parts = [len(asked.body) for asked in gate.asked if asked.what == "part"]
    assert parts[:2] == [PART_BYTES, PART_BYTES]
    assert sum(parts) == writer.stored
    assert (gate.count("create"), gate.count("complete"), gate.count("abort")) == (1, 1, 0)
    assert len(bucket.give(upload)) == 11 * MIB


def test_it_is_read_in_parts(bucket: House, gate: Gate) -> None:
    """Whoever takes hours with a part keeps no connection waiting."""
    upload = uuid4()
    bucket.keep(upload, b"x" * 12 * MIB)
    gate.asked.clear()
    reading = bucket.spool.read(bucket.cipher, bucket.organization, upload)
    next(reading)
    assert [asked.method for asked in gate.asked] == ["HEAD", "GET"]
    assert sum(len(block) for block in reading) == 11 * MIB
    assert gate.count("GET") == 3


def refusing(what: str, status: int) -> Fault:
    return lambda asked: status if asked.what == what else None


def cutting(what: str) -> Fault:
    def cut(asked: Asked) -> None:
        if asked.what == what:
            raise Cut

    return cut


STEPS = ["create", "part", "complete"]


@pytest.mark.parametrize("fault", [lambda what: refusing(what, 403), lambda what: refusing(what, 503), cutting])
@pytest.mark.parametrize("step", STEPS)
def test_a_large_file_that_is_refused_or_cut_off_leaves_nothing(
    hasty: House, gate: Gate, step: str, fault: object
) -> None:
    assert callable(fault)
    gate.fault = fault(step)
    upload = uuid4()
    with pytest.raises(SpoolAway) as caught:
        hasty.keep(upload, *[b"x" * MIB] * 12)
    assert "hunter2" not in repr(caught.value.__cause__)
    assert hasty.begun() == 0
    assert hasty.objects() == {}
    gate.fault = nothing
    with pytest.raises(CopyLost):
        hasty.give(upload)


@pytest.mark.parametrize("fault", [refusing("PUT", 403), refusing("PUT", 404), refusing("PUT", 500), cutting("PUT")])
def test_a_small_file_that_is_refused_or_cut_off_leaves_nothing(hasty: House, gate: Gate, fault: Fault) -> None:
    gate.fault = fault
    with pytest.raises(SpoolAway):
        hasty.keep(uuid4(), b"a file")
    assert hasty.objects() == {}


@pytest.mark.parametrize("what", ["part", "complete"])
def test_what_is_refused_once_is_tried_again(bucket: House, gate: Gate, what: str) -> None:
    refused = threading.Event()

    def once(asked: Asked) -> int | None:
        if asked.what == what and not refused.is_set():
            refused.set()
            return 503
        return None

    gate.fault = once
    upload = uuid4()
    bucket.keep(upload, *[b"x" * MIB] * 12)
    assert refused.is_set()
    assert len(bucket.give(upload)) == 12 * MIB


def test_a_bucket_that_does_not_answer_is_not_waited_for_for_ever(gate: Gate) -> None:
    hasty, over = in_a_bucket(gate, request_seconds=2.0, tries_seconds=0.0), threading.Event()

    def silent(asked: Asked) -> None:
        if asked.what == "part":
            over.wait()

    gate.fault = silent
    try:
        with pytest.raises(SpoolAway):
            hasty.keep(uuid4(), *[b"x" * MIB] * 12)
    finally:
        over.set()
    assert hasty.begun() == 0
    assert hasty.objects() == {}


def test_what_the_caller_raises_stays_that_where_the_bucket_is_away_by_then(hasty: House, gate: Gate) -> None:
    """And what was begun stays in the bucket, for its own rules to remove: nobody could be told to."""

    def write() -> None:
        with hasty.spool.write(hasty.cipher, hasty.organization, uuid4()) as writer:
            writer.feed(b"x" * 6 * MIB)
            gate.fault = refusing("abort", 403)
            raise ValueError("a check refused")

    with pytest.raises(ValueError, match="a check refused"):
        write()
    assert gate.count("abort") >= 1
    assert hasty.objects() == {}


def test_where_nothing_listens(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:1")
    place: Place = Bucket.at("s3://bucket", tries_seconds=0.0)
    with pytest.raises(SpoolAway), place.write(uuid4(), 0, 0) as sink:
        sink.write(b"a file")
    with pytest.raises(SpoolAway), place.read(uuid4(), 0):
        pass
    with pytest.raises(SpoolAway):
        place.remove(uuid4())
    with pytest.raises(SpoolAway):
        list(place.listing())
    assert place.volume() is None


def test_plain_http_has_to_be_asked_for(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    place = Bucket.at("s3://bucket", tries_seconds=0.0)
    with pytest.raises(SpoolAway), place.write(uuid4(), 0, 0) as sink:
        sink.write(b"a file")
    assert gate.asked == []


def test_a_bucket_that_is_not_there_has_not_lost_anything(gate: Gate) -> None:
    place = Bucket.at("s3://misspelt-in-the-settings", tries_seconds=0.0)
    with pytest.raises(SpoolAway), place.read(uuid4(), 0):
        pass
    with pytest.raises(SpoolAway), place.write(uuid4(), 0, 0) as sink:
        sink.write(b"a file")


def test_a_read_that_is_refused_or_cut_off_is_not_a_copy_that_is_lost(hasty: House, gate: Gate) -> None:
    upload = uuid4()
    hasty.keep(upload, b"x" * 12 * MIB)
    for fault in (refusing("HEAD", 403), refusing("GET", 503), cutting("GET")):
        gate.fault = fault
        with pytest.raises(SpoolAway):
            hasty.give(upload)
    gate.fault = nothing
    assert len(hasty.give(upload)) == 12 * MIB


def test_one_that_is_removed_while_it_is_read_is_lost(bucket: House) -> None:
    upload = uuid4()
    bucket.keep(upload, b"x" * 12 * MIB)
    reading = bucket.spool.read(bucket.cipher, bucket.organization, upload)
    next(reading)
    bucket.spool.remove(upload)
    with pytest.raises(CopyLost):
        list(reading)


def test_what_is_not_ours_is_left_alone(bucket: House) -> None:
    upload = uuid4()
    bucket.keep(upload, b"a file")
    for name in ("README", "abc/README", f"abc/{upload}", f"abc/{upload}/x"):
        bucket.put(f"{PREFIX}/{name}", b"somebody's")
    assert [one.upload_id for one in bucket.spool.place.listing()] == [upload]
    assert bucket.spool.sweep(lambda _: [], datetime.now(UTC) + timedelta(hours=1)) == 1
    assert set(bucket.objects().values()) == {b"somebody's"}


# --- memory -----------------------------------------------------------------------------------------------------------


def test_what_writers_hold_back_is_bounded(gate: Gate) -> None:
    gate.make("held")
    place = Bucket.at("s3://held", buffers=25 * MIB)
    with place.write(uuid4(), 0, 0), place.write(uuid4(), 0, 1 << 40):
        with pytest.raises(SpoolBusy) as caught, place.write(uuid4(), 0, 0):
            pass
        assert (caught.value.status, caught.value.retry_after) == (503, 30.0)
        with place.write(uuid4(), 0, 4 * MIB):  # a small one holds no more than it has
            pass
    with place.write(uuid4(), 0, 0), place.write(uuid4(), 0, 0):
        pass  # all was given back


def test_what_was_held_is_given_back_however_it_ended() -> None:
    buffers = Buffers(10 * MIB)
    for _ in range(3):
        with pytest.raises(ValueError, match="no"), buffers.hold(0):
            raise ValueError("no")


def test_a_slow_bucket_slows_the_writer_and_no_more_than_two_parts_are_held(bucket: House, gate: Gate) -> None:
    arrived, go_on = threading.Semaphore(0), threading.Event()

    def slow(asked: Asked) -> None:
        if asked.what == "part":
            arrived.release()
            go_on.wait()

    gate.fault = slow
    fed = 0
    upload = uuid4()

    def write() -> None:
        nonlocal fed
        with bucket.spool.write(bucket.cipher, bucket.organization, upload) as writer:
            for _ in range(40):
                writer.feed(b"x" * MIB)
                fed += MIB

    writing = threading.Thread(target=write)
    writing.start()
    try:
        assert arrived.acquire(timeout=20)
        writing.join(0.5)  # it comes to a stop by itself; one that does not would be through by then
        assert writing.is_alive()
        assert fed <= 3 * PART_BYTES
    finally:
        go_on.set()
        writing.join()
    assert len(bucket.give(upload)) == 40 * MIB
