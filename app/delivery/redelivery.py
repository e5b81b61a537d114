"""Delivers what waits: one upload after the other of an organization, from its copy in the spool.

The rows are the truth: an upload is due by its row, and whoever claims it has it. A job only wakes a worker.

What may have arrived is looked for first. Only what the provider says it does not have is sent a second time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from app.config import Settings
from app.database import AWAY, Database
from app.delivery import breaker, claiming, settling
from app.delivery.asking import Asker, cleaner_of
from app.delivery.claiming import Share
from app.delivery.errors import CopyGone, HandedBack
from app.delivery.jobs import wake
from app.delivery.kept import Kept
from app.delivery.limits import Limits
from app.delivery.looking import believed, recorded
from app.delivery.outcome import LOOKED, SPOOLED, Consequence
from app.delivery.spooling import Shelf
from app.delivery.surviving import broken, survive
from app.delivery.way import NoWay, Way
from app.delivery.ways import Ways
from app.errors import Refusal
from app.intake.spool import Spool, SpoolAway
from app.providers import registry
from app.providers.base import Ending, HandIn, Outcome
from app.providers.operation import Operation
from app.providers.outcomes import unlearnt
from app.providers.wire import Outgoing
from app.records import attempts, audit, copies, uploads
from app.records.models import Attempt, Copy, Upload
from app.records.processes import Work
from app.records.states import State
from app.seeing import ids, spans
from app.tenants import organizations
from app.tenants.models import Connection, Organization
from app.tenants.vault import Vault

log = structlog.get_logger("ventanilla.redelivery")

T = TypeVar("T")

#: Waits before what became of an attempt is written again; the last is repeated. Nobody waits for it but the row.
PATIENCE: Final = (0.2, 1.0, 3.0, 6.0)
PATIENCE_TRIES: Final = 20
#: How long what is on its way may take once the worker is asked to stop; what has not got its mark then is handed back.
GRACE_SECONDS: Final = 5.0
#: Uploads that are given up in one transaction.
BATCH: Final = 100
#: Nothing is wrong with it but that this worker ends.
HANDED_BACK: Final = Outcome(ending=Ending.RETRY)
#: A fault of ours, in a look.
NOTHING_LEARNT: Final = Outcome(ending=Ending.RETRY, problem="internal", code="internal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An upload that is in this process's hands, with all that it takes to go on with it."""

    upload: Upload
    organization: Organization
    #: Its last one: under way, or one that nobody knows the end of.
    attempt: Attempt
    in_doubt: bool
    copy: Copy | None
    shelf: Shelf
    way: Way | NoWay

    @property
    def operation(self) -> Operation:
        return registry.operation(self.upload.operation)

    def seen(self) -> Mapping[str, str]:
        """Whose request it goes on with, as the copy knows: its id, and where its trace goes on."""
        told: Mapping[str, str] = self.shelf.unseal(self.copy.sealed).get("seen", {}) if self.copy else {}
        return told

    def recorded(self) -> HandIn:
        """The hand-in as its record tells."""
        return recorded(self.upload, self.organization, self.attempt.baseline)


class Redeliverer(Asker):
    """Delivers what waits, for every organization, as one process of several."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        spool: Spool,
        settings: Settings,
        *,
        clock: Callable[[], datetime],
        work: Work,
        limits: Limits | None = None,
        share: Share | None = None,
    ) -> None:
        super().__init__(database, Ways(database, vault, settings, clock, limits or Limits(database)), clock)
        self._vault = vault
        self._spool = spool
        self._settled_after = timedelta(seconds=settings.settled_seconds)
        self._kept = timedelta(days=settings.failed_days)
        self._work = work
        self._deadlines = replace(self._ways.deadlines, total=settings.relay_total_seconds)
        self._share = share or Share(
            of_connection=settings.deliveries_per_connection, of_organization=settings.deliveries_per_organization
        )
        self._stopping = threading.Event()
        self._stop_at = 0.0

    def stop(self, grace: float = GRACE_SECONDS) -> None:
        """Claim nothing more; what is under way ends within `grace` seconds or, without its mark, is handed back."""
        self._stop_at = time.monotonic() + grace
        self._stopping.set()

    def next(self, organization_id: UUID) -> bool:
        """Take up the organization's next upload that is due, and go as far with it as it goes; False: none is."""
        if self._stopping.is_set():
            return False
        claim = self._claim(organization_id)
        if claim is None:
            return False
        seen, upload = claim.seen(), claim.upload
        with (
            ids.bound(organization=organization_id, upload=upload.id, request=seen.get(ids.REQUEST)),
            spans.span("deliver", parent=seen.get(spans.PARENT), operation=upload.operation),
            self._work.holding(upload.id),
        ):
            log.info("taken up", attempt=claim.attempt.number, in_doubt=claim.in_doubt)
            claim = replace(claim, way=self._ways.fresh(claim.way))
            ready = self._find_out(claim) if claim.in_doubt else claim
            if ready is not None:
                self._settle(ready, *self._send(ready))
        return True

    def _claim(self, organization_id: UUID) -> Claim | None:
        with self._database.transaction(organization_id) as session:
            now, organization = self.now(), organizations.get(session, organization_id)
            if organization.suspended_at is not None:
                return None
            for overdue in claiming.given_up(session, now, BATCH):
                settling.give_up(session, overdue, actor=audit.SYSTEM, now=now, kept=self._kept)
            upload = claiming.next_due(session, organization_id, now, self._share)
            if upload is None:
                return None
            last = attempts.last(session, upload.id)
            in_doubt = last is not None and last.outcome == attempts.UNKNOWN
            uploads.change(session, upload, State.DELIVERING, actor=audit.SYSTEM, now=now)
            upload.process_id = self._work.process_id
            attempt = last if last and in_doubt else self._start(session, upload, now)
            claim = Claim(
                upload=upload,
                organization=organization,
                attempt=attempt,
                in_doubt=in_doubt,
                copy=copies.find(session, upload.id),
                shelf=self._shelf(session, upload),
                way=self._ways.open(session, session.get_one(Connection, upload.connection_id)),
            )
            session.flush()
            self._wake_for_more(session, organization_id, now)
        return claim

    def _find_out(self, claim: Claim) -> Claim | None:
        """Look whether the last attempt arrived. Returns the claim with a new attempt where it did not."""
        way = claim.way
        if isinstance(way, NoWay):
            looked = unlearnt(way.outcome)
        else:
            looked = survive(
                lambda: self.look(way, claim.operation, claim.recorded()), claim.upload.id, lambda: NOTHING_LEARNT
            )
        answered = claim.attempt.provider_http_status is not None or claim.operation.repeatable
        age = self.now() - (claim.attempt.completing_at or claim.attempt.started_at)
        ending = believed(looked, answered=answered, age=age, settled=self._settled_after)
        if ending is Ending.FAILED:
            return self._insist(lambda: self._begin_anew(claim, looked))
        if looked.ending is Ending.FAILED:  # not there yet: the request may still be on its way
            looked = replace(looked, ending=Ending.RETRY, problem="unconfirmed")
        cannot_tell = looked.ending is Ending.UNKNOWN
        self._settle(claim, looked, (LOOKED if cannot_tell else SPOOLED)[looked.ending])
        return None

    def _begin_anew(self, claim: Claim, looked: Outcome) -> Claim | None:
        now = self.now()
        with self._database.transaction(claim.upload.organization_id) as session:
            upload = self._locked(session, claim)
            if upload is None:
                return None
            attempts.end(session, claim.attempt, **settling.ended(looked, now))
            return replace(claim, upload=upload, attempt=self._start(session, upload, now), in_doubt=False)

    def _send(self, claim: Claim) -> tuple[Outcome, Consequence]:
        """Hand it over, from its copy; what became of it, and what follows."""
        if isinstance(claim.way, NoWay):
            return claim.way.outcome, SPOOLED[claim.way.outcome.ending]
        way, upload, attempt = claim.way, claim.upload, claim.attempt

        def mark(outgoing: Outgoing) -> None:
            with self._database.transaction(upload.organization_id) as session:
                if organizations.get(session, upload.organization_id).suspended_at is not None:
                    raise HandedBack  # it waits with the others
                attempts.mark(session, attempt, baseline=outgoing.baseline, now=self.now())

        try:
            handin = self._opened(claim)
            steps = way.provider.deliver(claim.operation, handin, way.account)
            with self._ways.engine(way, self._deadlines, mark=mark) as engine:
                outcome = survive(lambda: engine.drive(steps), upload.id, lambda: broken(sent=engine.sent, kept=True))
        except HandedBack:
            return HANDED_BACK, SPOOLED[Ending.RETRY]
        except Refusal as refusal:
            ending = Ending.RETRY if isinstance(refusal, SpoolAway) else Ending.FAILED
            return Outcome(ending=ending, problem=refusal.slug, retry_after=refusal.retry_after), SPOOLED[ending]
        outcome = cleaner_of(way, handin).outcome(outcome)
        return outcome, SPOOLED[outcome.ending]

    def _opened(self, claim: Claim) -> HandIn:
        """The hand-in with its bytes and fields; raises CopyGone."""
        copy, handin = claim.copy, claim.recorded()
        if copy is None:
            raise CopyGone
        told = claim.shelf.unseal(copy.sealed)
        (part,) = handin.parts.values()
        kept = Kept(claim.shelf, copy.segments, part.sha256, self._go_on)
        part = replace(part, content_type=told["content_type"], size=copy.size, source=kept)
        return replace(handin, parts={part.name: part}, fields=told["fields"], baseline={}, reference=None, kept=True)

    def _go_on(self) -> None:
        if self._stopping.is_set() and time.monotonic() >= self._stop_at:
            raise HandedBack

    def _settle(self, claim: Claim, outcome: Outcome, effect: Consequence) -> None:
        state, kept = self._insist(lambda: self._settled(claim, outcome, effect))
        if not kept:
            self._spool.discard(claim.upload.id)
        log.info("left", state=state, problem=outcome.problem, code=outcome.code)

    def _settled(self, claim: Claim, outcome: Outcome, effect: Consequence) -> tuple[State, bool]:
        """Write it down; the upload's state, and whether its copy is still needed."""
        organization_id, now, actor = claim.upload.organization_id, self.now(), audit.SYSTEM
        with self._database.transaction(organization_id) as session:
            upload = self._locked(session, claim, even_lost=effect.state is State.DELIVERED)
            if upload is None:
                return uploads.get(session, claim.upload.id).state, True
            if outcome is HANDED_BACK:
                settling.hand_back(session, upload, claim.attempt, actor=actor, now=now)
            elif claim.in_doubt and effect.state is State.WAITING:  # the attempt's end is as unknown as it was
                settling.wait(session, upload, outcome, actor=actor, now=now, kept=self._kept)
            else:
                settling.settle(session, upload, claim.attempt, outcome, effect, actor=actor, now=now, kept=self._kept)
            settling.tell_of_empty_record(session, upload, outcome, now)
            if effect.pauses and isinstance(claim.way, Way):
                settling.pause(session, claim.way.connection, outcome, now)
            breaker.note(session, upload.connection_id, breaker.health(outcome), now)
            session.flush()
            self._wake_for_more(session, organization_id, now)
            return upload.state, copies.find(session, upload.id) is not None

    def _locked(self, session: Session, claim: Claim, *, even_lost: bool = False) -> Upload | None:
        """The upload, locked; None where somebody else has it in hand by now, who took this process for dead."""
        upload = uploads.lock(session, claim.upload.id)
        last = attempts.last(session, upload.id)
        mine = upload.process_id == self._work.process_id and last is not None and last.id == claim.attempt.id
        if (mine and upload.state is State.DELIVERING) or even_lost:
            return upload
        log.warning("upload lost to another", upload=str(upload.id), state=upload.state)
        return None

    def _wake_for_more(self, session: Session, organization_id: UUID, now: datetime) -> None:
        if claiming.is_more_due(session, now, self._share):
            wake(session, organization_id, in_hand=claiming.count_in_hand(session))

    def _start(self, session: Session, upload: Upload, now: datetime) -> Attempt:
        return attempts.start(session, upload, process_id=self._work.process_id, now=now)

    def _shelf(self, session: Session, upload: Upload) -> Shelf:
        cipher = self._vault.cipher(session, upload.organization_id)
        return Shelf(spool=self._spool, cipher=cipher, organization_id=upload.organization_id, upload_id=upload.id)

    def _insist(self, write: Callable[[], T]) -> T:
        """Write something down; a database that is away is waited for, as long as a sweeper does not do it better."""
        for tried in range(PATIENCE_TRIES):
            try:
                return write()
            except AWAY as exc:
                log.warning("the database is away", cause=type(exc).__name__)
                time.sleep(PATIENCE[min(tried, len(PATIENCE) - 1)])
        return write()
