"""Opens ways to providers, keeps their credentials fresh, and speaks along them within the provider's limits."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from threading import Lock
from typing import Any, Final, TypeGuard, TypeVar
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from app.config import Settings
from app.database import Database
from app.delivery.calls import Answered, Call
from app.delivery.deadlines import Deadlines, Exchange
from app.delivery.egress import Egress
from app.delivery.engine import Engine
from app.delivery.limits import Limits
from app.delivery.masking import masked
from app.delivery.seen import seen
from app.delivery.sessions import Sessions
from app.delivery.way import NoWay, Way
from app.providers.base import Renews, Unavailable
from app.providers.wire import Answer, NoAnswer, Outgoing, Reply
from app.records import audit
from app.tenants import connections
from app.tenants.models import Connection
from app.tenants.vault import Vault

log = structlog.get_logger("ventanilla.delivery")

T = TypeVar("T")

#: Longest wait for a new credential; the caller waits with us.
RENEW_SECONDS: Final = 10.0


class Ways:
    """Every way of this process."""

    def __init__(
        self, database: Database, vault: Vault, settings: Settings, clock: Callable[[], datetime], limits: Limits
    ) -> None:
        self._database = database
        self._vault = vault
        self._sandbox_url = settings.sandbox_url
        self._clock = clock
        self._limits = limits
        self._sessions = Sessions(Egress(settings.egress_allow))
        self._renewing: dict[UUID, Lock] = {}
        self.deadlines: Final = Deadlines.from_settings(settings)

    def close(self) -> None:
        """Close every connection to a provider."""
        self._sessions.close()

    def open(self, session: Session, connection: Connection) -> Way | NoWay:
        """Read what a connection tells; why it cannot be used is logged for the operator."""
        try:
            return Way.open(session, self._vault, connection)
        except NoWay as no_way:
            log.error("connection cannot be used", connection=str(connection.id), because=str(no_way))  # noqa: TRY400
            return no_way

    def fresh(self, way: Way | NoWay) -> Way | NoWay:
        """The same way with a credential that does not end under the hand-in. No transaction may be open.

        One of this process asks at a time. Of several processes that ask at once the first to write it down is the one
        whose answer stays; all of their credentials are good.
        """
        if not _is_due(way, self._clock()):
            return way
        with self._renewing.setdefault(way.sealed[0].connection_id, Lock()):
            again = self._reopened(way.connection)
            return self._renewed(again) if _is_due(again, self._clock()) else again

    @contextmanager
    def engine(self, way: Way, deadlines: Deadlines | None = None, **options: Any) -> Iterator[Engine]:
        """What speaks to the way's provider; `options` as Engine takes them."""
        with self._limits.of(way) as admit:
            yield Engine(
                self._sessions.of(way.connection.id),
                way.provider.base_url(way.account, self._sandbox_url),
                way.headers,
                deadlines or self.deadlines,
                admit=admit,
                stores=way.provider.stores,
                provider=way.provider.slug,
                clock=time.monotonic,
                **options,
            )

    def hand_on(self, way: Way, call: Call, exchange: Exchange) -> Answered | NoAnswer | Reply:
        """Make somebody's call along a way, as it is; a Reply is our own: the provider's limits are used up.

        The answer comes without the credential, whatever it quotes.
        """
        http = self._sessions.of(way.connection.id)
        if call.store is not None:
            with seen(way.provider.slug, call.method) as told:
                return told(http.hand_on(exchange, call, call.store, {}, stores=way.provider.stores))
        with self._limits.of(way) as admit:
            if ours := admit(Outgoing(method=call.method, path=call.target)):
                return ours
            base_url = way.provider.base_url(way.account, self._sandbox_url)
            authorization = {name: value for name, value in way.headers.items() if name == "Authorization"}
            with seen(way.provider.slug, call.method) as told:
                handed = told(http.hand_on(exchange, call, base_url, authorization))
        return handed if isinstance(handed, NoAnswer) else masked(handed, way.secrets())

    def look(self, way: Way, steps: Generator[Outgoing, Answer, T], deadlines: Deadlines | None = None) -> T:
        """Drive a generator that only looks."""
        with self.engine(way, deadlines) as engine:
            return engine.drive(steps)

    def _renewed(self, way: Way) -> Way | NoWay:
        assert isinstance(way.provider, Renews)  # noqa: S101 - it said that it is due
        deadlines = replace(self.deadlines, total=RENEW_SECONDS, answer=RENEW_SECONDS)
        try:
            new = self.look(way, way.provider.renew(way.account, way.credential), deadlines)
        except Unavailable as exc:
            again = self._reopened(way.connection)
            if not _is_due(again, self._clock()):  # another process used the same refresh token up, and has its answer
                return again
            outcome = way.cleaner.outcome(exc.outcome)
            log.warning("credential could not be renewed", connection=str(way.connection.id), because=outcome.problem)
            return NoWay("its credential could not be renewed", outcome)
        with self._database.transaction(way.sealed[0].organization_id) as session:
            if connections.renew(session, self._vault, way.sealed, new):
                audit.write(
                    session,
                    organization_id=way.sealed[0].organization_id,
                    actor=audit.SYSTEM,
                    action="connection.renewed",
                    subject=session.get_one(Connection, way.sealed[0].connection_id),
                    now=self._clock(),
                )
        return self._reopened(way.connection)

    def _reopened(self, connection: Connection) -> Way | NoWay:
        with self._database.transaction(connection.organization_id) as session:
            return self.open(session, connection)


def _is_due(way: Way | NoWay, now: datetime) -> TypeGuard[Way]:
    """Whether the credential has to be renewed before it is used."""
    return isinstance(way, Way) and isinstance(way.provider, Renews) and way.provider.due(way.credential, now)
