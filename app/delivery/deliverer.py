"""Hands an upload over: checks, the way to the provider, its generator over the wire, and the record of it all."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Generator, Mapping
from datetime import datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.orm import Session

from app import checks
from app.checks import CheckResult, Rejected
from app.config import Settings
from app.database import Database
from app.delivery.cleaning import SHORTEST, Cleaner
from app.delivery.deadlines import Deadlines
from app.delivery.egress import Egress
from app.delivery.engine import Engine, Mark, refuse_files
from app.delivery.errors import ConnectionPaused
from app.delivery.journal import Journal, pause, settle
from app.delivery.origin import Origin, Result
from app.delivery.outcome import LOOKED, consequence
from app.delivery.sessions import Sessions
from app.delivery.way import NoWay, Way
from app.errors import Refusal
from app.intake import Collected, CollectedFile
from app.providers import registry
from app.providers.base import Ending, HandIn, Outcome, Reconciles, Verdict
from app.providers.operation import Operation
from app.providers.wire import Answer, FilePart, Outgoing
from app.records import attempts, audit, uploads
from app.records.models import Upload
from app.records.states import State
from app.tenants import links
from app.tenants.models import Connection, Link, Organization
from app.tenants.vault import Vault

log = structlog.get_logger("ventanilla.delivery")

T = TypeVar("T")

#: So long after its mark a request may still be under way somewhere: until then 'it is not there' is not for good.
SETTLED: Final = timedelta(minutes=10)


class Deliverer:
    """Delivers for every organization of this process."""

    def __init__(
        self, database: Database, vault: Vault, settings: Settings, clock: Callable[[], datetime], process_id: UUID
    ) -> None:
        self._database = database
        self._vault = vault
        self._sandbox_url = settings.sandbox_url
        self._deadlines = Deadlines.from_settings(settings)
        self._clock = clock
        self._process_id = process_id
        self._sessions = Sessions(Egress(settings.egress_allow))

    def close(self) -> None:
        """Close every connection to a provider."""
        self._sessions.close()

    def hand_in(self, origin: Origin, operation: Operation, collected: Collected, *, replace: bool) -> Result:
        """Check a hand-in that is whole, send it, and say what became of it.

        Raises ConnectionPaused and LinkClosed, and Rejected for what a check or a look at the provider refuses; that
        one has the id of its record.
        """
        mode = operation.modes[0]
        journal = Journal(
            self._database,
            self._clock,
            self._process_id,
            origin=origin,
            operation=operation,
            mode=mode,
            collected=collected,
        )
        way = self._open(origin)
        try:
            checked = self._check(origin, operation, collected)
        except Rejected as rejected:
            journal.reject(rejected)
            rejected.upload_id = journal.id
            raise
        journal.facts = checked.facts
        outcome = self._deliver(
            way, operation, _handin(journal.id, origin, collected, checked, self._clock(), replace=replace), journal
        )
        effect = consequence(outcome.ending, mode)
        state = journal.end(outcome, effect)
        if effect.rejects:
            asked = Rejected(str(outcome.problem), field=outcome.field, **outcome.params)
            asked.upload_id = journal.id
            raise asked
        return Result(upload_id=journal.id, state=state, outcome=outcome, outcome_token=journal.token)

    def check_again(self, organization_id: UUID, upload_id: UUID, *, actor: str) -> Result:
        """Ask the provider whether an upload that is `unknown` arrived; any other is told as it is."""
        with self._database.transaction(organization_id) as session:
            upload = uploads.get(session, upload_id)
            if upload.state is not State.UNKNOWN:
                return Result(upload_id=upload_id, state=upload.state, outcome=_as_recorded(upload))
            attempt = attempts.listing(session, upload_id)[-1]
            way = self._way(session, session.get_one(Connection, upload.connection_id))
            slug = session.get_one(Organization, organization_id).slug
        outcome = self._look(way, upload, slug, attempt.baseline)
        effect = LOOKED[outcome.ending]
        sent = attempt.completing_at or attempt.started_at
        if effect.state is State.FAILED and self._clock() - sent < SETTLED:
            effect = LOOKED[Ending.UNKNOWN]
        with self._database.transaction(organization_id) as session:
            if effect.state is not State.UNKNOWN:
                state = settle(session, upload, outcome, effect, actor=actor, now=self._clock())
            else:
                state = uploads.get(session, upload_id).state
                details = {"learnt": outcome.ending.value, "code": outcome.code, "http_status": outcome.http_status}
                self._note(session, upload, actor, details)
            if effect.pauses and not isinstance(way, NoWay):
                pause(session, way.connection, outcome, self._clock())
        return Result(upload_id=upload_id, state=state, outcome=outcome)

    def verify(self, organization_id: UUID | None, connection_id: UUID) -> Verdict:
        """Try a connection's credential by a call that changes nothing; it may be paused, or the house's."""
        with self._database.transaction(organization_id) as session:
            way = self._way(session, session.get_one(Connection, connection_id))
        if isinstance(way, NoWay):
            return Verdict(ok=False, detail=str(way))
        steps = way.provider.verify(way.account, way.credential, self._clock())
        return Cleaner(way.secrets()).verdict(self._engine(way).drive(steps))

    def _open(self, origin: Origin) -> Way | NoWay:
        """Look once more whether link and connection are open: the page may have been open for long."""
        with self._database.transaction(origin.organization.id) as session:
            if origin.link is not None:
                links.check(session.get_one(Link, origin.link.id), self._clock())
            connection = session.get_one(Connection, origin.connection.id)
            if connection.paused_at is not None:
                raise ConnectionPaused
            return self._way(session, connection)

    def _way(self, session: Session, connection: Connection) -> Way | NoWay:
        try:
            return Way.open(session, self._vault, connection)
        except NoWay as no_way:
            log.error("connection cannot be used", connection=str(connection.id), because=str(no_way))  # noqa: TRY400
            return no_way

    def _check(self, origin: Origin, operation: Operation, collected: Collected) -> CheckResult:
        return checks.run(
            operation,
            collected,
            secrets=collected.secrets,
            expected_rfc=origin.organization.rfc,
            now=self._clock(),
        )

    def _engine(self, way: Way, mark: Mark = refuse_files) -> Engine:
        return Engine(
            self._sessions.of(way.connection.id),
            way.provider.base_url(way.account, self._sandbox_url),
            way.headers,
            self._deadlines,
            mark=mark,
            clock=time.monotonic,
        )

    def _deliver(self, way: Way | NoWay, operation: Operation, handin: HandIn, journal: Journal) -> Outcome:
        if isinstance(way, NoWay):
            return Outcome(ending=Ending.FAILED, problem="settings-wrong")

        def mark(outgoing: Outgoing) -> None:
            journal.mark(outgoing.baseline)

        engine = self._engine(way, mark)
        outcome = _survive(engine, way.provider.deliver(operation, handin, way.account), handin.id)
        return _cleaner(way, handin).outcome(outcome)

    def _look(self, way: Way | NoWay, upload: Upload, slug: str, baseline: Mapping[str, object]) -> Outcome:
        if isinstance(way, NoWay) or not isinstance(way.provider, Reconciles):
            return Outcome(ending=Ending.UNKNOWN, problem="unconfirmed")
        handin = HandIn(
            id=upload.id,
            organization=slug,
            received_at=upload.created_at,
            parts={},
            facts=upload.facts,
            baseline=baseline,
        )
        steps = way.provider.reconcile(registry.operation(upload.operation), handin, way.account)
        return _cleaner(way, handin).outcome(self._engine(way).drive(steps))

    def _note(self, session: Session, upload: Upload, actor: str, details: Mapping[str, object]) -> None:
        audit.write(
            session,
            organization_id=upload.organization_id,
            actor=actor,
            action="upload.checked",
            subject=upload,
            details={name: value for name, value in details.items() if value is not None},
            now=self._clock(),
        )


def _survive(engine: Engine, steps: Generator[Outgoing, Answer, Outcome], upload_id: UUID) -> Outcome:
    """Drive a delivery; a fault of ours ends it too, in a state that is true, and is logged.

    What ends the process passes: the mark tells the sweeper.
    """
    try:
        return engine.drive(steps)
    except Refusal:
        raise
    except Exception as exc:  # noqa: BLE001 - whatever it is, the record has to say what is true
        where = "".join(traceback.format_exception(exc))  # here, because a renderer may add variables: key and password
        log.error("delivery broke off", upload=str(upload_id), traceback=where)  # noqa: TRY400
        if engine.sent:
            return Outcome(ending=Ending.UNKNOWN, problem="unconfirmed", code="internal")
        return Outcome(ending=Ending.FAILED, problem="internal", code="internal")


def _handin(
    upload_id: UUID, origin: Origin, collected: Collected, checked: CheckResult, now: datetime, *, replace: bool
) -> HandIn:
    parts = {
        name: FilePart(
            name=name,
            filename=file.filename,
            content_type=file.content_type,
            size=len(file.content),
            source=file,
        )
        for name, file in collected.files.items()
    }
    return HandIn(
        id=upload_id,
        organization=origin.organization.slug,
        received_at=now.astimezone(ZoneInfo(origin.organization.timezone)),
        parts=parts,
        fields=collected.fields,
        secrets=checked.secrets,
        facts=checked.facts,
        replace=replace,
    )


def _cleaner(way: Way, handin: HandIn) -> Cleaner:
    secrets = [secret.get_secret_value() for secret in handin.secrets.values()]
    fields = [value for value in handin.fields.values() if len(value) >= SHORTEST]
    files = [part.source.content for part in handin.parts.values() if isinstance(part.source, CollectedFile)]
    return Cleaner([*way.secrets(), *secrets, *fields, *files])


def _as_recorded(upload: Upload) -> Outcome:
    """What is known of an upload, as an outcome."""
    ending = Ending.DELIVERED if upload.state is State.DELIVERED else Ending.FAILED
    return Outcome(
        ending=ending,
        problem=upload.problem,
        params=upload.problem_params,
        reference=upload.reference,
        facts=upload.facts,
        message=upload.provider_message,
    )
