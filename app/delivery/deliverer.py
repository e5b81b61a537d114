"""Hands an upload over: checks, the way to the provider, its generator over the wire, and the record of it all."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace as changed
from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog

from app import checks
from app.checks import HEAD_BYTES, Policy, Rejected
from app.config import Settings
from app.database import Database
from app.delivery.asking import Asker, cleaner_of
from app.delivery.destinations import Destination, Destinations
from app.delivery.errors import ConnectionPaused, HeldUp, TookTooLong
from app.delivery.journal import Contents, Journal
from app.delivery.limits import Limits
from app.delivery.looking import LOOK_SECONDS, Delivery, learnt_at_once
from app.delivery.origin import Origin, Result
from app.delivery.outcome import CANCELLED, GIVEN_UP, REFUSED, Consequence, consequence
from app.delivery.passing import Passing
from app.delivery.way import NoWay, Way
from app.delivery.ways import Ways
from app.errors import Refusal
from app.intake import Collected, CollectedFile, Streamed
from app.intake.errors import ClientGone, TooSlow, Truncated
from app.providers.base import Ending, HandIn, Outcome
from app.providers.operation import Operation
from app.providers.wire import FilePart, Outgoing
from app.tenants import links
from app.tenants.doors import Admitted
from app.tenants.models import Connection, Link
from app.tenants.vault import Vault

log = structlog.get_logger("ventanilla.delivery")

#: What becomes of a file that was withdrawn on its way without anybody having refused it, the most specific first.
WITHDRAWN: Final[tuple[tuple[tuple[type[Refusal], ...], Consequence], ...]] = (
    ((HeldUp,), GIVEN_UP),
    ((ClientGone, Truncated, TooSlow, TookTooLong), CANCELLED),
)


class Deliverer(Asker):
    """Delivers for every organization of this process, and asks what became of it."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        settings: Settings,
        clock: Callable[[], datetime],
        process_id: UUID,
        *,
        limits: Limits | None = None,
    ) -> None:
        super().__init__(database, Ways(database, vault, settings, clock, limits or Limits(database)), clock)
        self._relayed = changed(self._ways.deadlines, total=settings.relay_total_seconds)
        self._destinations = Destinations(database, self._ways)
        self._process_id = process_id

    def hand_in(
        self,
        origin: Origin,
        operation: Operation,
        collected: Collected,
        *,
        replace: bool,
        way: Way | NoWay | None = None,
    ) -> Result:
        """Check a hand-in that is whole, or has no file, send it, and say what became of it.

        `way`: of who came in just now, and opened it at the door. Raises ConnectionPaused and LinkClosed, and Rejected
        for what a check or a look at the provider refuses; that one has the id of its record.
        """
        journal = self._journal(origin, operation)
        way = way or self._open(origin)
        journal.contents = Contents.of(collected.files.values())
        try:
            checked = checks.run(
                operation,
                collected,
                secrets=collected.secrets,
                expected_rfc=origin.organization.rfc,
                now=self.now(),
            )
        except Rejected as rejected:
            journal.refuse(rejected, REFUSED)
            raise
        journal.contents.facts = checked.facts
        handin = HandIn(
            id=journal.id,
            organization=origin.organization.slug,
            received_at=self._received_at(origin),
            parts={name: _whole(file) for name, file in collected.files.items()},
            fields=collected.fields,
            secrets=checked.secrets,
            facts=checked.facts,
            replace=replace,
        )
        return self._hand_over(journal, way, operation, handin)

    def stream(
        self,
        origin: Origin,
        operation: Operation,
        streamed: Streamed,
        *,
        policy: Policy,
        way: Way | NoWay | None = None,
    ) -> Result:
        """Pass a file on while it arrives, watch it pass, and say what became of it.

        Raises as `hand_in` does, and what intake has to say of the file on its way. Whatever of that has a record has
        its id.
        """
        journal = self._journal(origin, operation)
        way = way or self._open(origin)
        arriving = streamed.file
        if arriving is None:
            missing = Rejected("missing-file", field=operation.parts[0].name)
            journal.refuse(missing, REFUSED)
            raise missing
        journal.contents = Contents.of([arriving])
        watch = checks.watch(
            operation,
            arriving.name,
            filename=arriving.filename,
            content_type=arriving.content_type,
            size=arriving.size,
            fields=streamed.fields,
            policy=policy,
            now=self.now(),
        )
        try:
            watch.begin(arriving.head(HEAD_BYTES))
        except Rejected as rejected:
            journal.refuse(rejected, REFUSED)
            raise
        part = FilePart(
            name=arriving.name,
            filename=watch.filename,
            content_type=watch.content_type,
            size=arriving.size,
            source=Passing(arriving, watch),
        )
        journal.contents = Contents.of([part], watch.facts)
        handin = HandIn(
            id=journal.id,
            organization=origin.organization.slug,
            received_at=self._received_at(origin),
            parts={part.name: part},
            fields=streamed.fields,
            secrets=streamed.secrets,
            facts=watch.facts,
        )
        return self._hand_over(journal, way, operation, handin)

    def _journal(self, origin: Origin, operation: Operation) -> Journal:
        mode = operation.modes[0]
        return Journal(self._database, self.now, self._process_id, origin=origin, operation=operation, mode=mode)

    def destination(self, admitted: Admitted, connection: str) -> Destination | None:
        """Return the organization's connection of that name, with the way to its provider; None: there is none."""
        if admitted.organization_id is None or admitted.version is None:
            return None
        return self._destinations.find(admitted.organization_id, connection, admitted.version)

    def _open(self, origin: Origin) -> Way | NoWay:
        """Look once more whether link and connection are open: the page may have been open for long."""
        with self._database.transaction(origin.organization.id) as session:
            if origin.link is not None:
                links.check(session.get_one(Link, origin.link.id), self.now())
            connection = session.get_one(Connection, origin.connection.id)
            if connection.paused_at is not None:
                raise ConnectionPaused
            return self._ways.open(session, connection)

    def _hand_over(self, journal: Journal, way: Way | NoWay, operation: Operation, handin: HandIn) -> Result:
        outcome = self._deliver(self._ways.fresh(way), operation, handin, journal)
        effect = consequence(outcome.ending, operation.modes[0])
        state = journal.end(outcome, effect)
        if effect.rejects:
            asked = Rejected(str(outcome.problem), field=outcome.field, **outcome.params)
            asked.upload_id = journal.id
            raise asked
        return Result(
            upload_id=journal.id, state=state, outcome=outcome, outcome_token=journal.token, record=journal.record
        )

    def _deliver(self, way: Way | NoWay, operation: Operation, handin: HandIn, journal: Journal) -> Outcome:
        if isinstance(way, NoWay):
            return way.outcome
        delivery = Delivery(way.provider.deliver(operation, handin, way.account))
        streams = any(isinstance(part.source, Passing) for part in handin.parts.values())

        def mark(outgoing: Outgoing) -> None:
            journal.contents = Contents.of(handin.parts.values(), _facts(handin))
            journal.mark(outgoing.baseline)

        def before(_: Outgoing) -> None:
            journal.begin()

        deadlines = self._relayed if streams else None
        with self._ways.engine(way, deadlines, mark=mark, before=before) as engine:
            try:
                outcome = _survive(lambda: engine.drive(delivery.steps), journal.id, lambda: _broken(sent=engine.sent))
            except Refusal as refusal:
                _withdraw(journal, refusal, engine.taken_back)
                raise
        outcome = cleaner_of(way, handin).outcome(outcome)
        if outcome.ending is not Ending.UNKNOWN or delivery.looked:
            return outcome
        looking = changed(handin, reference=outcome.reference, baseline=journal.baseline)
        looked = _survive(lambda: self.look(way, operation, looking, seconds=LOOK_SECONDS), journal.id, lambda: outcome)
        return learnt_at_once(outcome, looked)

    def _received_at(self, origin: Origin) -> datetime:
        return self.now().astimezone(ZoneInfo(origin.organization.timezone))


def _survive(drive: Callable[[], Outcome], upload_id: UUID, otherwise: Callable[[], Outcome]) -> Outcome:
    """Drive a generator; a fault of ours ends it too, in a state that is true, and is logged.

    What ends the process passes: the mark tells the sweeper.
    """
    try:
        return drive()
    except Refusal:
        raise
    except Exception as exc:  # noqa: BLE001 - whatever it is, the record has to say what is true
        where = "".join(traceback.format_exception(exc))  # here, because a renderer may add variables: key and password
        log.error("delivery broke off", upload=str(upload_id), traceback=where)  # noqa: TRY400
        return otherwise()


def _broken(*, sent: bool) -> Outcome:
    """What a fault of ours leaves, by whether all of the request that hands in had been sent."""
    if sent:
        return Outcome(ending=Ending.UNKNOWN, problem="unconfirmed", code="internal")
    return Outcome(ending=Ending.FAILED, problem="internal", code="internal")


def _withdraw(journal: Journal, refusal: Refusal, taken_back: Outcome | None) -> None:
    """Write down why a file was withdrawn on its way, and what became of what was begun for it there."""
    left_there = taken_back is not None and taken_back.empty_record is not None
    if journal.begun or left_there or isinstance(refusal, Rejected):
        effect = next((effect for kinds, effect in WITHDRAWN if isinstance(refusal, kinds)), REFUSED)
        journal.refuse(refusal, effect, taken_back)


def _whole(file: CollectedFile) -> FilePart:
    return FilePart(
        name=file.name,
        filename=file.filename,
        content_type=file.content_type,
        size=len(file.content),
        source=file,
    )


def _facts(handin: HandIn) -> Mapping[str, Any]:
    """What the checks know of the files by now."""
    learnt = [part.source.facts for part in handin.parts.values() if isinstance(part.source, Passing)]
    return {name: fact for facts in (handin.facts, *learnt) for name, fact in facts.items()}
