"""The sweeper ends what a dead process left: without the mark the provider has nothing, with it nobody knows.

What there is a whole copy of does not end: it waits to be taken up, and is due at once. What of it may have arrived is
looked for by whoever takes it up, for its last attempt is `unknown`.

A living process can leave something too: it learnt how an attempt ended, and the database was away for so long that it
could not be written down. It lets go of that itself, once it can; and by the mark's age what hangs is found. One who
was only slow can still tell the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Select, delete, exists, func, or_, select, text
from sqlalchemy.orm import Session

from app.database import Database
from app.records import attempts, audit, copies, uploads
from app.records.models import Attempt, Process, Slot, Upload
from app.records.processes import DEAD_AFTER
from app.records.states import MOVING, State
from app.tenants import links

#: So long after its mark an attempt has ended, one way or another: what bounds it is seconds (`TOTAL_SECONDS`).
OVERDUE_AFTER: Final = timedelta(minutes=5)
#: So long after its beginning a stream has ended, one way or another: `RELAY_TOTAL_SECONDS` is at most a day.
STALE_AFTER: Final = timedelta(hours=25)
#: A process that was silent for so long is forgotten.
FORGOTTEN_AFTER: Final = timedelta(days=1)
#: Orphans that one transaction takes up.
BATCH: Final = 100

#: The mode of what is kept, as an upload's row has it.
DURABLE: Final = "durable"
INTERRUPTED: Final = "interrupted"
UNCONFIRMED: Final = "unconfirmed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """How many uploads were ended, and how."""

    unknown: int = 0
    failed: int = 0
    waiting: int = 0

    def __add__(self, other: Swept) -> Swept:
        return Swept(
            unknown=self.unknown + other.unknown,
            failed=self.failed + other.failed,
            waiting=self.waiting + other.waiting,
        )

    @property
    def count(self) -> int:
        return self.unknown + self.failed + self.waiting


def sweep(db: Database, now: datetime | None = None) -> Swept:
    """End what dead processes left. Can run twice, and at the same time: each orphan is ended once.

    `db` is the worker's. Without `now` the database's clock is asked, which also timed the heartbeats.
    """
    swept = Swept()
    with db.doors() as session:
        now = now or session.scalar(select(func.clock_timestamp()))
        assert now is not None  # noqa: S101 - a clock always answers
        since = {
            "silent_since": now - DEAD_AFTER,
            "marked_before": now - OVERDUE_AFTER,
            "begun_before": now - STALE_AFTER,
        }
        session.execute(delete(Process).where(Process.beat_at <= now - FORGOTTEN_AFTER))
        session.execute(delete(Slot).where(Slot.free_at <= now - FORGOTTEN_AFTER))
        found = text("SELECT ventanilla_find_orphans(:silent_since, :marked_before, :begun_before)")
        organizations: list[UUID] = list(session.scalars(found, since))
    for organization in organizations:
        more = True
        while more:
            with db.transaction(organization) as session:
                done = _sweep_batch(session, _orphans(**since), now)
            swept += done
            more = done.count >= BATCH
    return swept


def _sweep_batch(session: Session, orphans: Select[Upload], now: datetime) -> Swept:
    """End up to BATCH orphans; those that another sweeper has in hand are left to it."""
    swept = Swept()
    found = session.scalars(orphans).all()
    kept = copies.living(session, [upload.id for upload in found if upload.mode == DURABLE])
    for upload in found:
        last = attempts.last(session, upload.id)
        marked = last is not None and last.completing_at is not None
        if last is not None and last.ended_at is None:
            how = (attempts.UNKNOWN, UNCONFIRMED) if marked else (attempts.INTERRUPTED, INTERRUPTED)
            attempts.end(session, last, outcome=how[0], problem=how[1], now=now)
        swept += _sweep_kept(session, upload, now) if upload.id in kept else _end(session, upload, now, marked=marked)
    return swept


def _sweep_kept(session: Session, upload: Upload, now: datetime) -> Swept:
    uploads.change(session, upload, State.WAITING, actor=audit.SYSTEM, now=now)
    upload.due_at = now
    return Swept(waiting=1)


def _end(session: Session, upload: Upload, now: datetime, *, marked: bool) -> Swept:
    state, problem = (State.UNKNOWN, UNCONFIRMED) if marked else (State.FAILED, INTERRUPTED)
    uploads.change(session, upload, state, actor=audit.SYSTEM, now=now, problem=problem)
    if upload.link_id is not None and not marked:
        links.release(session, upload.link_id)
    return Swept(unknown=int(marked), failed=int(not marked))


def _orphans(silent_since: datetime, marked_before: datetime, begun_before: datetime) -> Select[Upload]:
    """Uploads on their way, of the session's organization, whose process was silent since, or that took so long."""
    alive = exists().where(Process.id == Upload.process_id, Process.beat_at > silent_since)
    overdue = exists().where(
        Attempt.upload_id == Upload.id,
        Attempt.ended_at.is_(None),
        or_(Attempt.completing_at <= marked_before, Attempt.started_at <= begun_before),
    )
    return (
        select(Upload)
        .where(Upload.state.in_(MOVING), ~alive | overdue)
        .order_by(Upload.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
