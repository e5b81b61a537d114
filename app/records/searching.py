"""What there is of an organization's uploads, receipts and audit log, newest first, and from any place on.

A list goes on behind a place: when its last row was made, and that row's id. So what comes in meanwhile neither shifts
nor repeats anything. Each is one question, in the caller's transaction, which sees one organization, or the house.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.records.models import Attempt, AuditEntry, Receipt, Upload
from app.records.states import State
from app.tenants.models import Connection

#: When a row was made, and its id.
Place = tuple[datetime, UUID]
#: What begins with this is the beginning of an action, as `upload.*`.
ANY: Final = ".*"
#: What all organizations' entries are shown by.
ENTRY: Final = (
    AuditEntry.id,
    AuditEntry.organization_id,
    AuditEntry.number,
    AuditEntry.at,
    AuditEntry.actor,
    AuditEntry.action,
    AuditEntry.subject_type,
    AuditEntry.subject_id,
    AuditEntry.details,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which uploads; what is None is not asked."""

    state: State | None = None
    operation: str | None = None
    #: Its name.
    connection: str | None = None
    external_id: str | None = None
    #: Made from then on, and before then.
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """Which entries of the log; what is None is not asked."""

    #: Whole, or its beginning: `upload.*`.
    action: str | None = None
    actor: str | None = None
    subject_type: str | None = None
    subject_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An upload, what its connection is called, and its attempts in order."""

    upload: Upload
    connection: str
    attempts: tuple[Attempt, ...]

    @property
    def place(self) -> Place:
        """Where a list goes on behind it."""
        return self.upload.created_at, self.upload.id


def uploads(session: Session, wanted: Wanted, *, after: Place | None, limit: int) -> list[Found]:
    """At most so many uploads behind a place."""
    asked = [
        (Upload.state, wanted.state),
        (Upload.operation, wanted.operation),
        (Connection.name, wanted.connection),
        (Upload.external_id, wanted.external_id),
    ]
    query = (
        select(Upload, Connection.name)
        .join(Connection, Connection.id == Upload.connection_id)
        .where(*_equal(asked), *_within(Upload.created_at, Upload.id, wanted.since, wanted.until, after))
        .order_by(Upload.created_at.desc(), Upload.id.desc())
        .limit(limit)
    )
    found = session.execute(query).all()
    tried = attempts(session, [row.Upload.id for row in found])
    return [Found(upload=row.Upload, connection=row.name, attempts=tried.get(row.Upload.id, ())) for row in found]


def attempts(session: Session, upload_ids: Sequence[UUID]) -> dict[UUID, tuple[Attempt, ...]]:
    """The attempts of each of these uploads, in order."""
    query = select(Attempt).where(Attempt.upload_id.in_(upload_ids)).order_by(Attempt.upload_id, Attempt.number)
    found: dict[UUID, tuple[Attempt, ...]] = {}
    for one in session.scalars(query):
        found[one.upload_id] = (*found.get(one.upload_id, ()), one)
    return found


def entries(session: Session, wanted: Entries, *, after: Place | None, limit: int) -> Sequence[AuditEntry]:
    """At most so many entries of the log behind a place."""
    return session.scalars(_entries(select(AuditEntry), wanted, after, limit)).all()


def entries_of_all(session: Session, wanted: Entries, *, after: Place | None, limit: int) -> Sequence[Row[Any]]:
    """The same of all organizations and the house, in a transaction of `Database.overview`."""
    return session.execute(_entries(select(*ENTRY), wanted, after, limit)).all()


def _entries(query: Select[Any], wanted: Entries, after: Place | None, limit: int) -> Select[Any]:
    asked = [
        (AuditEntry.actor, wanted.actor),
        (AuditEntry.subject_type, wanted.subject_type),
        (AuditEntry.subject_id, wanted.subject_id),
    ]
    query = (
        query.where(*_equal(asked), *_within(AuditEntry.at, AuditEntry.id, wanted.since, wanted.until, after))
        .order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
        .limit(limit)
    )
    if wanted.action is not None and wanted.action.endswith(ANY):
        return query.where(AuditEntry.action.startswith(wanted.action.removesuffix("*"), autoescape=True))
    return query if wanted.action is None else query.where(AuditEntry.action == wanted.action)


def receipts(session: Session, *, before: int | None, limit: int) -> Sequence[Receipt]:
    """At most so many receipts, those of a lower number than that."""
    query = select(Receipt).order_by(Receipt.number.desc()).limit(limit)
    return session.scalars(query if before is None else query.where(Receipt.number < before)).all()


def _equal(asked: Sequence[tuple[InstrumentedAttribute[Any], object]]) -> list[ColumnElement[bool]]:
    return [column == value for column, value in asked if value is not None]


def _within(
    at: InstrumentedAttribute[datetime],
    number: InstrumentedAttribute[UUID],
    since: datetime | None,
    until: datetime | None,
    after: Place | None,
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if since is not None:
        conditions.append(at >= since)
    if until is not None:
        conditions.append(at < until)
    if after is not None:
        conditions.append(tuple_(at, number) < tuple_(*after))
    return conditions
