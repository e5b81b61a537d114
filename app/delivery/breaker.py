"""Lets a provider that fails be, for longer and longer: a breaker for each connection, which all nodes share.

Closed, everything passes. After so many failures in a row it opens, and nothing passes for a while. Then one probe
passes: if the provider answers it, the breaker closes; if not, it is open for twice as long.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.database import Alone
from app.providers.base import Ending, Outcome
from app.records.models import Breaker

#: Failures in a row after which it opens.
FAILURES: Final = 5
#: How long it is open the first time; twice as long each next time, up to the most.
FIRST: Final = timedelta(seconds=30)
MOST: Final = timedelta(minutes=10)
#: A probe that nothing was heard of for so long is given up, and another may pass.
PROBE: Final = timedelta(minutes=2)

#: Made by a migration.
OPEN_UNTIL: Final = text("SELECT ventanilla_open_until(:organization, :connection)")

TOO_MANY_REQUESTS: Final = 429
#: Causes of having no answer that are the provider's.
ITS_OWN: Final = frozenset({"connect", "timeout", "reset", "truncated"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a breaker is, and what moves it."""

    failures: int = 0
    #: How often it opened since the provider last answered well.
    openings: int = 0
    open_until: datetime | None = None
    #: One probe has passed, and is waited for.
    probing: bool = False

    def asked(self, now: datetime) -> tuple[bool, Position]:
        """Whether somebody may pass, and where that leaves it: who passes an open one is its probe."""
        if self.open_until is None:
            return True, self
        if now < self.open_until:
            return False, self
        return True, replace(self, open_until=now + PROBE, probing=True)

    def told(self, now: datetime, *, ok: bool) -> Position:
        """After an answer or a failure; failures of those who passed before it opened do not keep it open."""
        if ok:
            return CLOSED
        if self.open_until is not None and not self.probing:
            return self
        failures = self.failures + 1
        if failures < FAILURES:
            return replace(self, failures=failures)
        pause = min(FIRST * (1 << min(self.openings, 16)), MOST)
        return Position(failures=failures, openings=self.openings + 1, open_until=now + pause)


CLOSED: Final = Position()


def health(outcome: Outcome) -> bool | None:
    """Whether an outcome shows a provider that works; None where it shows neither.

    Our own refusals, clients' aborts and a provider that asks for a pause say nothing of its health.
    """
    if outcome.http_status is not None:
        return None if outcome.http_status == TOO_MANY_REQUESTS else outcome.http_status < 500
    if outcome.ending is Ending.DELIVERED:
        return True
    return False if outcome.code in ITS_OWN else None


def is_closed(alone: Alone, organization_id: UUID, connection_id: UUID) -> bool:
    """Whether everything passes: nearly always, and then nobody has to be waited for, as in `allows`."""
    rows = alone.execute(OPEN_UNTIL, {"organization": str(organization_id), "connection": connection_id})
    return rows[0][0] is None


def allows(session: Session, connection_id: UUID, now: datetime) -> bool:
    """Whether something may be sent along a connection now; a yes may make the caller its probe, who has to `note`."""
    row = _locked(session, connection_id)
    if row is None:
        return True
    allowed, position = _position(row).asked(now)
    _put(row, position)
    return allowed


def note(session: Session, connection_id: UUID, ok: bool | None, now: datetime) -> None:  # noqa: FBT001 - it is all there is to say
    """Remember how a provider did, in the transaction of the session's organization; None: nothing was learnt."""
    if ok:
        closed = update(Breaker).where(Breaker.connection_id == connection_id, Breaker.failures > 0)
        session.execute(closed.values(asdict(CLOSED)), execution_options={"synchronize_session": False})
    if ok is not False:
        return
    first = insert(Breaker).values(organization_id=func.ventanilla_organization(), connection_id=connection_id)
    session.execute(first.on_conflict_do_nothing())
    row = _locked(session, connection_id)
    assert row is not None  # noqa: S101 - just inserted, or in the way of it
    _put(row, _position(row).told(now, ok=False))


def _locked(session: Session, connection_id: UUID) -> Breaker | None:
    wanted = select(Breaker).where(Breaker.connection_id == connection_id).with_for_update()
    return session.scalars(wanted, execution_options={"populate_existing": True}).one_or_none()


def _position(row: Breaker) -> Position:
    return Position(failures=row.failures, openings=row.openings, open_until=row.open_until, probing=row.probing)


def _put(row: Breaker, position: Position) -> None:
    for name, value in asdict(position).items():
        setattr(row, name, value)
