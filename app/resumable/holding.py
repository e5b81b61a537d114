"""Whose turn it is to write: the locks that this process has, and its answers to others who want them.

A phone that comes back over another connection does not wait for the old one to be given up: whoever writes for that
one is told, here or on another node, keeps what has arrived and lets go.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socket import SHUT_RD, socket
from typing import Final, cast
from uuid import UUID, uuid4

import structlog
from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from app.database import Database
from app.intake.body import Body
from app.records import resumables
from app.records.models import Resumable
from app.resumable.errors import Locked
from app.services import Services

log = structlog.get_logger("ventanilla.resumable")

#: From one look at who wants a lock of ours to the next.
LOOK_SECONDS: Final = 0.25
#: What has arrived over the old connection is read to its end, for so long at most: it may still be arriving.
LET_GO_SECONDS: Final = 1.0
#: From one try to take a lock to the next, and the longest time spent on it.
TRY_SECONDS: Final = 0.05
PATIENCE_SECONDS: Final = 12.0


class Hold:
    """A lock on a file, and what is known of it; `row` is as it was when the lock was taken."""

    def __init__(self, lock: UUID) -> None:
        self.lock: Final = lock
        self.row: Resumable
        self._wanted_at = math.inf
        self._changing = threading.Lock()
        self._body: Body | None = None

    @property
    def wanted(self) -> bool:
        """Whether somebody else waits for it."""
        return self._wanted_at < math.inf

    @property
    def overdue(self) -> bool:
        """Whether somebody else has waited for as long as it may take to read what has arrived."""
        return time.monotonic() > self._wanted_at + LET_GO_SECONDS

    @contextmanager
    def reading(self, body: Body) -> Iterator[None]:
        """Let whoever wants the lock end this body where it is."""
        with self._changing:
            self._body = body
        try:
            yield
        finally:
            with self._changing:
                self._body = None

    def let_go(self) -> None:
        """Tell whoever has it to come to an end; a read that waits for the client ends at once."""
        with self._changing:
            self._wanted_at = min(self._wanted_at, time.monotonic())
            if self._body is not None and self._body.connection is not None:
                with suppress(OSError):  # TLS must not say goodbye here: its reader is another thread
                    socket.shutdown(self._body.connection, SHUT_RD)


class Holds:
    """The locks of this process. A thread answers for them as long as there are any."""

    def __init__(self, database: Database, *, patience: float = PATIENCE_SECONDS) -> None:
        self._database = database
        self._patience = patience
        self._held: dict[UUID, Hold] = {}
        self._changing = threading.Lock()
        self._answering = False

    @contextmanager
    def hold(self, organization_id: UUID, resumable_id: UUID) -> Iterator[Hold]:
        """Have a file to oneself; raises Locked where another has it, lives, and does not let go in time."""
        hold = Hold(uuid4())
        self._add(hold)
        try:
            hold.row = self._take(organization_id, resumable_id, hold)
            try:
                yield hold
            finally:
                self._release(organization_id, resumable_id, hold.lock)
        finally:
            with self._changing:
                del self._held[hold.lock]

    def _take(self, organization_id: UUID, resumable_id: UUID, hold: Hold) -> Resumable:
        until, pause = time.monotonic() + self._patience, threading.Event()
        while True:
            with self._database.transaction(organization_id) as session:
                row = resumables.take(session, resumable_id, hold.lock)
            if row is not None:
                return row
            if time.monotonic() >= until:
                raise Locked
            pause.wait(TRY_SECONDS)

    def _release(self, organization_id: UUID, resumable_id: UUID, lock: UUID) -> None:
        try:
            with self._database.transaction(organization_id) as session:
                resumables.release(session, resumable_id, lock)
        except SQLAlchemyError as exc:  # who wants it finds out that nobody answers for it
            log.warning("lock could not be released", cause=type(exc).__name__)

    def _add(self, hold: Hold) -> None:
        with self._changing:
            self._held[hold.lock] = hold
            if not self._answering:
                self._answering = True
                threading.Thread(target=self._answer, name="resumable locks", daemon=True).start()

    def _answer(self) -> None:
        pause = threading.Event()
        while True:
            with self._changing:
                held = dict(self._held)
                if not held:
                    self._answering = False
                    return
            try:
                for lock in resumables.answer(self._database, held):
                    held[lock].let_go()
            except SQLAlchemyError as exc:  # the next look may find the database again
                log.warning("locks could not be answered for", cause=type(exc).__name__)
            pause.wait(LOOK_SECONDS)


def init_app(app: Flask) -> None:
    """Give the application its locks."""
    services = cast("Services", app.extensions["ventanilla"])
    app.extensions["ventanilla.holds"] = Holds(services.database)


def holds() -> Holds:
    """The locks of the application that the current request belongs to."""
    return cast("Holds", current_app.extensions["ventanilla.holds"])
