"""What is written of one hand-in: short transactions before, at the mark and after, and none while bytes flow."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.database import AWAY, Database, copied
from app.delivery import breaker, settling
from app.delivery.contents import Contents
from app.delivery.errors import WasCancelled
from app.delivery.jobs import wake
from app.delivery.origin import Origin, Record
from app.delivery.outcome import CANCELLED, HELD, Consequence
from app.errors import Refusal
from app.providers.base import Ending, Outcome
from app.providers.operation import Mode, Operation
from app.records import attempts, copies, idempotency, uploads
from app.records.attempts import AttemptLost
from app.records.copies import Whole
from app.records.jsonable import jsonable
from app.records.models import Attempt, Upload
from app.records.states import MOVING, State
from app.records.uploads import Overtaken
from app.records.writing import On
from app.tenants import links, tokens
from app.tenants.errors import TokenRevoked

log = structlog.get_logger("ventanilla.delivery")

#: Waits before an outcome is written again that the database did not take: it may be starting anew, or elsewhere.
PATIENCE: Final = (0.2, 1.0, 3.0, 6.0)


class Journal:
    """The record of one hand-in. Nothing is in the database before `begin` or `mark`, or its end where it has neither.

    What is whole before its first byte leaves is only marked, which writes all that there is in one transaction; what
    is not, begins before that byte. What is durable begins before a byte of it is kept, and its copy's row is written
    with the mark or, where it came to none, with the end.

    What came by a gateway token is not promised, nor is its last byte let go, once that token was revoked: whichever of
    the two is written down raises TokenRevoked then, and writes nothing.
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
        kept: timedelta,
        id: UUID | None = None,  # noqa: A002 - the column's name
    ) -> None:
        """`kept`: how long the copy of what fails is."""
        self.id = id or uuid7()
        self.token, self._token_hash = uploads.new_outcome_token(origin.outcome_token)
        self.contents = Contents()
        #: The copy in the spool, once it is whole; and whether its bytes are needed, as far as is known.
        self.copy: Whole | None = None
        self.keeps_copy = True
        #: What became of what was begun at the provider for a file that was then withdrawn.
        self.taken_back: Outcome | None = None
        self._database = database
        self._clock = clock
        self._process_id = process_id
        self._origin = origin
        self._operation = operation
        #: How it travels.
        self.mode: Final = mode
        self._kept = kept
        self._upload: Upload | None = None
        self._attempt: Attempt | None = None
        #: What the mark remembered.
        self.baseline: Mapping[str, Any] = {}
        #: What was written down at the end.
        self.record: Record | None = None

    @property
    def begun(self) -> bool:
        """Whether there is a record that somebody could find in the middle."""
        return self._upload is not None

    @property
    def marked(self) -> bool:
        """Whether the provider may have all of it."""
        return self._attempt is not None and self._attempt.completing_at is not None

    def begin(self, state: State = State.DELIVERING) -> None:
        """Commit row and attempt, count the link's use, take the key; nothing may leave after LinkClosed or KeyInUse.

        `receiving` has no attempt yet: nothing is going to leave.
        """
        now = self._clock()
        attempt = self._first(now) if state is State.DELIVERING else None
        self._upload, self._attempt = self._start(now, state, attempt), attempt

    def mark(self, baseline: Mapping[str, Any]) -> None:
        """Commit the mark, with what is known of the files now; of what has not begun, all that `begin` does too."""
        now = self._clock()
        if self._upload is None or self._attempt is None:
            attempt = self._first(now, marked=True, baseline=baseline)
            upload = self._start(now, State.DELIVERING, attempt)
        else:
            try:
                upload, attempt = self._mark(self._upload, self._attempt, baseline, now)
            except AttemptLost:
                self._check_not_cancelled()
                raise
        self._upload, self._attempt, self.baseline = upload, attempt, baseline

    def _mark(
        self, upload: Upload, attempt: Attempt, baseline: Mapping[str, Any], now: datetime
    ) -> tuple[Upload, Attempt]:
        with self._database.transaction(self._organization_id) as session:
            self._check_token(session)
            attempt = attempts.mark(session, attempt, baseline=baseline, now=now)
            upload = uploads.learn(session, upload, parts=self.contents.parts, facts=self.contents.facts)
            if self.copy:
                copies.add(session, upload, self.copy, now)
        return upload, attempt

    def hold(self, outcome: Outcome) -> State:
        """Commit, at once, all that there is of an upload whose copy is whole before it has a record: it waits.

        One that is there already stays as it is: the answer to a commit can be lost.
        """
        now = self._clock()
        with self._database.transaction(self._organization_id) as session:
            if (found := uploads.find(session, self.id)) is not None:
                self.record = self._found(session, found)
                return found.state
            self._check_token(session)
            if self._origin.link is not None:
                links.reserve(session, self._origin.link, now)
            upload = self._row(session, State.RECEIVING, now)
            self.record = self._settle(session, upload, outcome, HELD, now)
        return self.record.upload.state

    def refuse(self, refusal: Refusal, effect: Consequence) -> None:
        """Write down what was refused, here or on its way, and give its record's id to the refusal."""
        taken_back = self.taken_back
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

        One that was begun and that the database does not take is left lying: the sweeper finds it, and its page tells.
        Raises TokenRevoked for one that may not be promised any more, which is cancelled; WasCancelled where one was.
        """
        try:
            state = self._end_in_time(outcome, effect)
        except TokenRevoked as revoked:
            self.refuse(revoked, CANCELLED)
            raise
        if state is State.CANCELLED and effect.state is not state:
            raise self._cancelled()
        return state

    def _end_in_time(self, outcome: Outcome, effect: Consequence) -> State:
        for seconds in PATIENCE:
            try:
                return self._end(outcome, effect)
            except AWAY:
                time.sleep(seconds)
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
        if self.begun and self.mode is Mode.DURABLE:  # there is more to it than two rows
            self.record = self._write_settled(outcome, effect, now)
        else:
            try:
                self.record = self._write_end(outcome, effect, now)
            except Overtaken:
                self.record = self._write_settled(outcome, effect, now)
        return self.record.upload.state

    def _write_settled(self, outcome: Outcome, effect: Consequence, now: datetime) -> Record:
        with self._database.transaction(self._organization_id) as session:
            return self._settle(session, uploads.lock(session, self.id), outcome, effect, now)

    def _write_end(self, outcome: Outcome, effect: Consequence, now: datetime) -> Record:
        """As the rows were left here; raises Overtaken where they are not so any more."""
        if self._upload is None or self._attempt is None:
            with self._database.transaction(self._organization_id) as session:
                record = self._end_unbegun(session, outcome, effect, now)
                self._tell(session, record.upload, outcome, effect, now)
            return record
        upload, attempt, end = self._upload, self._attempt, attempts.ending(**settling.ended(outcome, now))

        def finish(on: On) -> Record:
            actor = self._origin.actor
            known = uploads.finish(
                on, upload, attempt, effect.state, actor=actor, now=now, ending=end, **settling.told(outcome)
            )
            return Record(upload=copied(upload, **known), attempts=(copied(attempt, **end),))

        if upload.link_id is None and not settling.has_more_to_it(outcome, effect):
            return finish(self._database.alone())
        with self._database.transaction(self._organization_id) as session:
            record = finish(session)
            settling.follow_up(session, record.upload, effect)
            self._tell(session, record.upload, outcome, effect, now)
        return record

    def _settle(self, session: Session, upload: Upload, outcome: Outcome, effect: Consequence, now: datetime) -> Record:
        """By what the rows have become meanwhile."""
        if effect.state is State.WAITING and not self.marked:
            self._check_token(session)
        if self.copy and upload.state in MOVING and upload.process_id == self._process_id:
            upload.parts, upload.facts = jsonable(self.contents.parts), jsonable(self.contents.facts)
            copies.add(session, upload, self.copy, now)
        last = attempts.last(session, self.id)
        how: dict[str, Any] = {"actor": self._origin.actor, "now": now, "kept": self._kept}
        if last is None and upload.state is State.RECEIVING:
            settling.settle_untried(session, upload, outcome, effect, **how)
        elif last is not None and (self._attempt is None or last.id == self._attempt.id):
            settling.settle(session, upload, last, outcome, effect, **how)
            if self.mode is Mode.DURABLE:
                breaker.note(session, upload.connection_id, breaker.health(outcome), now)
        self._tell(session, upload, outcome, effect, now)
        record = self._found(session, upload)
        if upload.state is State.WAITING:
            wake(session, upload.organization_id, upload.due_at, now)
        return record

    def _found(self, session: Session, upload: Upload) -> Record:
        self.keeps_copy = copies.find(session, self.id) is not None
        return Record(upload=upload, attempts=tuple(attempts.listing(session, self.id)))

    def _tell(self, session: Session, upload: Upload, outcome: Outcome, effect: Consequence, now: datetime) -> None:
        settling.tell_of_empty_record(session, upload, outcome, now)
        if effect.pauses:
            settling.pause(session, self._origin.connection, outcome, now)

    def _check_not_cancelled(self) -> None:
        with self._database.transaction(self._organization_id) as session:
            if uploads.get(session, self.id).state is State.CANCELLED:
                raise self._cancelled()

    def _cancelled(self) -> WasCancelled:
        cancelled = WasCancelled()
        cancelled.upload_id = self.id
        return cancelled

    def _check_token(self, session: Session) -> None:
        if self._origin.api_token_id is not None:
            tokens.check_not_revoked(session, self._origin.api_token_id)

    @property
    def _organization_id(self) -> UUID:
        return self._origin.organization.id

    def _end_unbegun(self, session: Session, outcome: Outcome, effect: Consequence, now: datetime) -> Record:
        """Nothing of the file had left: row and outcome in one, with an attempt where the provider was asked.

        Raises Overtaken where there is a row after all: the answer to a commit can be lost.
        """
        if uploads.find(session, self.id) is not None:
            raise Overtaken(str(self.id))
        self.keeps_copy = False
        attempt = None if effect.ours else self._first(now, **attempts.ending(**settling.ended(outcome, now)))
        upload = self._row(
            session,
            effect.state,
            now,
            attempt=attempt,
            problem=outcome.problem,
            params=outcome.params,
            provider_message=settling.shown_message(outcome),
        )
        return Record(upload=upload, attempts=(attempt,) if attempt else ())

    def _start(self, now: datetime, state: State, attempt: Attempt | None) -> Upload:
        link, key = self._origin.link, self._origin.key
        if link is None and key is None:
            return self._row(self._database.alone(), state, now, attempt=attempt)
        with self._database.transaction(self._organization_id) as session:
            if link:
                links.reserve(session, link, now)
            upload = self._row(session, state, now, attempt=attempt)
            if key:
                idempotency.take(session, key, upload, now)
        return upload

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
            mode=self.mode.value,
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
