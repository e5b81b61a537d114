"""Keeps the limits that providers state, for all processes and nodes together, so that none has to throttle us.

A limit of so many requests in a span is so many slots. A request takes one before it leaves and gives it back when it
has been answered; it is free again a whole span after that. Whenever a provider counts a request, between its first
byte and its answer, no span of its own can then hold more requests than there are slots.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.database import Database
from app.delivery.way import Way
from app.providers.base import RateLimit
from app.providers.wire import Outgoing, Reply

#: A slot that its owner never gave back, because it died, is free so long after the span.
HELD_SECONDS: Final = 600.0
#: Longest wait for a slot that is about to be free; the caller waits with us.
WAIT_SECONDS: Final = 5.0

TAKE: Final = text("""
    UPDATE slots SET free_at = statement.now + make_interval(secs => :held)
    FROM (SELECT coalesce(CAST(:now AS timestamptz), statement_timestamp()) AS now) statement
    WHERE id = (SELECT id FROM slots
                WHERE key = :key AND free_at <= coalesce(CAST(:now AS timestamptz), statement_timestamp())
                ORDER BY free_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, free_at
""")
EARLIEST: Final = text("""
    SELECT extract(epoch FROM min(free_at) - coalesce(CAST(:now AS timestamptz), statement_timestamp()))
    FROM slots WHERE key = :key
""")
MAKE: Final = text("""
    INSERT INTO slots (id, key, number, free_at)
    SELECT gen_random_uuid(), :key, number, coalesce(CAST(:now AS timestamptz), statement_timestamp())
    FROM generate_series(1, :requests) AS number
    ON CONFLICT DO NOTHING
""")
#: Only where nobody took it over meanwhile.
GIVE_BACK: Final = text("""
    UPDATE slots SET free_at = coalesce(CAST(:now AS timestamptz), statement_timestamp()) + make_interval(secs => :span)
    WHERE id = :id AND free_at = :free_at
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A slot that is taken, and when it is free again if nobody gives it back."""

    id: UUID
    free_at: datetime
    limit: RateLimit


class NoSlot(Exception):  # noqa: N818 - says what there is not
    """Every slot of a limit is taken for so many seconds more."""

    def __init__(self, limit: RateLimit, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds
        super().__init__(seconds)


class Limits:
    """Finds and keeps slots. The database's clock is the one that all nodes share, and is used where none is given."""

    def __init__(
        self, db: Database, *, clock: Callable[[], datetime] | None = None, wait: Callable[[float], None] = time.sleep
    ) -> None:
        self._db = db
        self._clock = clock
        self._wait = wait

    @contextmanager
    def of(self, way: Way) -> Iterator[Callable[[Outgoing], Reply | None]]:
        """What a delivery asks before each request: what it took, it gives back at the end."""
        held: list[Slot] = []

        def admit(outgoing: Outgoing) -> Reply | None:
            limits = [one for one in way.provider.limits if not one.methods or outgoing.method in one.methods]
            self._give_back(held)  # the request before this one has been answered
            try:
                held.extend(self._take(way.fingerprint, limits))
            except NoSlot as none:
                seconds = math.ceil(max(1.0, min(none.seconds, none.limit.seconds)))
                return Reply(status=429, headers={"retry-after": str(seconds)}, body=b"")
            return None

        try:
            yield admit
        finally:
            self._give_back(held)

    def _take(self, fingerprint: bytes, limits: list[RateLimit]) -> list[Slot]:
        """Take a slot of every limit, or none; waits where one is free soon. Raises NoSlot."""
        if not limits:
            return []
        waited = 0.0
        while True:
            try:
                with self._db.doors() as session:
                    return [self._one(session, fingerprint, limit) for limit in limits]
            except NoSlot as none:
                pause = max(none.seconds, 0.01)
                if waited + pause > WAIT_SECONDS:
                    raise
                self._wait(pause)
                waited += pause

    def _one(self, session: Session, fingerprint: bytes, limit: RateLimit) -> Slot:
        key, now = _key(fingerprint, limit), self._now()
        taking = {"key": key, "now": now, "held": limit.seconds + HELD_SECONDS}
        row = session.execute(TAKE, taking).one_or_none()
        if row is None:
            left = session.scalar(EARLIEST, {"key": key, "now": now})
            if left is not None:
                raise NoSlot(limit, float(left))
            session.execute(MAKE, {"key": key, "now": now, "requests": limit.requests})
            row = session.execute(TAKE, taking).one_or_none()
            if row is None:  # others were faster
                raise NoSlot(limit, 0.0)
        return Slot(id=row.id, free_at=row.free_at, limit=limit)

    def _give_back(self, held: list[Slot]) -> None:
        if not held:
            return
        now = self._now()
        with self._db.doors() as session:
            for slot in held:
                given = {"id": slot.id, "free_at": slot.free_at, "now": now, "span": slot.limit.seconds}
                session.execute(GIVE_BACK, given)
        held.clear()

    def _now(self) -> datetime | None:
        return self._clock() if self._clock else None


def _key(fingerprint: bytes, limit: RateLimit) -> bytes:
    """Whose limit it is, and which."""
    told = f"{limit.requests}|{timedelta(seconds=limit.seconds)}|{','.join(sorted(limit.methods))}"
    return hashlib.sha256(fingerprint + told.encode()).digest()
