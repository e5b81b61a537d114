"""What is written of one hand-in: short transactions before, at the mark and after, and none while bytes flow."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, Final

import structlog
from sqlalchemy.orm import Session

from app.database import AWAY, copied
from app.delivery import breaker, settling
from app.delivery.jobs import wake
from app.delivery.opening import Opening
from app.delivery.origin import Record
from app.delivery.outcome import CANCELLED, HELD, Consequence
from app.errors import Refusal
from app.providers.base import Ending, Outcome
from app.providers.operation import Mode
from app.records import attempts, copies, uploads
from app.records.jsonable import jsonable
from app.records.models import Upload
from app.records.states import MOVING, State
from app.records.uploads import Overtaken
from app.records.writing import On
from app.tenants import links
from app.tenants.errors import Suspended, TokenRevoked

log = structlog.get_logger("ventanilla.delivery")

#: Waits before an outcome is written again that the database did not take: it may be starting anew, or elsewhere.
PATIENCE: Final = (0.2, 1.0, 3.0, 6.0)


class Journal(Opening):
    """The record of one hand-in. Nothing is in the database before `begin` or `mark`, or its end where it has neither.

    What is whole before its first byte leaves is only marked, which writes all that there is in one transaction; what
    is not, begins before that byte. What is durable begins before a byte of it is kept, and its copy's row is written
    with the mark or, where it came to none, with the end.

    What came by a gateway token is not promised, nor is its last byte let go, once that token was revoked, and nothing
    is once the organization was suspended: whichever of the two is written down raises TokenRevoked or Suspended then,
    and writes nothing.
    """

    def hold(self, outcome: Outcome) -> State:
        """Commit, at once, all that there is of an upload whose copy is whole before it has a record: it waits.

        One that is there already stays as it is: the answer to a commit can be lost.
        """
        now = self._clock()
        with self._database.transaction(self.organization_id) as session:
            if (found := uploads.find(session, self.id)) is not None:
                self.record = self._found(session, found)
                return found.state
            self._check_not_withdrawn(session)
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
        Raises TokenRevoked or Suspended for one that may not be promised any more, which is cancelled; WasCancelled
        where one was.
        """
        try:
            state = self._end_in_time(outcome, effect)
        except (TokenRevoked, Suspended) as withdrawn:
            self.refuse(withdrawn, CANCELLED)
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
        with self._database.transaction(self.organization_id) as session:
            return self._settle(session, uploads.lock(session, self.id), outcome, effect, now)

    def _write_end(self, outcome: Outcome, effect: Consequence, now: datetime) -> Record:
        """As the rows were left here; raises Overtaken where they are not so any more."""
        if self._upload is None or self._attempt is None:
            with self._database.transaction(self.organization_id) as session:
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
        with self._database.transaction(self.organization_id) as session:
            record = finish(session)
            settling.follow_up(session, record.upload, effect)
            self._tell(session, record.upload, outcome, effect, now)
        return record

    def _settle(self, session: Session, upload: Upload, outcome: Outcome, effect: Consequence, now: datetime) -> Record:
        """By what the rows have become meanwhile."""
        if effect.state is State.WAITING and not self.marked:
            self._check_not_withdrawn(session)
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
