"""Processes and their heartbeats: by these the sweeper knows whose attempts have an owner.

The database's clock is the one that all nodes share, and is used where none is given.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import structlog
from sqlalchemy import delete, func, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from uuid_utils.compat import uuid7

from app.database import Database
from app.records.models import Process
from app.tenants.vault import Vault

Kind = Literal["web", "worker"]

BEAT_SECONDS: Final = 2.0
#: Longest wait for a beat that is under way when the process ends.
STOP_SECONDS: Final = 5.0
#: So much of a machine's name is written down.
NODE: Final = 100
DEAD_AFTER: Final = timedelta(seconds=10)

IN_HAND: Final = text("SELECT ventanilla_in_hand(:process)")
LET_GO: Final = text("SELECT ventanilla_let_go(:process, :left_lying)")

log = structlog.get_logger("ventanilla.processes")


class Work:
    """What a process works on. What the database says it has in hand beside that, it has left lying."""

    def __init__(self) -> None:
        self.process_id: Final = uuid7()
        self._held: set[UUID] = set()

    @contextmanager
    def holding(self, upload_id: UUID) -> Iterator[None]:
        """Work on an upload. Whether its end was written down or not, afterwards nobody here does."""
        self._held.add(upload_id)
        try:
            yield
        finally:
            self._held.discard(upload_id)

    def left_lying(self, in_hand: Collection[UUID]) -> set[UUID]:
        """Of those, the ones that nobody here works on."""
        return set(in_hand) - self._held


def beat(
    db: Database, process_id: UUID, kind: Kind, now: datetime | None = None, *, vault_keys: Sequence[int] = ()
) -> None:
    """Tell that the process is alive, and which master keys it knows."""
    at = now or func.clock_timestamp()
    told = {"beat_at": at, "vault_keys": list(vault_keys)}
    row = insert(Process).values(id=process_id, kind=kind, node=socket.gethostname()[:NODE], started_at=at, **told)
    with db.doors() as session:
        session.execute(row.on_conflict_do_update(index_elements=[Process.id], set_=told))


def leave(db: Database, process_id: UUID) -> None:
    """Tell that the process is about to end and works on nothing any more."""
    with db.doors() as session:
        session.execute(delete(Process).where(Process.id == process_id))


def in_hand(db: Database, process_id: UUID) -> set[UUID]:
    """Uploads of which the database says that the process has them in hand."""
    with db.doors() as session:
        return set(session.scalars(IN_HAND, {"process": process_id}))


def let_go(db: Database, process_id: UUID, left_lying: Collection[UUID]) -> None:
    """Make of those nobody's, so that the sweeper takes them up."""
    with db.doors() as session:
        session.execute(LET_GO, {"process": process_id, "left_lying": list(left_lying)})


class Heartbeat:
    """Tells that the process is alive, and lets go of what it left lying: the database was away for so long that an end
    could not be written down, or took a commit and could not say so.

    Beats in a thread of its own from `start` to `stop`. Start it in the process it speaks for, after any fork."""

    def __init__(self, db: Database, kind: Kind, vault: Vault | None = None, *, every: float = BEAT_SECONDS) -> None:
        self.work: Final = Work()
        self._db = db
        self._vault = vault
        self._kind = kind
        self._every = every
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._left_lying: set[UUID] = set()

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
            leave(self._db, self.work.process_id)
        except SQLAlchemyError as exc:
            log.warning("heartbeat could not leave", cause=type(exc).__name__)

    def beat(self) -> None:
        """Beat once. What it says that it knows, it has just looked for."""
        if self._vault is not None:
            self._vault.refresh()
        known = self._vault.known if self._vault else ()
        beat(self._db, self.work.process_id, self._kind, vault_keys=known)

    def look(self) -> None:
        """Let go of what lies there for the second time: at the first, somebody may just have taken it up."""
        found = self.work.left_lying(in_hand(self._db, self.work.process_id))
        if twice := found & self._left_lying:
            log.warning("uploads left lying", count=len(twice))
            let_go(self._db, self.work.process_id, twice)
        self._left_lying = found - twice

    def _run(self) -> None:
        while not self._stopping.wait(self._every):
            try:
                self.beat()
                self.look()
            except SQLAlchemyError as exc:  # the next beat may find the database again
                log.warning("heartbeat missed", cause=type(exc).__name__)
