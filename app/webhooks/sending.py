"""Sends webhooks: at least once, one after the other to each endpoint, whatever the others do.

The rows are the truth. An owner is an organization with endpoints of its own, or the house. Whoever has a turn takes
one endpoint of an owner in hand for a short while and sends what is due of it; nobody else sends to that endpoint
meanwhile, and one that does not answer is left in peace for a growing pause. Those that failed or were slow when they
were last tried never take up all of a process. No transaction is open while something is sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import BoundedSemaphore, Event
from typing import Final, Self
from uuid import UUID

import structlog
from pydantic import SecretStr
from sqlalchemy.orm import Session

from app import queue
from app.config import Settings
from app.database import AWAY, Database
from app.delivery import backoff
from app.delivery.backoff import Chance
from app.delivery.deadlines import Deadlines, Exchange
from app.delivery.egress import Egress
from app.delivery.http import Http
from app.delivery.sockets import tls_context
from app.providers.outcomes import retry_after
from app.providers.wire import Answer, Reply
from app.records import audit, notices
from app.records.models import AuditEntry, WebhookDelivery
from app.tenants.models import WebhookEndpoint
from app.tenants.vault import Vault, VaultError
from app.webhooks import endpoints, payloads, signing, taking
from app.webhooks.endpoints import Because
from app.webhooks.jobs import wake

log = structlog.get_logger("ventanilla.webhooks")

#: In all no longer than a worker that is told to stop waits for what it has begun.
DEADLINES: Final = Deadlines(connect=5.0, answer=15.0, total=18.0)
#: No more is read of an answer: its status says all.
ANSWER_BYTES: Final = 4 << 10
#: A turn is over after so many, or when it has lasted for so long: others wait.
MOST_IN_A_TURN: Final = 50
TURN_SECONDS: Final = 5.0
#: Of the turns that a process has at once, how many may be of endpoints in doubt; and who is slow.
MOST_IN_DOUBT: Final = queue.WEBHOOKS_AT_ONCE // 2
SLOW_SECONDS: Final = 2.0
#: What a try came to for which there was nothing to send.
UNWRITTEN: Final = "internal"
#: An endpoint that says that it is gone for good.
GONE: Final = 410


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """An endpoint that is in hand, and what is signed with."""

    endpoint: WebhookEndpoint
    keys: list[SecretStr]
    in_doubt: bool = False


class Messenger:
    """Sends for every owner. `database` is the worker's."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        egress: Egress,
        clock: Callable[[], datetime],
        *,
        public_url: str = "",
        failing_for: timedelta = timedelta(days=5),
        deadlines: Deadlines = DEADLINES,
        turn_seconds: float = TURN_SECONDS,
        slow_seconds: float = SLOW_SECONDS,
        chance: Chance = backoff.ANY,
    ) -> None:
        self._database = database
        self._vault = vault
        self._egress = egress
        self._context = tls_context()
        self._public_url = public_url
        self._failing_for = failing_for
        self._deadlines = deadlines
        self._turn_seconds = turn_seconds
        self._slow_seconds = slow_seconds
        self._slow: set[UUID] = set()
        self._room_for_doubt = BoundedSemaphore(MOST_IN_DOUBT)
        self._chance = chance
        self._stopping = Event()
        #: The time, as everything here is dated.
        self.now: Final = clock

    @classmethod
    def from_settings(cls, database: Database, vault: Vault, settings: Settings, clock: Callable[[], datetime]) -> Self:
        failing_for = timedelta(days=settings.webhook_failing_days)
        egress = Egress(settings.egress_allow)
        return cls(database, vault, egress, clock, public_url=settings.public_url, failing_for=failing_for)

    def stop(self) -> None:
        """Begin nothing more; what is being sent may end."""
        self._stopping.set()

    def turn(self, owner: UUID | None) -> int:
        """Send what is due of one of the owner's endpoints, for a short while; how many were tried."""
        room = self._room_for_doubt.acquire(blocking=False)
        try:
            taken = self._take(owner, in_doubt=room)
            if room and not (taken and taken.in_doubt):
                self._room_for_doubt.release()
                room = False
            return self._work_off(owner, taken) if taken else 0
        finally:
            if room:
                self._room_for_doubt.release()

    def _work_off(self, owner: UUID | None, taken: Taken) -> int:
        until, tried = time.monotonic() + self._turn_seconds, 0
        http = self._http()
        try:
            while tried < MOST_IN_A_TURN and time.monotonic() < until and not self._stopping.is_set():
                arrived = self._send_next(http, owner, taken)
                tried += arrived is not None
                if not arrived:
                    break
        finally:
            http.close()
            with self._database.transaction(owner) as session:
                taking.let_go(session, taken.endpoint.id)
                wake(session, owner)
        return tried

    def try_out(self, owner: UUID | None, endpoint_id: UUID, *, actor: str) -> Answer:
        """Send a webhook that tells of nothing, once, and return what is answered; raises NoResultFound.

        A disabled endpoint is tried too: whoever repaired it wants to know before it is enabled.
        """
        now = self.now()
        with self._database.transaction(owner) as session:
            endpoint = session.get_one(WebhookEndpoint, endpoint_id)
            keys = endpoints.secrets(session, self._vault, endpoint, now)
            entry = audit.write(
                session,
                organization_id=owner,
                actor=actor,
                action="webhook_endpoint.tested",
                subject=endpoint,
                now=now,
            )
        http = self._http()
        try:
            return self._ask(http, Taken(endpoint=endpoint, keys=keys), entry.id, payloads.test(entry, endpoint))
        finally:
            http.close()

    def _http(self) -> Http:
        return Http(self._egress, context=self._context, enough=ANSWER_BYTES)

    def _take(self, owner: UUID | None, *, in_doubt: bool) -> Taken | None:
        """Take an endpoint of the owner's in hand, one `in_doubt` if there is room for it; its next one may have its
        turn beside this one.
        """
        now = self.now()
        with self._database.transaction(owner) as session:
            endpoint = taking.endpoint(session, now, slow=self._slow, in_doubt=in_doubt)
            if endpoint is None:
                return None
            try:
                keys = endpoints.secrets(session, self._vault, endpoint, now)
            except VaultError as exc:
                log.error("webhooks cannot be signed", endpoint=str(endpoint.id), because=str(exc))  # noqa: TRY400
                endpoint.held_until = None
                self._note_failure(session, endpoint, now)
                return None
            wake(session, owner)
        return Taken(endpoint=endpoint, keys=keys, in_doubt=endpoint.failures > 0 or endpoint.id in self._slow)

    def _send_next(self, http: Http, owner: UUID | None, taken: Taken) -> bool | None:
        """Send the next that is due; whether it arrived, None if there is none."""
        with self._database.transaction(owner) as session:
            delivery = taking.delivery(session, taken.endpoint.id, self.now(), self._chance)
        if delivery is None:
            return None
        try:
            body = self._filled(delivery, delivery.body or self._write(delivery))
        except AWAY:
            raise
        except Exception:  # a fault of ours, in what is told of one upload: the others are told of theirs
            log.exception("webhook cannot be written", delivery=str(delivery.id))
            with self._database.transaction(owner) as session:
                if (again := session.get(WebhookDelivery, delivery.id)) is not None:
                    self._put_off(again, UNWRITTEN)
            return False
        answer = self._ask(http, taken, delivery.event_id, body)
        with self._database.transaction(owner) as session:
            return self._conclude(session, delivery, answer)

    def _write(self, delivery: WebhookDelivery) -> str:
        """Write what is sent, once: whoever gets it twice gets the same."""
        with self._database.transaction(delivery.about_id) as session:
            body = payloads.write(session, session.get_one(AuditEntry, delivery.event_id), delivery.event)
        with self._database.transaction(delivery.organization_id) as session:
            session.get_one(WebhookDelivery, delivery.id).body = body
        return body

    def _filled(self, delivery: WebhookDelivery, body: str) -> str:
        """With what is made anew each time that it is sent, and kept nowhere: a link leads whoever has it in."""
        if delivery.event != notices.EXPIRING:
            return body
        with self._database.transaction(delivery.about_id) as session:
            entry = session.get_one(AuditEntry, delivery.event_id)
            notice = notices.find(session, entry.subject_id, entry.details["days"])
            address = notices.address(session, self._vault, notice, self._public_url) if notice else None
        return payloads.with_link(body, address)

    def _ask(self, http: Http, taken: Taken, message_id: UUID, body: str) -> Answer:
        content = body.encode()
        headers = signing.headers(str(message_id), content, self.now(), taken.keys)
        began = time.monotonic()
        exchange = Exchange(deadlines=self._deadlines, until=began + self._deadlines.total)
        headers["Content-Type"] = "application/json"
        answer = http.ask(exchange, "POST", taken.endpoint.url, headers=headers, body=content)
        is_slow = time.monotonic() - began > self._slow_seconds
        (self._slow.add if is_slow else self._slow.discard)(taken.endpoint.id)
        return answer

    def _conclude(self, session: Session, sent: WebhookDelivery, answer: Answer) -> bool:
        """Write down what a try came to; whether it arrived."""
        now = self.now()
        endpoint = session.get(WebhookEndpoint, sent.endpoint_id, with_for_update={"key_share": True})
        if endpoint is None:  # it was removed meanwhile
            return False
        delivery = session.get_one(WebhookDelivery, sent.id)
        if isinstance(answer, Reply) and answer.ok:
            delivery.answer, delivery.arrived, delivery.ended_at = told(answer), True, now
            endpoint.failures, endpoint.failing_since, endpoint.quiet_until = 0, None, None
            endpoint.delivered_at = now
            return True
        asked = retry_after(answer) if isinstance(answer, Reply) else None
        self._put_off(delivery, told(answer), asked)
        self._note_failure(session, endpoint, now, asked, gone=isinstance(answer, Reply) and answer.status == GONE)
        return False

    def _put_off(self, delivery: WebhookDelivery, answer: str, asked: float | None = None) -> None:
        """Try it again later, if it was not tried for long enough, or ended by somebody else."""
        now = self.now()
        delivery.answer = answer
        if delivery.ended_at is None:
            delivery.due_at = self._pause(now, delivery.tries, asked)
            delivery.ended_at = now if now >= delivery.deadline_at else None

    def _note_failure(
        self,
        session: Session,
        endpoint: WebhookEndpoint,
        now: datetime,
        asked: float | None = None,
        *,
        gone: bool = False,
    ) -> None:
        """Leave the endpoint in peace for a while, or for good."""
        endpoint.failures += 1
        endpoint.failing_since = endpoint.failing_since or now
        endpoint.quiet_until = self._pause(now, endpoint.failures, asked)
        session.flush()
        if gone:
            self._disable(session, endpoint, Because.GONE)
        elif now - endpoint.failing_since >= self._failing_for:
            self._disable(session, endpoint, Because.FAILING)

    def _pause(self, now: datetime, failures: int, asked: float | None = None) -> datetime:
        return backoff.due(now, failures, asked, chance=self._chance)

    def _disable(self, session: Session, endpoint: WebhookEndpoint, because: Because) -> None:
        if endpoints.disable(session, endpoint, because, now=self.now()):
            log.error("webhook endpoint disabled", endpoint=str(endpoint.id), because=because.value)


def told(answer: Answer) -> str:
    """What a try came to, in a word: the status, or why there was none."""
    return str(answer.status) if isinstance(answer, Reply) else answer.cause
