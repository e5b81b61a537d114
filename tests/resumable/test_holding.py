"""Whose turn it is, in one process: who waits for whom, who hears of it, and what is kept of whoever has to let go."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.exc import OperationalError

from app.records import resumables
from app.resumable import entrance, holding, pieces
from app.resumable.entrance import Found
from app.resumable.errors import Locked
from app.resumable.holding import Hold, Holds
from tests.resumable.desk import BEGUN, CONTENT, OCTETS, Answer, Inside
from tests.resumable.test_refusals import slug
from tests.tenancy import becomes

REST = CONTENT[BEGUN:]


class Paced(io.BytesIO):
    """A body that comes in pieces; something happens before the second."""

    def __init__(self, *pieces: bytes, before_second: Callable[[], object]) -> None:
        super().__init__(b"".join(pieces))  # how long it is is asked before it is read
        self._pieces = list(pieces)
        self._before = [lambda: None, before_second]

    def read(self, size: int | None = -1, /) -> bytes:
        if self._before:
            self._before.pop(0)()
        return self._pieces.pop(0) if self._pieces else b""


def holds(inside: Inside, **options: Any) -> Holds:
    """The locks of another node."""
    return Holds(inside.house.database, **options)


@contextmanager
def taken(inside: Inside, path: str, by: Holds) -> Iterator[Hold]:
    with by.hold(inside.house.organization.id, inside.row(path).id) as hold:
        yield hold


def send(inside: Inside, path: str, body: io.BytesIO) -> Answer:
    """Send what is missing, as it comes."""
    return inside.ask("PATCH", path, body, Upload_Offset=str(BEGUN), **OCTETS)


def away(*_: object) -> Any:
    raise OperationalError("UPDATE", {}, Exception("starting"))


def test_who_does_not_get_it_in_time_hears_so(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    path = inside.begun()
    monkeypatch.setattr(inside.app.extensions["ventanilla.holds"], "_patience", 0.0)
    with taken(inside, path, holds(inside)):
        told = inside.patch(path, BEGUN, REST)
        assert (told.status, slug(told), told["Retry-After"]) == (423, "resumable-locked", "1")
        with pytest.raises(Locked), taken(inside, path, holds(inside, patience=0.0)):
            pass
    assert inside.patch(path, BEGUN, REST).status == 204


def test_who_has_it_hears_that_it_is_wanted(inside: Inside) -> None:
    path = inside.begun()
    with taken(inside, path, holds(inside)) as hold:
        assert not hold.wanted
        with pytest.raises(Locked), taken(inside, path, holds(inside, patience=0.0)):
            pass
        assert becomes(lambda: hold.wanted)


def test_and_hears_it_once_the_database_is_back(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "LOOK_SECONDS", 0.01)
    path, answer, tries = inside.begun(), resumables.answer, list[int]()

    def stumble(*given: Any) -> Any:
        tries.append(1)
        return (away if len(tries) < 3 else answer)(*given)

    monkeypatch.setattr(resumables, "answer", stumble)
    with taken(inside, path, holds(inside)) as hold:
        with pytest.raises(Locked), taken(inside, path, holds(inside, patience=0.0)):
            pass
        assert becomes(lambda: hold.wanted)


def test_a_lock_that_cannot_be_released_is_taken_from_who_does_not_answer(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database went away at the end: whoever sent the piece is told that it was taken, as it was."""
    path = inside.begun()
    with monkeypatch.context() as patched:
        patched.setattr(resumables, "release", away)
        assert inside.patch(path, BEGUN, REST[:3]).status == 204
    assert inside.row(path).lock is not None
    inside.set(path, "wanted_at = now() - interval '1 minute'")
    assert inside.patch(path, BEGUN + 3, REST[3:])["Ventanilla-State"] == "waiting"


def test_who_is_waited_for_for_too_long_keeps_what_has_come(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "LET_GO_SECONDS", -1.0)  # it is over at once
    path, here = inside.begun(), inside.app.extensions["ventanilla.holds"]

    def want() -> None:
        (hold,) = here._held.values()
        hold.let_go()

    told = send(inside, path, Paced(REST[:3], REST[3:5], REST[5:], before_second=want))
    assert (told.status, slug(told)) == (409, "wrong-offset")
    assert inside.offset(path) == BEGUN + 5
    assert inside.patch(path, BEGUN + 5, REST[5:])["Ventanilla-State"] == "waiting"


def test_who_lost_its_lock_counts_nothing_more(inside: Inside) -> None:
    """It was taken for dead while its client was silent."""
    path = inside.begun()
    told = send(inside, path, Paced(REST[:3], REST[3:], before_second=lambda: lose(inside, path)))
    assert (told.status, slug(told)) == (409, "wrong-offset")
    inside.set(path, "lock = NULL")
    assert inside.offset(path) == BEGUN


def lose(inside: Inside, path: str) -> None:
    inside.set(path, "lock = :other", other=uuid4())


def test_what_is_given_up_while_somebody_waits_for_it_is_gone(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    path, to_resumable = inside.begun(), entrance.to_resumable

    def overtaken(key: str) -> Found:
        monkeypatch.undo()
        found = to_resumable(key)
        inside.set(path, "expires_at = now() - interval '1 second'")
        return found

    monkeypatch.setattr(entrance, "to_resumable", overtaken)
    told = inside.patch(path, BEGUN, REST)
    assert (told.status, slug(told)) == (410, "resumable-gone")
    assert inside.row(path).received == BEGUN


def test_so_many_pieces_are_no_way_to_send_a_file(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "MOST_SEGMENTS", 2)
    path = inside.begun()
    assert inside.patch(path, BEGUN, REST[:3]).status == 204
    told = inside.patch(path, BEGUN + 3, REST[3:])
    assert (told.status, slug(told)) == (413, "too-many-pieces")
    assert inside.offset(path) == BEGUN + 3
