"""With a hundred thousand uploads no page reads all of them: what the planner does for each question that pages ask."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from sqlalchemy import Connection as Open
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from app.database import utcnow
from app.records import charts, finding, histories, needs, standing, usage
from app.records.charts import Period, Step
from app.records.finding import Line, Sought
from app.records.searching import Place
from app.records.states import State
from tests.filled import Filled, filled

__all__ = ["filled"]

pytestmark = pytest.mark.live  # it takes a while to fill

LIMIT: Final = 50
#: Tables that grow with every hand-in.
LARGE: Final = {"uploads", "attempts"}
Asks = Callable[[Session, Line, Place], Any]


def rows(sought: Callable[[Line], Sought]) -> Asks:
    return lambda session, line, _: finding.behind(session, sought(line), None, limit=LIMIT)


PERIOD: Final = Period(since=utcnow() - timedelta(days=90), until=utcnow(), step=Step.DAY, zone="America/Mexico_City")
QUESTIONS: Final[dict[str, Asks]] = {
    "newest": rows(lambda _: Sought()),
    "behind": lambda session, _, place: finding.behind(session, Sought(), place, limit=LIMIT),
    "before": lambda session, _, place: finding.before(session, Sought(), place, limit=LIMIT),
    "failed": rows(lambda _: Sought(states=frozenset({State.FAILED}))),
    "what needs somebody": rows(lambda _: Sought(states=frozenset({State.FAILED, State.UNKNOWN, State.WAITING}))),
    "failed, further on": lambda session, _, place: finding.behind(
        session, Sought(states=frozenset({State.FAILED})), place, limit=LIMIT
    ),
    "of one": rows(lambda line: Sought(organization_id=line.organization_id)),
    "failed of one": rows(lambda line: Sought(organization_id=line.organization_id, states=frozenset({State.UNKNOWN}))),
    "of one, further on": lambda session, line, place: finding.behind(
        session, Sought(organization_id=line.organization_id), place, limit=LIMIT
    ),
    "by a form": rows(lambda line: Sought(form_id=line.id)),
    "by a link": rows(lambda line: Sought(link_id=line.id)),
    "of a connection": rows(lambda line: Sought(connection_id=line.id)),
    "an operation": rows(lambda _: Sought(operations=frozenset({"flatfile/file"}))),
    "a provider's": rows(
        lambda _: Sought(operations=frozenset({"facturapi/certificate", "facturapi/fiel", "facturapi/logo"}))
    ),
    "a problem": rows(lambda _: Sought(problem="quota-used-up")),
    "a week": rows(lambda _: Sought(since=utcnow() - timedelta(days=40), until=utcnow() - timedelta(days=33))),
    "a common word": rows(lambda _: Sought(words="csd")),
    "rare words": rows(lambda _: Sought(words="poder notarial 77")),
    "a hash": rows(lambda line: Sought(words=line.sha256)),
    "the beginning of one": rows(lambda line: Sought(words=str(line.sha256)[:12])),
    "an id": rows(lambda line: Sought(words=str(line.id))),
    "a reference": rows(lambda line: Sought(words=line.reference)),
    "an external id": rows(lambda _: Sought(words="PED-00")),
    "words among the failed": rows(lambda _: Sought(words="csd", states=frozenset({State.FAILED}))),
    "words of one": rows(lambda line: Sought(words="zzz", organization_id=line.organization_id)),
    "nothing": rows(lambda _: Sought(words="…")),
    "how many": lambda session, *_: finding.count(session, Sought(states=frozenset({State.FAILED}))),
    "how many in all": lambda session, *_: finding.count(session, Sought()),
    "how many are new": lambda session, _, place: finding.newer(session, Sought(), place),
    "what changed": lambda session, _, place: finding.changed(
        session, place, place, utcnow() - timedelta(minutes=1), most=LIMIT
    ),
    "a history": lambda session, line, _: histories.history(session, line.id),
    "points": lambda session, *_: charts.points(session, PERIOD),
    "answers": lambda session, *_: charts.answers(session, PERIOD),
    "failures": lambda session, *_: charts.failures(session, PERIOD),
    "points of one": lambda session, line, _: charts.points(session, PERIOD, line.organization_id),
    "needs": lambda session, *_: needs.needs(session, utcnow()),
    "standings": lambda session, *_: standing.standings(session, utcnow()),
    "stored": lambda session, *_: needs.stored(session),
}


@contextmanager
def explained(session: Session) -> Iterator[list[dict[str, Any]]]:
    """Every plan that is made while it lasts."""
    plans: list[dict[str, Any]] = []
    connection = session.connection()

    def explain(_: Open, cursor: Any, statement: str, values: Any, *__: Any) -> None:
        if not statement.lstrip().startswith("EXPLAIN"):
            found = connection.connection.cursor().execute("EXPLAIN (FORMAT JSON) " + statement, values).fetchone()
            plan = found[0] if not isinstance(found[0], str) else json.loads(found[0])
            plans.append(plan[0]["Plan"])

    event.listen(connection, "before_cursor_execute", explain)
    try:
        yield plans
    finally:
        event.remove(connection, "before_cursor_execute", explain)


def scanned(plan: dict[str, Any]) -> Iterator[str]:
    """Large tables that are read from one end to the other."""
    if plan["Node Type"] == "Seq Scan" and plan["Relation Name"] in LARGE:
        yield plan["Relation Name"]
    for one in plan.get("Plans", ()):
        yield from scanned(one)


@pytest.fixture(scope="module")
def line(filled: Filled) -> Line:
    """An upload somewhere in the middle."""
    middle = utcnow() - timedelta(days=40)
    with filled.database.overview() as session:
        delivered = Sought(states=frozenset({State.DELIVERED}), until=middle, operations=frozenset({"codat/file"}))
        return finding.behind(session, delivered, None, limit=1).lines[0]


@pytest.mark.parametrize("asked", QUESTIONS, ids=str)
def test_no_question_reads_all_uploads(filled: Filled, line: Line, asked: str) -> None:
    with filled.database.overview() as session, explained(session) as plans:
        QUESTIONS[asked](session, line, line.place)
    assert plans
    assert [name for plan in plans for name in scanned(plan)] == []


@pytest.mark.parametrize("asked", ["newest", "failed", "behind", "how many", "needs", "points of one", "a history"])
def test_nor_does_an_organizations_own(filled: Filled, line: Line, asked: str) -> None:
    with filled.database.transaction(line.organization_id) as session, explained(session) as plans:
        QUESTIONS[asked](session, line, line.place)
    assert [name for plan in plans for name in scanned(plan)] == []


def read_through(session: Session) -> int:
    """How often the whole of uploads was read so far, in functions too, by this transaction."""
    asked = text("SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relid = 'uploads'::regclass")
    return int(session.execute(asked).scalar_one())


def test_a_months_usage_reads_that_month(filled: Filled) -> None:
    month = {"only_of": None, "since": datetime(2026, 10, 1), "until": datetime(2026, 11, 1)}  # noqa: DTZ001 - of each
    with filled.database.doors() as session:
        before = read_through(session)
        assert session.execute(usage.USAGE, month).all()
        assert read_through(session) == before


def test_one_that_reads_all_in_a_function_is_noticed(filled: Filled) -> None:
    with filled.database.overview() as session:
        before = read_through(session)
        session.execute(text("DO $$ BEGIN PERFORM FROM uploads WHERE lower(provider_message) = 'x'; END $$"))
        assert read_through(session) > before


def test_one_that_does_is_noticed(filled: Filled) -> None:
    with filled.database.overview() as session, explained(session) as plans:
        session.execute(text("SELECT count(*) FROM uploads WHERE lower(provider_message) = 'x'"))
    assert [name for plan in plans for name in scanned(plan)] == ["uploads"]
