"""Processes and their heartbeats: by these the sweeper knows whose attempts have an owner.

The database's clock is the one that all nodes share, and is used where none is given.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import structlog
from sqlalchemy import delete, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from uuid_utils.compat import uuid7

from app.database import Database
from app.records.models import Process

Kind = Literal["web", "worker"]

BEAT_SECONDS: Final = 2.0
#: Longest wait for a beat that is under way when the process ends.
STOP_SECONDS: Final = 5.0
DEAD_AFTER: Final = timedelta(seconds=10)

log = structlog.get_logger("ventanilla.processes")


def beat(db: Database, process_id: UUID, kind: Kind, now: datetime | None = None) -> None:
    """Tell that the process is alive."""
    at = now or func.clock_timestamp()
    row = insert(Process).values(id=process_id, kind=kind, started_at=at, beat_at=at)
    with db.doors() as session:
        session.execute(row.on_conflict_do_update(index_elements=[Process.id], set_={"beat_at": row.excluded.beat_at}))


def leave(db: Database, process_id: UUID) -> None:
    """Tell that the process is about to end and works on nothing any more."""
    with db.doors() as session:
        session.execute(delete(Process).where(Process.id == process_id))


class Heartbeat:
    """Beats in a thread of its own from `start` to `stop`. Start it in the process it speaks for, after any fork."""

    def __init__(self, db: Database, kind: Kind, *, every: float = BEAT_SECONDS) -> None:
        self.id = uuid7()
        self._db = db
        self._kind = kind
        self._every = every
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Beat once, so that the process is known before it works on anything, and go on beating."""
        if self._thread is not None:
            return
        self.beat()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop beating and leave; does nothing where it was not started."""
        if self._thread is None:
            return
        self._stopping.set()
        self._thread.join(STOP_SECONDS)
        self._thread = None
        self._stopping.clear()
        try:
            leave(self._db, self.id)
        except SQLAlchemyError as exc:
            log.warning("heartbeat could not leave", cause=type(exc).__name__)

    def beat(self) -> None:
        """Beat once."""
        beat(self._db, self.id, self._kind)

    def _run(self) -> None:
        while not self._stopping.wait(self._every):
            try:
                self.beat()
            except SQLAlchemyError as exc:  # the next beat may find the database again
                log.warning("heartbeat missed", cause=type(exc).__name__)
