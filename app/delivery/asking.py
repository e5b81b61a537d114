"""Asks providers: whether something arrived, how far it got, and whether a credential works."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy.orm import Session

from app.database import Database
from app.delivery.cleaning import Cleaner
from app.delivery.following import is_processing
from app.delivery.looking import believed, recorded
from app.delivery.origin import Result
from app.delivery.outcome import LOOKED
from app.delivery.settling import pause, settle
from app.delivery.way import NoWay, Way
from app.delivery.ways import Ways
from app.intake import CollectedFile
from app.providers import registry
from app.providers.base import Account, Ending, Follows, HandIn, Look, Outcome, Reconciles, Unavailable, Verdict
from app.providers.operation import Operation
from app.providers.outcomes import not_verified
from app.records import attempts, audit, uploads
from app.records.models import Upload
from app.records.states import State
from app.tenants import organizations
from app.tenants.models import Connection

T = TypeVar("T")

#: Makes a generator that looks, for an account.
Visit = Callable[[Account], Look[T]]


class Asker:
    """Asks for every organization of this process."""

    def __init__(self, database: Database, ways: Ways, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._ways = ways
        #: The time, as everything here is dated.
        self.now: Final = clock

    def close(self) -> None:
        """Close every connection to a provider."""
        self._ways.close()

    def check_again(self, organization_id: UUID, upload_id: UUID, *, actor: str) -> Result:
        """Ask the provider whether an upload that is `unknown` arrived; any other is told as it is."""
        with self._database.transaction(organization_id) as session:
            upload = uploads.get(session, upload_id)
            if upload.state is not State.UNKNOWN:
                return Result(upload_id=upload_id, state=upload.state, outcome=_as_recorded(upload))
            attempt = attempts.listing(session, upload_id)[-1]
            way = self._ways.open(session, session.get_one(Connection, upload.connection_id))
            handin = recorded(upload, organizations.get(session, organization_id), attempt.baseline)
        outcome = self.look(self._ways.fresh(way), registry.operation(upload.operation), handin)
        answered = attempt.provider_http_status is not None
        age = self.now() - (attempt.completing_at or attempt.started_at)
        effect = LOOKED[believed(outcome, answered=answered, age=age)]
        with self._database.transaction(organization_id) as session:
            locked = uploads.lock(session, upload_id)
            if effect.state is not State.UNKNOWN:
                state = settle(session, locked, attempt, outcome, effect, actor=actor, now=self.now())
            else:
                state = locked.state
                self._note(session, locked, actor, outcome)
            if effect.pauses and isinstance(way, Way):
                pause(session, way.connection, outcome, self.now())
        return Result(upload_id=upload_id, state=state, outcome=outcome)

    def follow(self, organization_id: UUID, upload_id: UUID) -> None:
        """Look once at what the provider does with an upload that it has, and write it down."""
        with self._database.transaction(organization_id) as session:
            upload = uploads.get(session, upload_id)
            if not is_processing(upload):
                return
            way = self._ways.open(session, session.get_one(Connection, upload.connection_id))
            baseline = attempts.listing(session, upload_id)[-1].baseline
            handin = recorded(upload, organizations.get(session, organization_id), baseline)
        way = self._ways.fresh(way)
        if isinstance(way, NoWay) or not isinstance(way.provider, Follows):
            return
        steps = way.provider.follow(registry.operation(upload.operation), handin, way.account)
        outcome = cleaner_of(way, handin).outcome(self._ways.look(way, steps))
        with self._database.transaction(organization_id) as session:
            if outcome.ending is Ending.DELIVERED and outcome.provider_status:
                uploads.follow(session, upload, outcome.provider_status, facts=outcome.facts, now=self.now())
            elif outcome.ending is Ending.CREDENTIAL:
                pause(session, way.connection, outcome, self.now())

    def verify(self, organization_id: UUID | None, connection_id: UUID) -> Verdict:
        """Try a connection's credential by a call that changes nothing; it may be paused, or the house's."""
        with self._database.transaction(organization_id) as session:
            way = self._ways.open(session, session.get_one(Connection, connection_id))
        way = self._ways.fresh(way)
        if isinstance(way, NoWay):
            return Verdict(ok=False, detail=str(way), outcome=way.outcome)
        steps = way.provider.verify(way.account, way.credential, self.now())
        return way.cleaner.verdict(self._ways.look(way, steps))

    def try_credential(self, connection: Connection, credential: Mapping[str, SecretStr]) -> Verdict:
        """The same of a credential that is not kept yet, for a connection that need not be either."""
        provider = registry.provider(connection.provider)
        try:
            return self.try_out(
                connection, credential, lambda account: provider.verify(account, credential, self.now())
            )
        except Unavailable as exc:
            return not_verified(exc.outcome)

    def visit(self, connection: Connection, build: Visit[T]) -> T:
        """Drive a generator that has no file through a connection; raises Unavailable, cleaned of anything secret."""
        with self._database.transaction(connection.organization_id) as session:
            way = self._ways.open(session, session.get_one(Connection, connection.id))
        way = self._ways.fresh(way)
        if isinstance(way, NoWay):
            raise Unavailable(way.outcome)
        return self._visit(way, build)

    def try_out(self, connection: Connection, credential: Mapping[str, SecretStr], build: Visit[T]) -> T:
        """The same through a connection that is not kept yet, nor is its credential."""
        account = Account(environment=connection.environment.value, settings=connection.settings)
        provider = registry.provider(connection.provider)
        way = Way(connection=connection, provider=provider, account=account, credential=credential, sealed=())
        return self._visit(way, build)

    def _visit(self, way: Way, build: Visit[T]) -> T:
        cleaner = way.cleaner
        try:
            answer = self._ways.look(way, build(way.account))
        except Unavailable as exc:
            raise Unavailable(cleaner.outcome(exc.outcome)) from None
        if isinstance(answer, Verdict):
            return cleaner.verdict(answer)  # type: ignore[return-value]
        return cleaner.outcome(answer) if isinstance(answer, Outcome) else answer  # type: ignore[return-value]

    def look(self, way: Way | NoWay, operation: Operation, handin: HandIn, *, seconds: float | None = None) -> Outcome:
        """Ask whether it is there, for at most so many seconds; a fault of ours learns nothing."""
        nothing = Outcome(ending=Ending.UNKNOWN, problem="unconfirmed")
        if isinstance(way, NoWay) or not isinstance(way.provider, Reconciles):
            return nothing
        deadlines = replace(self._ways.deadlines, total=seconds) if seconds else None
        steps = way.provider.reconcile(operation, handin, way.account)
        return cleaner_of(way, handin).outcome(self._ways.look(way, steps, deadlines))

    def _note(self, session: Session, upload: Upload, actor: str, outcome: Outcome) -> None:
        details: Mapping[str, Any] = {
            "learnt": outcome.ending.value,
            "code": outcome.code,
            "http_status": outcome.http_status,
        }
        audit.write(
            session,
            organization_id=upload.organization_id,
            actor=actor,
            action="upload.checked",
            subject=upload,
            details={name: value for name, value in details.items() if value is not None},
            now=self.now(),
        )


def cleaner_of(way: Way, handin: HandIn) -> Cleaner:
    secrets = [secret.get_secret_value() for secret in handin.secrets.values()]
    files = [part.source.content for part in handin.parts.values() if isinstance(part.source, CollectedFile)]
    return way.cleaner.knowing([*secrets, *files])


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
