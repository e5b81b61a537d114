"""How the record of one hand-in begins, and gets its mark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.database import Database
from app.delivery.contents import Contents
from app.delivery.errors import WasCancelled
from app.delivery.origin import Origin, Record
from app.providers.base import Outcome
from app.providers.operation import Mode, Operation
from app.records import attempts, copies, idempotency, uploads
from app.records.attempts import AttemptLost
from app.records.copies import Whole
from app.records.models import Attempt, Upload
from app.records.states import State
from app.records.writing import On
from app.tenants import links, tokens


class Opening:
    """The beginning of a `Journal`: in memory, then in rows, until all of it may leave."""

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
        with self._database.transaction(self.organization_id) as session:
            self._check_not_withdrawn(session)
            attempt = attempts.mark(session, attempt, baseline=baseline, now=now)
            upload = uploads.learn(session, upload, parts=self.contents.parts, facts=self.contents.facts)
            if self.copy:
                copies.add(session, upload, self.copy, now)
        return upload, attempt

    def _check_not_cancelled(self) -> None:
        with self._database.transaction(self.organization_id) as session:
            if uploads.get(session, self.id).state is State.CANCELLED:
                raise self._cancelled()

    def _cancelled(self) -> WasCancelled:
        cancelled = WasCancelled()
        cancelled.upload_id = self.id
        return cancelled

    def _check_not_withdrawn(self, session: Session) -> None:
        tokens.check_not_withdrawn(session, self._origin.api_token_id)

    @property
    def organization_id(self) -> UUID:
        """Whose it is."""
        return self._origin.organization.id

    def _start(self, now: datetime, state: State, attempt: Attempt | None) -> Upload:
        link, key = self._origin.link, self._origin.key
        if link is None and key is None:
            return self._row(self._database.alone(), state, now, attempt=attempt)
        with self._database.transaction(self.organization_id) as session:
            if link:
                links.reserve(session, link, now)
            upload = self._row(session, state, now, attempt=attempt)
            if key:
                idempotency.take(session, key, upload, now)
        return upload

    def _first(self, now: datetime, **known: Any) -> Attempt:
        return attempts.first(
            organization_id=self.organization_id,
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
