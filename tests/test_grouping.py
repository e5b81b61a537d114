"""Statements of many threads at once: each gets its own rows, few transactions do for all, and no failure spreads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from app import grouping
from app.database import Database, driver_url
from app.grouping import Groups, Rows
from app.local.postgres import Embedded
from tests.tenancy import becomes

SECONDS = 20
ASK = "SELECT %(number)s::int AS number, txid_current() AS transaction"
FAIL = "SELECT 1 / %(number)s::int"
AT_ONCE = 12

Together = Callable[[list[tuple[str, int]]], list[Future[Rows | None]]]


@pytest.fixture
def own(postgres: Embedded) -> Iterator[Database]:
    """A database whose connection for groups is nobody else's."""
    found = Database(postgres.app_url, pool=AT_ONCE)
    yield found
    found.dispose()


@pytest.fixture
def together(postgres: Embedded) -> Iterator[Together]:
    """Runs statements of which all but the first come while that one is at it."""
    go_on = Event()

    def connect() -> psycopg.Connection[Any]:
        assert go_on.wait(SECONDS)
        return psycopg.connect(driver_url(postgres.app_url))

    groups = Groups(connect)

    def run(asked: list[tuple[str, int]]) -> list[Future[Rows | None]]:
        found = [threads.submit(groups.run, asked[0][0], {"number": asked[0][1]})]
        assert becomes(lambda: groups._busy)
        found += [threads.submit(groups.run, sql, {"number": number}) for sql, number in asked[1:]]
        assert becomes(lambda: len(groups._waiting) == len(asked) - 1)
        go_on.set()
        return found

    with ThreadPoolExecutor(AT_ONCE) as threads:
        yield run
    groups.close()


def test_each_gets_its_own_rows_and_one_transaction_does_for_all_that_waited(together: Together) -> None:
    rows = [one.result(SECONDS) for one in together([(ASK, number) for number in range(AT_ONCE)])]
    assert [found[0].number for found in rows if found] == list(range(AT_ONCE))
    first, *others = [found[0].transaction for found in rows if found]
    assert len(set(others)) == 1
    assert first not in others


def test_a_group_is_never_larger_than_it_may_be(together: Together, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "MOST", 4)
    rows = [one.result(SECONDS) for one in together([(ASK, number) for number in range(9)])]
    assert [found[0].number for found in rows if found] == list(range(9))
    transactions = [found[0].transaction for found in rows if found]
    assert sorted(transactions.count(one) for one in set(transactions)) == [1, 4, 4]


def test_of_a_group_with_one_that_fails_nothing_has_happened(together: Together) -> None:
    found = together([(ASK, 1), (ASK, 2), (FAIL, 0), (ASK, 3)])
    assert [one.result(SECONDS) is None for one in found] == [False, True, True, True]


def test_each_of_them_is_then_run_alone(own: Database) -> None:
    ask, fail = text("SELECT CAST(:number AS int)"), text("SELECT 1 / CAST(:number AS int)")
    with ThreadPoolExecutor(AT_ONCE) as threads:
        fine = [threads.submit(own.alone().execute, ask, {"number": number}) for number in range(50)]
        wrong = [threads.submit(own.alone().execute, fail, {"number": 0}) for _ in range(5)]
        assert [one.result(SECONDS)[0][0] for one in fine] == list(range(50))
        for one in wrong:
            with pytest.raises(DBAPIError, match="22012"):
                one.result(SECONDS)
    assert own.alone().execute(ask, {"number": 7})[0][0] == 7


def test_for_a_locked_row_its_own_thread_waits_and_nobody_else(own: Database, owner_engine: Engine) -> None:
    process = uuid4()
    beat = text("UPDATE processes SET kind = 'worker' WHERE id = :id RETURNING kind")
    with owner_engine.begin() as owner:
        owner.execute(text("INSERT INTO processes VALUES ('web', now(), now(), :id)"), {"id": process})
    with ThreadPoolExecutor(AT_ONCE) as threads:
        with owner_engine.begin() as owner:
            owner.execute(text("SELECT 1 FROM processes WHERE id = :id FOR UPDATE"), {"id": process})
            held = threads.submit(own.alone().execute, beat, {"id": process})
            others = [
                threads.submit(own.alone().execute, text("SELECT CAST(:n AS int)"), {"n": number})
                for number in range(9)
            ]
            assert [one.result(SECONDS)[0][0] for one in others] == list(range(9))
            assert not held.done()
        assert held.result(SECONDS)[0][0] == "worker"


def test_a_server_that_went_away_is_told_and_then_asked_anew(own: Database) -> None:
    own.alone().execute(text("SELECT 1"), {})
    who = own.alone().execute(text("SELECT pg_backend_pid()"), {})[0][0]
    with own.doors() as session:
        session.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": who})
    with pytest.raises(OperationalError):
        own.alone().execute(text("SELECT 1"), {})
    assert own.alone().execute(text("SELECT 1"), {})[0][0] == 1


def test_a_connection_that_rested_is_made_anew(own: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = text("SELECT pg_backend_pid()")
    first = own.alone().execute(ask, {})[0][0]
    assert own.alone().execute(ask, {})[0][0] == first
    monkeypatch.setattr(grouping, "REST_SECONDS", 0.0)
    assert own.alone().execute(ask, {})[0][0] != first


def test_a_server_that_cannot_be_reached_is_told(own: Database) -> None:
    def refuse() -> psycopg.Connection[Any]:
        raise psycopg.OperationalError

    with pytest.raises(psycopg.OperationalError):
        Groups(refuse).run("SELECT 1", {})
