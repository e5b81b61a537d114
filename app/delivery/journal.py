"""What is written of one hand-in: short transactions at the mark and after, and none while bytes flow."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.checks import Rejected
from app.database import Database
from app.delivery.origin import Origin
from app.delivery.outcome import Consequence
from app.intake import Collected
from app.providers.base import Ending, Outcome
from app.providers.operation import Mode, Operation
from app.records import attempts, audit, uploads
from app.records.attempts import AttemptLost
from app.records.models import Attempt, Upload
from app.records.states import IllegalTransition, State
from app.tenants import connections, links
from app.tenants.models import Connection

log = structlog.get_logger("ventanilla.delivery")

#: Why a connection is paused.
REFUSED: Final = "credential-refused"
#: Problems whose cause is the operator's to read, not the customer's.
INTERNAL: Final = frozenset({"settings-wrong", "plan-not-allowed", "provider-error", "internal"})
#: How a database that may be back in a moment shows: it does not answer, or has no connection left for us.
AWAY: Final = (OperationalError, InterfaceError, PoolTimeout)
#: Waits before an outcome is written again that the database did not take: it may be starting anew, or elsewhere.
PATIENCE: Final = (0.2, 1.0, 3.0, 6.0)


class Journal:
    """The record of one hand-in. Nothing is in the database before its mark, or before its end where it has none."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        process_id: UUID,
        *,
        origin: Origin,
        operation: Operation,
        mode: Mode,
        collected: Collected,
    ) -> None:
        self.id = uuid7()
        self.token, self._token_hash = uploads.new_outcome_token(origin.outcome_token)
        #: What the checks read.
        self.facts: Mapping[str, Any] = {}
        self._database = database
        self._clock = clock
        self._process_id = process_id
        self._origin = origin
        self._operation = operation
        self._mode = mode
        self._marked = False
        self._parts = [
            {"name": one.name, "filename": _printable(one.filename), "size": len(one.content), "sha256": one.sha256}
            for one in collected.files.values()
        ]

    def reject(self, rejected: Rejected) -> None:
        """Write down what a check refused."""
        with self._database.transaction(self._organization_id) as session:
            self._begin(session, State.REJECTED, problem=rejected.slug, params=rejected.params)

    def mark(self, baseline: Mapping[str, Any]) -> None:
        """Commit row, attempt and mark, and count the link's use; raises LinkClosed, and then nothing may leave."""
        now = self._clock()
        with self._database.transaction(self._organization_id) as session:
            if self._origin.link is not None:
                links.reserve(session, self._origin.link, now)
            upload = self._begin(session, State.DELIVERING)
            attempt = attempts.start(session, upload, process_id=self._process_id, now=now)
            attempts.mark(session, attempt, baseline=baseline, now=now)
        self._marked = True

    def end(self, outcome: Outcome, effect: Consequence) -> State:
        """Write the outcome down, and what follows from it; the state in which that leaves the upload.

        A marked one that the database does not take is left as it is: the sweeper finds it, and its page tells.
        """
        for wait in PATIENCE:
            try:
                return self._end(outcome, effect)
            except AWAY:
                time.sleep(wait)
        try:
            return self._end(outcome, effect)
        except AWAY as exc:
            if not self._marked:
                raise
            told = {"upload": str(self.id), "outcome": outcome.ending.value, "cause": type(exc).__name__}
            log.error("outcome could not be written down", **told)  # noqa: TRY400
            return State.DELIVERING

    def _end(self, outcome: Outcome, effect: Consequence) -> State:
        with self._database.transaction(self._organization_id) as session:
            upload = session.get(Upload, self.id)
            if upload is None:
                self._end_unmarked(session, outcome, effect)
                state = effect.state
            else:
                state = settle(session, upload, outcome, effect, actor=self._origin.actor, now=self._clock())
            if effect.pauses:
                pause(session, self._origin.connection, outcome, self._clock())
        return state

    @property
    def _organization_id(self) -> UUID:
        return self._origin.organization.id

    def _end_unmarked(self, session: Session, outcome: Outcome, effect: Consequence) -> None:
        """Nothing of the file had left: row, attempt and outcome in one."""
        upload = self._begin(
            session,
            effect.state,
            problem=outcome.problem,
            params=outcome.params,
            provider_message=shown_message(outcome),
        )
        attempt = attempts.start(session, upload, process_id=self._process_id, now=self._clock())
        _end_attempt(session, attempt, outcome, self._clock())

    def _begin(self, session: Session, state: State, **told: Any) -> Upload:
        origin = self._origin
        return uploads.begin(
            session,
            id=self.id,
            organization_id=origin.organization.id,
            connection_id=origin.connection.id,
            operation=self._operation.slug,
            mode=self._mode.value,
            state=state,
            process_id=self._process_id,
            actor=origin.actor,
            now=self._clock(),
            form_id=origin.form_id,
            link_id=origin.link.id if origin.link else None,
            api_token_id=origin.api_token_id,
            parts=self._parts,
            facts=self.facts,
            notice_version=origin.notice_version,
            locale=origin.locale,
            outcome_hash=self._token_hash,
            **told,
        )


def settle(
    session: Session, upload: Upload, outcome: Outcome, effect: Consequence, *, actor: str, now: datetime
) -> State:
    """End an upload's last attempt and move the upload on; what somebody else found out meanwhile stands."""
    try:
        with session.begin_nested():
            _end_attempt(session, attempts.listing(session, upload.id)[-1], outcome, now)
            if session.get_one(Upload, upload.id, with_for_update=True, populate_existing=True).state != effect.state:
                uploads.move(
                    session,
                    upload,
                    effect.state,
                    actor=actor,
                    now=now,
                    problem=outcome.problem,
                    params=outcome.params,
                    provider_message=shown_message(outcome),
                    reference=outcome.reference,
                    provider_status=outcome.provider_status,
                    facts=outcome.facts,
                )
            if upload.link_id is not None and not effect.uses_link:
                links.release(session, upload.link_id)
    except (AttemptLost, IllegalTransition) as exc:
        log.warning("outcome came too late", upload=str(upload.id), outcome=outcome.ending.value, cause=str(exc))
        return session.get_one(Upload, upload.id, populate_existing=True).state
    return effect.state


def pause(session: Session, connection: Connection, outcome: Outcome, now: datetime) -> None:
    """Let nothing more be sent with a credential that was refused, and say so where operators look."""
    if not connections.pause(session, connection, REFUSED, now):
        return
    details = {"because": REFUSED, "http_status": outcome.http_status, "code": outcome.code, "message": outcome.message}
    audit.write(
        session,
        organization_id=connection.organization_id,
        actor=audit.SYSTEM,
        action="connection.paused",
        subject=connection,
        details={name: value for name, value in details.items() if value is not None},
        now=now,
    )
    log.error("connection paused", connection=str(connection.id), provider=connection.provider, code=outcome.code)


def shown_message(outcome: Outcome) -> str | None:
    """The provider's words for the customer: about what was handed in, not about us."""
    return outcome.message if outcome.ending is Ending.FAILED and outcome.problem not in INTERNAL else None


def _end_attempt(session: Session, attempt: Attempt, outcome: Outcome, now: datetime) -> None:
    attempts.end(
        session,
        attempt,
        outcome=outcome.ending.value,
        now=now,
        problem=outcome.problem,
        http_status=outcome.http_status,
        code=outcome.code,
        message=outcome.message,
        log_id=outcome.log_id,
    )


def _printable(filename: str) -> str:
    """A file's name as it can be kept, also where it is what the file was refused for."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in filename)[:255]
