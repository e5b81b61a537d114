"""Tries every credential once a day, so that one that was withdrawn is known before a customer needs it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

import structlog
from sqlalchemy import Select, select, text
from sqlalchemy.orm import Session

from app.database import Database
from app.delivery import backoff
from app.delivery.backoff import Chance
from app.delivery.settling import pause
from app.providers.base import Ending, Verdict
from app.tenants import connections
from app.tenants.models import Connection

log = structlog.get_logger("ventanilla.checking")

#: Between two tries of a credential, and how much sooner or later: what was added together does not stay together.
EVERY: Final = timedelta(days=1)
JITTER: Final = timedelta(hours=2)
#: Connections that one round tries; the next round is a minute later.
AT_ONCE: Final = 20

FIND: Final = text("SELECT ventanilla_find_checks(:now)")


class Verifies(Protocol):
    """What tries a connection: an Asker."""

    def verify(self, organization_id: UUID | None, connection_id: UUID) -> Verdict: ...


class Checker:
    """Tries the credentials of every organization, and the house's; `database` is the worker's."""

    def __init__(
        self, database: Database, asker: Verifies, clock: Callable[[], datetime], *, chance: Chance = backoff.ANY
    ) -> None:
        self._database = database
        self._asker = asker
        self._now = clock
        self._chance = chance

    def check_due(self) -> int:
        """Try the connections whose turn it is, at most so many; how many those were."""
        with self._database.doors() as session:
            owners: list[UUID | None] = list(session.scalars(FIND, {"now": self._now()}))
        tried = 0
        for owner in owners:
            while tried < AT_ONCE and (connection := self._next(owner)):
                self._check(connection)
                tried += 1
        return tried

    def _next(self, owner: UUID | None) -> Connection | None:
        """Take the next one. One that is new was tried when it was added: it gets its turn within a day."""
        now = self._now()
        with self._database.transaction(owner) as session:
            for new in session.scalars(_in_use().where(Connection.next_check_at.is_(None))):
                new.next_check_at = now + EVERY * self._chance()
            session.flush()
            connection = session.scalars(_in_use().where(Connection.next_check_at <= now).limit(1)).one_or_none()
            if connection is not None:
                connection.next_check_at = now + EVERY + JITTER * (2 * self._chance() - 1)
        return connection

    def _check(self, connection: Connection) -> None:
        verdict = self._asker.verify(connection.organization_id, connection.id)
        with self._database.transaction(connection.organization_id) as session:
            self._conclude(session, connection, verdict)

    def _conclude(self, session: Session, connection: Connection, verdict: Verdict) -> None:
        if verdict.ok:
            connections.verified(session, connection, self._now())
        elif verdict.outcome is not None and verdict.outcome.ending is Ending.CREDENTIAL:
            pause(session, connection, verdict.outcome, self._now())
        else:  # the provider is away, or the settings are not its own: nothing that a pause would put right
            log.warning("connection could not be checked", connection=str(connection.id), because=verdict.detail)


def _in_use() -> Select[Connection]:
    return select(Connection).where(Connection.paused_at.is_(None)).with_for_update(skip_locked=True)
