"""Statements of many threads, each of them a transaction of its own, run in groups that are one: group commit.

Whoever comes while nobody is at it takes along all that is waiting, and the first who came meanwhile runs the next
group. So the busier a process is, the fewer of its round trips and commits there are, and nobody waits for others to
come. A statement that fails fails its group: nothing of it has happened then, and each is run again alone.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg.rows import namedtuple_row

#: Statements of one group at most.
MOST: Final = 32
#: For a row that somebody else has locked, one thread may wait, not a whole group.
PATIENCE: Final = "SET lock_timeout = '100ms'"
#: A connection that rested for longer is made anew: the server may have gone meanwhile, or be another.
REST_SECONDS: Final = 1.0

Rows = Sequence[Any]


class _Asked:
    """A statement that is run with others."""

    __slots__ = ("failure", "leads", "rows", "sql", "values", "woken")

    def __init__(self, sql: str, values: Mapping[str, Any]) -> None:
        self.sql: Final = sql
        self.values: Final = values
        self.rows: Rows | None = None
        self.failure: psycopg.Error | None = None
        #: Its thread runs the next group.
        self.leads = False
        self.woken: Final = threading.Event()


class Groups:
    """Runs statements on a connection of its own, one group at a time."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]]) -> None:
        self._connect = connect
        self._connection: psycopg.Connection[Any] | None = None
        self._rests_since = 0.0
        self._waiting: deque[_Asked] = deque()
        self._busy = False
        self._lock = threading.Lock()

    def run(self, sql: str, values: Mapping[str, Any]) -> Rows | None:
        """Run a statement and return its rows; None: nothing has happened, and it has to be run alone.

        Raises psycopg's OperationalError where the server went away, and nobody knows what has happened.
        """
        asked = _Asked(sql, values)
        with self._lock:
            if self._busy:
                self._waiting.append(asked)
            else:
                self._busy = asked.leads = True
        if not asked.leads:
            asked.woken.wait()
        if asked.leads:
            self._lead(asked)
        if asked.failure:
            raise asked.failure
        return asked.rows

    def close(self) -> None:
        """Close the connection; the next statement makes another."""
        if self._connection is not None:
            self._connection.close()

    def _lead(self, asked: _Asked) -> None:
        """Run the next group, and wake its threads and the one that leads after it."""
        with self._lock:
            group = [asked, *(self._waiting.popleft() for _ in range(min(len(self._waiting), MOST - 1)))]
        try:
            self._run(group)
        finally:
            with self._lock:
                following = self._waiting.popleft() if self._waiting else None
                self._busy = following is not None
            for one in group[1:]:
                one.woken.set()
            if following:
                following.leads = True
                following.woken.set()

    def _run(self, group: Sequence[_Asked]) -> None:
        connection = None
        try:
            connection = self._open()
            if len(group) == 1:
                found = [connection.execute(group[0].sql, group[0].values).fetchall()]
            else:
                with connection.pipeline():
                    cursors = [connection.execute(one.sql, one.values) for one in group]
                found = [cursor.fetchall() for cursor in cursors]
        except psycopg.Error as exc:
            for one in group:
                one.failure = exc if connection is None or connection.broken else None
            return
        finally:
            self._rests_since = time.monotonic()
        for one, rows in zip(group, found, strict=True):
            one.rows = rows

    def _open(self) -> psycopg.Connection[Any]:
        connection = self._connection
        if connection and not connection.closed:
            if time.monotonic() - self._rests_since < REST_SECONDS:
                return connection
            connection.close()
        connection = self._connection = self._connect()
        connection.autocommit = True
        connection.row_factory = namedtuple_row
        connection.execute(PATIENCE)
        return connection
