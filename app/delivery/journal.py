"""What is written of one hand-in: short transactions before, at the mark and after, and none while bytes flow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self
from uuid import UUID

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.database import Database, copied
from app.delivery.origin import Origin, Record
from app.delivery.outcome import Consequence
from app.delivery.settling import (
    ended,
    follow_up,
    has_more_to_it,
    pause,
    settle,
    shown_message,
    tell_of_empty_record,
    told,
)
from app.errors import Refusal
from app.intake import Arriving, CollectedFile
from app.providers.base import Ending, Outcome
from app.providers.operation import Mode, Operation
from app.providers.wire import FilePart
from app.records import attempts, uploads
from app.records.models import Attempt, Upload
from app.records.states import State
from app.records.uploads import Overtaken
from app.records.writing import On
from app.tenants import links

log = structlog.get_logger("ventanilla.delivery")

#: How a database that may be back in a moment shows: it does not answer, or has no connection left for us.
AWAY: Final = (OperationalError, InterfaceError, PoolTimeout)
#: Waits before an outcome is written again that the database did not take: it may be starting anew, or elsewhere.
PATIENCE: Final = (0.2, 1.0, 3.0, 6.0)


@dataclass(slots=True, kw_only=True)
class Contents:
    """What is known of the files of a hand-in; of one that is on its way, more and more."""

    parts: Sequence[Mapping[str, Any]] = ()
    #: What the checks read.
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, parts: Iterable[FilePart | CollectedFile | Arriving], facts: Mapping[str, Any] | None = None) -> Self:
        return cls(parts=[_part(one) for one in parts], facts=facts or {})


class Journal:
    """The record of one hand-in. Nothing is in the database before `begin` or `mark`, or its end where it has neither.

    What is whole before its first byte leaves is only marked, which writes all that there is in one transaction; what
    is not, begins before that byte.
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        process_id: UUID,
        *,
        origin: Origin,
        operation: Operation,
        mode: Mode,
    ) -> None:
        self.id = uuid7()
        self.token, self._token_hash = uploads.new_outcome_token(origin.outcome_token)
        self.contents = Contents()
        self._database = database
        self._clock = clock
        self._process_id = process_id
        self._origin = origin
        self._operation = operation
        self._mode = mode
        self._upload: Upload | None = None
        self._attempt: Attempt | None = None
        #: What the mark remembered.
        self.baseline: Mapping[str, Any] = {}
        #: What was written down at the end.
        self.record: Record | None = None

    @property
    def begun(self) -> bool:
        """Whether there is a record that somebody could find in the middle."""
        return self._attempt is not None

    def begin(self) -> None:
        """Commit row and attempt, and count the link's use; raises LinkClosed, and then nothing may leave."""
        self._upload, self._attempt = self._start(self._clock())

    def mark(self, baseline: Mapping[str, Any]) -> None:
        """Commit the mark, with what is known of the files now; of what has not begun, all that `begin` does too."""
        now = self._clock()
        if self._upload is None or self._attempt is None:
            upload, attempt = self._start(now, marked=True, baseline=baseline)
        else:
            with self._database.transaction(self._organization_id) as session:
                attempt = attempts.mark(session, self._attempt, baseline=baseline, now=now)
                upload = uploads.learn(session, self._upload, parts=self.contents.parts, facts=self.contents.facts)
        self._upload, self._attempt, self.baseline = upload, attempt, baseline

    def refuse(self, refusal: Refusal, effect: Consequence, taken_back: Outcome | None = None) -> None:
        """Write down what was refused, here or on its way, and give its record's id to the refusal."""
        outcome = Outcome(
            ending=Ending.REJECTED if effect.ours else Ending.RETRY,
            problem=refusal.slug,
            params=refusal.params,
            empty_record=taken_back.empty_record if taken_back else None,
        )
        self.end(outcome, effect)
        refusal.upload_id = self.id

    def end(self, outcome: Outcome, effect: Consequence) -> State:
        """Write the outcome down, and what follows from it; the state in which that leaves the upload.

        One that was begun and that the database does not take is left as it is: the sweeper finds it, and its page
        tells.
        """
        for wait in PATIENCE:
            try:
                return self._end(outcome, effect)
            except AWAY:
                time.sleep(wait)
        try:
            return self._end(outcome, effect)
        except AWAY as exc:
            if not self.begun:
                raise
            told = {"upload": str(self.id), "outcome": outcome.ending.value, "cause": type(exc).__name__}
            log.error("outcome could not be written down", **told)  # noqa: TRY400
            return State.DELIVERING

    def _end(self, outcome: Outcome, effect: Consequence) -> State:
        now = self._clock()
        try:
            self.record = self._write_end(outcome, effect, now)
        except Overtaken:
            with self._database.transaction(self._organization_id) as session:
                self.record = self._settle(session, outcome, effect, now)
        return self.record.upload.state

    def _write_end(self, outcome: Outcome, effect: Consequence, now: datetime) -> Record:
        """As the rows were left here; raises Overtaken where they are not so any more."""
        if self._upload is None or self._attempt is None:
            with self._database.transaction(self._organization_id) as session:
                record = self._end_unbegun(session, outcome, effect, now)
                self._tell(session, record.upload, outcome, effect, now)
            return record
        upload, attempt, end = self._upload, self._attempt, attempts.ending(**ended(outcome, now))

        def finish(on: On) -> Record:
            actor = self._origin.actor
            known = uploads.finish(on, upload, attempt, effect.state, actor=actor, now=now, ending=end, **told(outcome))
            return Record(upload=copied(upload, **known), attempts=(copied(attempt, **end),))

        if upload.link_id is None and not has_more_to_it(outcome, effect):
            with self._database.alone() as connection:
                return finish(connection)
        with self._database.transaction(self._organization_id) as session:
            record = finish(session)
            follow_up(session, record.upload, effect)
            self._tell(session, record.upload, outcome, effect, now)
        return record

    def _settle(self, session: Session, outcome: Outcome, effect: Consequence, now: datetime) -> Record:
        """By what the rows have become meanwhile."""
        upload = uploads.lock(session, self.id)
        attempt = attempts.listing(session, self.id)[-1]
        settle(session, upload, attempt, outcome, effect, actor=self._origin.actor, now=now)
        self._tell(session, upload, outcome, effect, now)
        return Record(upload=upload, attempts=tuple(attempts.listing(session, self.id)))

    def _tell(self, session: Session, upload: Upload, outcome: Outcome, effect: Consequence, now: datetime) -> None:
        tell_of_empty_record(session, upload, outcome, now)
        if effect.pauses:
            pause(session, self._origin.connection, outcome, now)

    @property
    def _organization_id(self) -> UUID:
        return self._origin.organization.id

    def _end_unbegun(self, session: Session, outcome: Outcome, effect: Consequence, now: datetime) -> Record:
        """Nothing of the file had left: row and outcome in one, with an attempt where the provider was asked.

        Raises Overtaken where there is a row after all: the answer to a commit can be lost.
        """
        if uploads.find(session, self.id) is not None:
            raise Overtaken(str(self.id))
        attempt = None if effect.ours else self._first(now, **attempts.ending(**ended(outcome, now)))
        upload = self._row(
            session,
            effect.state,
            now,
            attempt=attempt,
            problem=outcome.problem,
            params=outcome.params,
            provider_message=shown_message(outcome),
        )
        return Record(upload=upload, attempts=(attempt,) if attempt else ())

    def _start(self, now: datetime, **mark: Any) -> tuple[Upload, Attempt]:
        attempt = self._first(now, **mark)
        if self._origin.link is None:
            with self._database.alone() as connection:
                return self._row(connection, State.DELIVERING, now, attempt=attempt), attempt
        with self._database.transaction(self._organization_id) as session:
            links.reserve(session, self._origin.link, now)
            upload = self._row(session, State.DELIVERING, now, attempt=attempt)
        return upload, attempt

    def _first(self, now: datetime, **known: Any) -> Attempt:
        return attempts.first(
            organization_id=self._organization_id,
            upload_id=self.id,
            process_id=self._process_id,
            now=now,
            **known,
        )

    def _row(self, on: On, state: State, now: datetime, **told: Any) -> Upload:
        origin = self._origin
        return uploads.begin(
            on,
            id=self.id,
            organization_id=origin.organization.id,
            connection_id=origin.connection.id,
            operation=self._operation.slug,
            mode=self._mode.value,
            state=state,
            process_id=self._process_id,
            actor=origin.actor,
            now=now,
            form_id=origin.form_id,
            link_id=origin.link.id if origin.link else None,
            api_token_id=origin.api_token_id,
            parts=self.contents.parts,
            facts=self.contents.facts,
            external_id=origin.external_id,
            caller_metadata=origin.metadata,
            notice_version=origin.notice_version,
            locale=origin.locale,
            outcome_hash=self._token_hash,
            **told,
        )


def _part(file: FilePart | CollectedFile | Arriving) -> dict[str, Any]:
    return {
        "name": file.name,
        "filename": _printable(file.filename),
        "size": file.size if not isinstance(file, CollectedFile) else len(file.content),
        "sha256": None if isinstance(file, Arriving) else file.sha256,
    }


def _printable(filename: str) -> str:
    """A file's name as it can be kept, also where it is what the file was refused for."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in filename)[:255]
