"""Limits at the door: what is more is refused, what was taken is given back, and one is not in another's way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import OperationalError

from app.errors import Refusal
from app.intake.shedding import Caller, Overloaded, Pace, QueueAge, QueueBehind, Shedding, TooMany, TooManyAtOnce
from app.intake.spool.base import SpoolFull
from tests.watch import Watch

NOW = datetime(2026, 11, 21, 14, 5, tzinfo=UTC)
MINE, THEIRS = uuid4(), uuid4()


def shedding(**limits: Any) -> Shedding:
    generous: dict[str, Any] = {"in_all": 100, "per_organization": 100}
    generous |= dict.fromkeys(("a_minute", "a_minute_by_link", "calls_a_minute", "guesses_a_minute"), 1000)
    return Shedding(**generous | {"behind": frozenset, "room": lambda *_: None} | limits)


def mine(**more: Any) -> Caller:
    return Caller(organization_id=MINE, **more)


@pytest.mark.attack("waiting", "more uploads at once than a process takes", "503 with Retry-After")
def test_one_more_than_a_process_takes_waits_until_another_has_ended() -> None:
    door = shedding(in_all=2)
    with ExitStack() as held:
        held.enter_context(door.admit(mine()))
        held.enter_context(door.admit(Caller(organization_id=THEIRS)))
        with pytest.raises(Overloaded) as caught, door.admit(mine()):
            pytest.fail("it was let in")
        assert (caught.value.status, door.under_way) == (503, 2)
        assert caught.value.retry_after
    with door.admit(mine()):
        assert door.under_way == 1


@pytest.mark.attack("waiting", "more uploads at once than an organization may", "429; others go on")
def test_an_organization_is_in_nobody_elses_way() -> None:
    door = shedding(per_organization=1)
    with door.admit(mine()):
        with pytest.raises(TooManyAtOnce) as caught, door.admit(mine()):
            pytest.fail("it was let in")
        assert (caught.value.status, caught.value.params) == (429, {"limit": 1})
        with door.admit(Caller(organization_id=THEIRS)):
            assert door.under_way == 2


def test_who_ends_gives_back_its_own_place_and_no_others() -> None:
    door = shedding(per_organization=2)
    with door.admit(mine()):
        with door.admit(mine()):
            assert door.under_way == 2
        with door.admit(mine()), pytest.raises(TooManyAtOnce), door.admit(mine()):
            pytest.fail("it was let in")
        assert door.under_way == 1


@pytest.mark.parametrize("how", [Refusal, RuntimeError, KeyboardInterrupt, GeneratorExit])
def test_a_place_is_given_back_however_it_ends(how: type[BaseException]) -> None:
    door = shedding(in_all=1)
    for _ in range(3):
        with pytest.raises(how), door.admit(mine()):
            raise how
    assert door.under_way == 0


def test_a_place_is_given_back_by_who_is_refused_for_something_else() -> None:
    def full(*_: object) -> None:
        raise SpoolFull

    door = shedding(in_all=1, a_minute=2, behind=lambda: {THEIRS}, room=full)
    for caller, refusal in ((mine(), SpoolFull), (Caller(organization_id=THEIRS), QueueBehind)):
        with pytest.raises(refusal), door.admit(caller, keeps=1):
            pytest.fail("it was let in")
    with door.admit(mine()):
        pass
    with pytest.raises(TooMany), door.admit(mine()):
        pytest.fail("it was let in")
    assert door.under_way == 0


def test_many_threads_count_right() -> None:
    door, ready = shedding(in_all=4, a_minute=1_000_000), threading.Barrier(8)
    most = 0
    counting = threading.Lock()

    def come_and_go() -> None:
        nonlocal most
        ready.wait()
        for _ in range(200):
            try:
                with door.admit(mine()), counting:
                    most = max(most, door.under_way)
            except Overloaded:
                continue

    threads = [threading.Thread(target=come_and_go) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0 < most <= 4
    assert door.under_way == 0


def test_what_nothing_is_kept_of_is_asked_nothing_of_queue_and_spool() -> None:
    def ask(*_: object) -> Any:
        pytest.fail("it was asked")

    with shedding(behind=ask, room=ask).admit(mine()):
        pass


def test_what_is_kept_has_to_find_room() -> None:
    asked: list[tuple[int, UUID]] = []
    with shedding(room=lambda *of: asked.append(of)).admit(mine(), keeps=7):
        assert asked == [(7, mine().organization_id)]


def test_a_queue_that_is_behind_is_its_organizations_own() -> None:
    door = shedding(behind=lambda: {THEIRS})
    with door.admit(mine(), keeps=1):
        pass
    with pytest.raises(QueueBehind) as caught, door.admit(Caller(organization_id=THEIRS), keeps=1):
        pytest.fail("it was let in")
    assert caught.value.retry_after
    with door.admit(Caller(organization_id=THEIRS)):
        pass


def test_so_many_a_minute_all_at_once_or_evenly(watch: Watch) -> None:
    pace = Pace(6, watch)
    for _ in range(6):
        pace.count(["a"])
    with pytest.raises(TooMany) as caught:
        pace.count(["a"])
    assert (caught.value.params, caught.value.retry_after) == ({"limit": 6}, 10.0)
    watch.now += 10
    pace.count(["a"])
    with pytest.raises(TooMany):
        pace.count(["a"])
    for _ in range(30):
        watch.now += 10
        pace.count(["a"])
    watch.now += 3600  # a rest saves nothing up beyond a minute's
    for _ in range(6):
        pace.count(["a"])
    with pytest.raises(TooMany):
        pace.count(["a"])


def test_whoever_is_counted_on_its_own_has_a_pace_of_its_own(watch: Watch) -> None:
    token = uuid4()
    door = shedding(a_minute=2, clock=watch)
    for organization in (MINE, THEIRS):
        with door.admit(Caller(organization_id=organization, token_id=token, address="203.0.113.7")):
            pass
    with pytest.raises(TooMany), door.admit(Caller(organization_id=uuid4(), token_id=token)):
        pytest.fail("the token has had its two")
    with pytest.raises(TooMany), door.admit(Caller(organization_id=uuid4(), address="203.0.113.7")):
        pytest.fail("the address has had its two")
    with door.admit(Caller(organization_id=MINE, address="203.0.113.8")):
        pass
    with pytest.raises(TooMany), door.admit(mine()):
        pytest.fail("the organization has had its two: what was refused counted for nobody")
    with door.admit(Caller(organization_id=THEIRS)):
        pass


def test_who_has_been_away_for_longest_is_forgotten_first(watch: Watch) -> None:
    pace = Pace(2, watch, most=2)
    for caller in "abac":
        pace.count([caller])
    with pytest.raises(TooMany):
        pace.count(["a"])
    for _ in range(2):
        pace.count(["b"])


class Doors:
    """A database that is asked one thing."""

    def __init__(self) -> None:
        self.behind: list[UUID] = []
        self.asked: list[datetime] = []
        self.away = False

    @contextmanager
    def doors(self) -> Iterator[Doors]:
        if self.away:
            raise OperationalError("", {}, Exception())
        yield self

    def scalars(self, _: object, params: dict[str, datetime]) -> list[UUID]:
        self.asked.append(params["since"])
        return self.behind


def queue_age(database: Any, watch: Watch) -> QueueAge:
    return QueueAge(database, timedelta(minutes=15), lambda: NOW, watch)


def test_the_queue_is_looked_at_now_and_then(watch: Watch) -> None:
    database = Doors()
    behind = queue_age(database, watch)
    assert behind() == frozenset()
    assert database.asked == [NOW - timedelta(minutes=15)]
    database.behind = [MINE]
    watch.now += 1.9
    assert behind() == frozenset()
    watch.now += 0.2
    assert behind() == {MINE}
    assert behind() == {MINE}
    assert len(database.asked) == 2


def test_a_database_that_is_away_keeps_what_was_known(watch: Watch) -> None:
    database = Doors()
    database.behind = [MINE]
    behind = queue_age(database, watch)
    assert behind() == {MINE}
    database.away = True
    watch.now += 3
    assert behind() == {MINE}
    database.away, database.behind = False, []
    assert behind() == {MINE}, "the next look is a while away, too"
    watch.now += 3
    assert behind() == frozenset()


def test_nobody_waits_for_anothers_look(watch: Watch) -> None:
    looking, may_end = threading.Event(), threading.Event()

    class Slow(Doors):
        def scalars(self, _: object, params: dict[str, datetime]) -> list[UUID]:
            looking.set()
            assert may_end.wait(20)
            return [MINE]

    behind = queue_age(Slow(), watch)
    thread = threading.Thread(target=behind)
    thread.start()
    assert looking.wait(20)
    assert behind() == frozenset()
    may_end.set()
    thread.join()
    assert behind() == {MINE}


def test_a_pace_tells_what_is_left_of_it_and_when_it_is_whole_again(watch: Watch) -> None:
    pace = Pace(4, watch)
    assert pace.left(["a"]) == (4, 0)
    for left, whole in ((3, 15), (2, 30), (1, 45), (0, 60)):
        pace.count(["a"])
        assert pace.left(["a"]) == (left, whole)
    with pytest.raises(TooMany):
        pace.count(["a"])
    assert pace.left(["a"]) == (0, 60)
    assert pace.left(["b"]) == (4, 0)
    assert pace.left(["a", "b"]) == (0, 60)
    assert pace.left([]) == (4, 0)
    watch.now += 15
    assert pace.left(["a"]) == (1, 45)
    watch.now += 600
    assert pace.left(["a"]) == (4, 0)


def test_hand_ins_and_other_calls_are_counted_apart() -> None:
    door = shedding(a_minute=1, calls_a_minute=2)
    with door.admit(mine()):
        pass
    assert door.uploads.left(mine().names) == (0, 60)
    assert (door.uploads.a_minute, door.calls.a_minute) == (1, 2)
    assert door.calls.left(mine().names) == (2, 0)


@pytest.mark.attack("waiting", "many hand-ins through one personal link", "429 beyond the link's own measure")
def test_a_link_has_a_measure_of_its_own() -> None:
    door, link = shedding(a_minute_by_link=2), uuid4()
    for _ in range(2):
        with door.admit(mine(link_id=link)):
            pass
    with pytest.raises(TooMany) as caught, door.admit(mine(link_id=link)):
        pytest.fail("it was let in")
    assert caught.value.params == {"limit": 2}
    assert caught.value.retry_after
    for other in (mine(link_id=uuid4()), mine()):
        with door.admit(other):
            assert door.under_way == 1


def test_a_look_at_a_measure_counts_for_nothing(watch: Watch) -> None:
    pace = Pace(1, watch)
    for _ in range(3):
        pace.check(["a"])
    pace.count(["a"])
    with pytest.raises(TooMany):
        pace.check(["a"])
    pace.check(["b"])
    watch.now += 60
    pace.check(["a"])
