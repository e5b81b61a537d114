"""Drives a provider's generator for one attempt, within its record: what every way of handing in ends with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from dataclasses import replace as changed
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import SecretStr
from sqlalchemy.orm import Session

from app import checks
from app.checks import HEAD_BYTES, Policy, Rejected, Scanner, Watch
from app.config import Settings
from app.database import Database
from app.delivery.asking import Asker, cleaner_of
from app.delivery.contents import Contents
from app.delivery.journal import Journal
from app.delivery.limits import Limits
from app.delivery.looking import LOOK_SECONDS, Delivery, learnt_at_once
from app.delivery.origin import Origin, Result
from app.delivery.outcome import REFUSED, Consequence
from app.delivery.passing import Passing
from app.delivery.spooling import Reread, Spooling
from app.delivery.surviving import broken, survive, withdraw
from app.delivery.way import NoWay, Way
from app.delivery.ways import Ways
from app.errors import Refusal
from app.intake import Arriving, Collected, CollectedFile, Streamed
from app.providers.base import Ending, HandIn, Outcome
from app.providers.operation import Mode, Operation
from app.providers.wire import FilePart, Outgoing
from app.records.processes import Work
from app.records.states import State
from app.seeing import ids, spans
from app.tenants import links
from app.tenants.models import Connection, Link
from app.tenants.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedIn:
    """A hand-in with a file: where it came from, what it is for, and what came before the file."""

    journal: Journal
    origin: Origin
    operation: Operation
    fields: Mapping[str, str] = field(repr=False)
    secrets: Mapping[str, SecretStr] = field(repr=False)
    policy: Policy

    def file_of(self, streamed: Streamed) -> Arriving:
        """The file that came; raises Rejected where none did."""
        if streamed.file is None:
            missing = Rejected("missing-file", field=self.operation.parts[0].name)
            self.journal.refuse(missing, REFUSED)
            raise missing
        return streamed.file


class Sender(Asker):
    """Sends for every organization of this process."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        settings: Settings,
        clock: Callable[[], datetime],
        work: Work,
        *,
        limits: Limits | None,
    ) -> None:
        super().__init__(database, Ways(database, vault, settings, clock, limits or Limits(database)), clock)
        self._vault = vault
        self._work = work
        self._scanner = Scanner.from_settings(settings)
        self._kept = timedelta(days=settings.failed_days)
        relayed = changed(self._ways.deadlines, total=settings.relay_total_seconds)
        kept = changed(relayed, grace=settings.provider_grace_seconds, rate=settings.provider_minimum_rate)
        #: Of a file that is sent while it arrives, by how it travels.
        self._streaming = {Mode.RELAY: relayed, Mode.DURABLE: kept}

    @contextmanager
    def _journal(
        self, origin: Origin, operation: Operation, mode: Mode, upload_id: UUID | None = None
    ) -> Iterator[Journal]:
        """Of an upload that this process works on meanwhile."""
        journal = Journal(
            self._database,
            self.now,
            self._work.process_id,
            origin=origin,
            operation=operation,
            mode=mode,
            kept=self._kept,
            id=upload_id,
        )
        ids.bind(organization=origin.organization.id, upload=journal.id)
        with self._work.holding(journal.id), spans.span("hand in", operation=operation.slug, mode=mode.value):
            yield journal

    def _enter(self, session: Session, origin: Origin) -> Connection:
        """The connection as it is now; raises LinkClosed where the link that leads there is not open any more."""
        if origin.link is not None:
            links.check(session.get_one(Link, origin.link.id), self.now())
        return session.get_one(Connection, origin.connection.id)

    def _received_at(self, origin: Origin) -> datetime:
        return self.now().astimezone(ZoneInfo(origin.organization.timezone))

    def _begin(self, handed_in: HandedIn, file: Arriving | Reread) -> Watch:
        """Judge the beginning of a file, with all that is known before its first byte leaves.

        Raises Rejected, and Busy or ScannerAway where it cannot be judged now.
        """
        handed_in.journal.contents = Contents.of([file])
        watch = checks.watch(
            handed_in.operation,
            file.name,
            filename=file.filename,
            content_type=file.content_type,
            size=file.size,
            fields=handed_in.fields,
            policy=handed_in.policy,
            now=self.now(),
            scanner=self._scanner,
        )
        try:
            watch.begin(file.head(HEAD_BYTES))
        except Refusal as refusal:
            withdraw(handed_in.journal, refusal)
            raise
        return watch

    def _checked(
        self, origin: Origin, operation: Operation, collected: Collected, journal: Journal, *, replace: bool = False
    ) -> HandIn:
        """Put a hand-in that is whole through its checks; raises Rejected, which has the id of its record."""
        journal.contents = Contents.of(collected.files.values())
        try:
            checked = checks.run(
                operation,
                collected,
                secrets=collected.secrets,
                expected_rfc=origin.organization.rfc,
                now=self.now(),
                scanner=self._scanner,
            )
        except Rejected as rejected:
            journal.refuse(rejected, REFUSED)
            raise
        journal.contents.facts = checked.facts
        return HandIn(
            id=journal.id,
            organization=origin.organization.slug,
            received_at=self._received_at(origin),
            parts={name: _whole(file) for name, file in collected.files.items()},
            fields=collected.fields,
            secrets=checked.secrets,
            facts=checked.facts,
            replace=replace,
        )

    def _with_file(self, handed_in: HandedIn, file: Arriving, watch: Watch, source: Passing) -> HandIn:
        part, journal, origin = part_of(file, watch, source), handed_in.journal, handed_in.origin
        journal.contents = Contents.of([part], watch.facts)
        return HandIn(
            id=journal.id,
            organization=origin.organization.slug,
            received_at=self._received_at(origin),
            parts={part.name: part},
            fields=handed_in.fields,
            secrets=handed_in.secrets,
            facts=watch.facts,
            kept=journal.mode is Mode.DURABLE,
        )

    def _send(self, way: Way | NoWay, operation: Operation, handin: HandIn, journal: Journal) -> Outcome:
        """Make one attempt; raises what the file is withdrawn for, after what was begun for it was taken back."""
        way = self._ways.fresh(way)
        if isinstance(way, NoWay):
            return way.outcome
        delivery = Delivery(way.provider.deliver(operation, handin, way.account))
        source = next((part.source for part in handin.parts.values() if isinstance(part.source, Passing)), None)
        copying = source if isinstance(source, Spooling) else None

        def mark(outgoing: Outgoing) -> None:
            journal.contents = Contents.of(handin.parts.values(), _facts(handin))
            journal.copy = copying.copy if copying else None
            journal.mark(outgoing.baseline)

        def before(_: Outgoing) -> None:
            if not journal.begun:
                journal.begin()

        def after(_: Outgoing) -> None:
            if copying:
                copying.drain()

        deadlines = self._streaming[journal.mode] if source else None
        with self._ways.engine(way, deadlines, mark=mark, before=before, after=after) as engine:
            try:
                outcome = survive(
                    lambda: engine.drive(delivery.steps),
                    journal.id,
                    lambda: broken(sent=engine.sent, kept=handin.kept),
                )
            except Refusal:
                journal.taken_back = engine.taken_back
                raise
        outcome = cleaner_of(way, handin).outcome(outcome)
        if outcome.ending is not Ending.UNKNOWN or delivery.looked:
            return outcome
        looking = changed(handin, reference=outcome.reference, baseline=journal.baseline)
        looked = survive(lambda: self.look(way, operation, looking, seconds=LOOK_SECONDS), journal.id, lambda: outcome)
        learnt = learnt_at_once(outcome, looked)
        if handin.kept and learnt.ending is Ending.FAILED:  # it is not there, and can be sent again
            return changed(learnt, ending=Ending.RETRY)
        return learnt

    @staticmethod
    def _end(journal: Journal, outcome: Outcome, effect: Consequence) -> Result:
        """Write the outcome down; raises Rejected where a look at the provider refused it."""
        state = journal.end(outcome, effect)
        if effect.rejects:
            asked = Rejected(str(outcome.problem), field=outcome.field, **outcome.params)
            asked.upload_id = journal.id
            raise asked
        return told(journal, outcome, state)


def part_of(file: Arriving | Reread, watch: Watch, source: Passing) -> FilePart:
    """What is handed over: named and typed as the watch found it."""
    return FilePart(
        name=file.name, filename=watch.filename, content_type=watch.content_type, size=file.size, source=source
    )


def told(journal: Journal, outcome: Outcome, state: State) -> Result:
    """What the caller of a hand-in is told."""
    return Result(
        upload_id=journal.id, state=state, outcome=outcome, outcome_token=journal.token, record=journal.record
    )


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
