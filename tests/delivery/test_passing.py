"""A file that is judged beside being sent: nothing is said of it before all of it has passed."""

from __future__ import annotations

import hashlib
import threading

import pytest

from app.delivery.passing import HAND_OVER, Passing
from app.errors import Refusal
from tests.delivery.arriving import Watch, fake

LARGE = HAND_OVER * b"x"


def test_hash_and_facts_are_there_at_the_end_and_not_before() -> None:
    watch = Watch()
    passing = Passing(fake([b"ab", LARGE, b"c", LARGE]), watch)
    blocks = passing.blocks()
    for _ in range(4):
        next(blocks)
        assert (passing.sha256, passing.facts, watch.finished) == (None, {}, False)
    assert next(blocks, None) is None
    whole = b"ab" + LARGE + b"c" + LARGE
    assert passing.sha256 == hashlib.sha256(whole).hexdigest()
    assert passing.facts == {"bytes": len(whole)}
    assert watch.seen == whole


def test_the_very_blocks_are_handed_through() -> None:
    given = [LARGE + b"1", b"2", LARGE + b"3"]
    assert [id(block) for block in Passing(fake(given), Watch()).blocks()] == [id(block) for block in given]


def test_large_blocks_are_judged_in_another_thread_one_at_a_time() -> None:
    entered, go_on = threading.Event(), threading.Event()

    class Slow(Watch):
        def feed(self, block: bytes) -> None:
            entered.set()
            assert go_on.wait(5)
            super().feed(block)

    watch = Slow()
    blocks = Passing(fake([LARGE, LARGE, LARGE]), watch).blocks()
    assert next(blocks) == LARGE  # although it is not judged yet
    assert entered.wait(5)
    assert not watch.seen
    go_on.set()
    assert len(list(blocks)) == 2
    assert threading.get_ident() not in watch.threads


def test_small_ones_are_judged_at_once() -> None:
    watch = Watch()
    list(Passing(fake([LARGE[1:], b"a"]), watch).blocks())
    assert watch.threads == {threading.get_ident()}


@pytest.mark.parametrize("block", [b"abc", LARGE], ids=["at once", "beside"])
def test_a_refusal_comes_out_before_the_end(block: bytes) -> None:
    watch = Watch(refuse_at=1)
    passing = Passing(fake([block]), watch)
    with pytest.raises(Refusal):
        list(passing.blocks())
    assert not watch.finished
    assert passing.sha256 is None


def test_a_refusal_of_the_whole_comes_out_at_the_end() -> None:
    passing = Passing(fake([LARGE]), Watch(refuse_at_end=True))
    with pytest.raises(Refusal):
        list(passing.blocks())
    assert passing.sha256 is None
    assert passing.facts == {}


def test_what_the_client_is_refused_for_comes_out_and_nothing_is_finished() -> None:
    watch = Watch()
    passing = Passing(fake([LARGE], fails=Refusal()), watch)
    with pytest.raises(Refusal):
        list(passing.blocks())
    assert watch.seen == LARGE  # nobody feeds it any more
    assert not watch.finished
    assert passing.sha256 is None


def test_a_watch_that_is_given_up_is_fed_no_more() -> None:
    watch = Watch()
    blocks = Passing(fake([LARGE, LARGE]), watch).blocks()
    next(blocks)
    blocks.close()  # type: ignore[attr-defined]
    assert watch.seen == LARGE
    assert not watch.finished
