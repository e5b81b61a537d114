"""What charts are drawn from: counted by the hour, counted once, and counted where it belongs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine, delete
from sqlalchemy.orm import Session

from app.database import HOUSE, Database
from app.records import attempts, charts, uploads
from app.records.charts import Answers, Period, Step
from app.records.models import TallyMark, Upload
from app.records.states import State
from app.records.tallying import tally
from tests.tenancy import Tenant

#: A day of its own, so that what other tests hand in is not in its hours.
DAY = datetime(2031, 5, 4, tzinfo=UTC)
PERIOD = Period(since=DAY, until=DAY + timedelta(days=1), step=Step.HOUR)
Begin = Callable[..., Upload]


@pytest.fixture
def uncounted(owner_engine: Engine) -> None:
    with owner_engine.begin() as owner:
        owner.execute(delete(TallyMark))


def hand_in(session: Session, begin: Begin, at: datetime, *, took: float = 0.4, size: int | None = 10) -> Upload:
    """Hand something in that is delivered, and answered after so many seconds."""
    upload = begin(session, now=at, parts=[{"name": "file", "filename": "a.pdf", "size": size, "sha256": "0" * 64}])
    attempt = attempts.start(session, upload, process_id=uuid4(), now=at)
    attempts.mark(session, attempt, now=at)
    attempts.end(session, attempt, outcome="delivered", http_status=201, now=at + timedelta(seconds=took))
    return uploads.move(session, upload, State.DELIVERED, actor="tests", now=at + timedelta(seconds=took))


def fail(session: Session, begin: Begin, at: datetime) -> Upload:
    upload = begin(session, now=at)
    attempt = attempts.start(session, upload, process_id=uuid4(), now=at)
    attempts.end(session, attempt, outcome="failed", problem="provider-refused", http_status=422, now=at)
    return uploads.move(session, upload, State.FAILED, problem="provider-refused", actor="tests", now=at)


def test_by_hour_and_by_day(
    session: Session, begin: Begin, mine: Tenant, database: Database, worker: Database, uncounted: None
) -> None:
    hand_in(session, begin, DAY + timedelta(hours=3, minutes=5))
    hand_in(session, begin, DAY + timedelta(hours=3, minutes=55), size=32)
    hand_in(session, begin, DAY + timedelta(hours=4), size=None)
    fail(session, begin, DAY + timedelta(hours=4, minutes=1))
    session.commit()
    tally(worker, DAY + timedelta(days=1))
    for _ in range(2):  # counted again, it is the same
        with database.transaction(mine.id) as reading:
            hours = charts.points(reading, PERIOD, mine.id)
            assert [one.at for one in hours] == [DAY + timedelta(hours=n) for n in range(24)]
            assert (hours[3].states[State.DELIVERED], hours[3].bytes) == (2, 42)
            assert (hours[4].states[State.DELIVERED], hours[4].states[State.FAILED]) == (1, 1)
            assert sum(one.uploads for one in hours) == 4
            found = charts.failures(reading, PERIOD, mine.id)
            assert [(one.at.hour, one.provider, one.problem, one.count) for one in found] == [
                (4, "facturapi", "provider-refused", 1)
            ]
            days = Period(since=DAY - timedelta(days=1), until=PERIOD.until, step=Step.DAY, zone="America/Mexico_City")
            [before, evening, _] = charts.points(reading, days, mine.id)  # in Mexico it was the evening before
            assert (before.uploads, evening.uploads) == (0, 4)
        tally(worker, DAY + timedelta(days=1))


def test_of_all_together(
    session: Session, begin: Begin, mine: Tenant, database: Database, worker: Database, uncounted: None
) -> None:
    at = DAY + timedelta(days=10)
    period = Period(since=at, until=at + timedelta(hours=1), step=Step.HOUR)
    hand_in(session, begin, at)
    session.commit()
    tally(worker, at)
    with database.overview() as reading:
        assert [one.uploads for one in charts.points(reading, period)] == [1]
    with database.transaction(HOUSE) as reading:
        assert [one.uploads for one in charts.points(reading, period)] == [1]
    with database.transaction(mine.id) as reading:  # an organization sees its own, and not all of them
        assert [one.uploads for one in charts.points(reading, period)] == [0]
        assert [one.uploads for one in charts.points(reading, period, mine.id)] == [1]


def test_what_changes_later_is_counted_where_it_belongs(
    session: Session, begin: Begin, mine: Tenant, database: Database, worker: Database, uncounted: None
) -> None:
    at = DAY + timedelta(days=20)
    period = Period(since=at, until=at + timedelta(hours=1), step=Step.HOUR)
    upload = fail(session, begin, at)
    session.commit()
    tally(worker, at + timedelta(minutes=1))
    with database.transaction(mine.id) as later:
        uploads.move(later, upload, State.WAITING, actor="tests", now=at + timedelta(days=2))
    tally(worker, at + timedelta(days=2))
    with database.transaction(mine.id) as reading:
        [point] = charts.points(reading, period, mine.id)
    assert (point.states[State.FAILED], point.states[State.WAITING]) == (0, 1)


def test_how_long_a_provider_takes(
    session: Session, begin: Begin, mine: Tenant, database: Database, worker: Database, uncounted: None
) -> None:
    at = DAY + timedelta(days=30)
    period = Period(since=at, until=at + timedelta(hours=2), step=Step.HOUR)
    for number in range(20):
        hand_in(session, begin, at + timedelta(minutes=3 * number), took=0.1 if number < 18 else 2)
    hand_in(session, begin, at + timedelta(hours=1), took=3_600)  # found out by asking, an hour later: no answer
    session.commit()
    tally(worker, at)
    with database.transaction(mine.id) as reading:
        steps = charts.answers(reading, period, mine.id)["facturapi"]
    assert list(steps) == [at]
    answers = charts.together(steps)
    assert answers.count == 20
    median, slow = answers.within(0.5), answers.within(0.95)
    assert median == pytest.approx(100, rel=0.1)
    assert slow == pytest.approx(2_000, rel=0.1)


def test_answers_of_several_steps_are_added() -> None:
    first, second = (Answers(provider="codat", counts=counts) for counts in ({20: 1, 30: 1}, {30: 2}))
    assert (first + second).counts == {20: 1, 30: 3}
    assert Answers(provider="codat", counts={}).within(0.5) is None
