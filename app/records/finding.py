"""Finds uploads, of one organization or across all: by what they are, and by words of what they are called.

Newest first, in pages from any place on, both ways. What a session may see decides whose are found. Columns are named:
across organizations some cannot be asked for (`Database.overview`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Tuple, and_, false, func, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.records.models import AuditEntry, Upload
from app.records.searching import Place
from app.records.states import State
from app.tenants.models import Connection, Organization

#: Most that are counted; more are as many.
MOST: Final = 10_000
#: Rows that are read at a time, where all are wanted.
BATCH: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which uploads; what is None, or empty, is not asked."""

    states: frozenset[State] = frozenset()
    operations: frozenset[str] = frozenset()
    organization_id: UUID | None = None
    connection_id: UUID | None = None
    form_id: UUID | None = None
    link_id: UUID | None = None
    problem: str | None = None
    #: Made from then on, and before then.
    since: datetime | None = None
    until: datetime | None = None
    #: Beginnings of words: of a file's name, its SHA-256, what provider or caller call it, a certificate's RFC or
    #: number; or the upload's id.
    words: str | None = None
    #: Who brought it to the state that it is in, and since when.
    moved_by: str | None = None
    moved_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An upload as a list shows it."""

    id: UUID
    organization_id: UUID
    #: Slug and name.
    organization: str
    organization_name: str
    connection: str
    operation: str
    state: State
    provider_status: str | None
    problem: str | None
    filename: str | None
    size: int | None
    sha256: str | None
    reference: str | None
    external_id: str | None
    created_at: datetime
    updated_at: datetime

    @property
    def place(self) -> Place:
        """Where a list goes on behind it."""
        return self.created_at, self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Some of what was found, newest first, and whether there is more on either side."""

    lines: Sequence[Line]
    newer: bool
    older: bool


FIRST: Final = Upload.parts[0]
COLUMNS: Final = (
    Upload.id,
    Upload.organization_id,
    Organization.slug.label("organization"),
    Organization.name.label("organization_name"),
    Connection.name.label("connection"),
    Upload.operation,
    Upload.state,
    Upload.provider_status,
    Upload.problem,
    FIRST["filename"].astext.label("filename"),
    FIRST["size"].as_integer().label("size"),
    FIRST["sha256"].astext.label("sha256"),
    Upload.reference,
    Upload.external_id,
    Upload.created_at,
    Upload.updated_at,
)
NEWEST: Final = (Upload.created_at.desc(), Upload.id.desc())
OLDEST: Final = (Upload.created_at, Upload.id)


def lines(sought: Sought) -> Select[Any]:
    """The question for them, in no order yet."""
    return (
        select(*COLUMNS)
        .join(Organization, Organization.id == Upload.organization_id)
        .join(Connection, Connection.id == Upload.connection_id)
        .where(*_conditions(sought))
    )


def behind(session: Session, sought: Sought, place: Place | None, *, limit: int) -> Slice:
    """At most so many, the newest first, from behind a place on; None: from the newest."""
    query = lines(sought).order_by(*NEWEST).limit(limit + 1)
    if place is not None:
        query = query.where(_here() < tuple_(*place))
    found = _read(session, query)
    return Slice(lines=found[:limit], newer=place is not None, older=len(found) > limit)


def before(session: Session, sought: Sought, place: Place, *, limit: int) -> Slice:
    """At most so many, the newest first, that end before a place."""
    query = lines(sought).where(_here() > tuple_(*place)).order_by(*OLDEST).limit(limit + 1)
    found = _read(session, query)
    return Slice(lines=found[:limit][::-1], newer=len(found) > limit, older=True)


def changed(session: Session, newest: Place, oldest: Place, since: datetime, *, most: int = 100) -> Sequence[Line]:
    """Those from one place to another that came to another state since; at most so many."""
    between = _here() <= tuple_(*newest), _here() >= tuple_(*oldest)
    return _read(session, lines(Sought()).where(Upload.updated_at >= since, *between).limit(most))


def newer(session: Session, sought: Sought, place: Place, *, most: int = 100) -> int:
    """How many there are before a place; at most so many."""
    wanted = select(Upload.id).where(*_conditions(sought), _here() > tuple_(*place)).order_by(*OLDEST).limit(most)
    return session.scalar(select(func.count()).select_from(wanted.subquery())) or 0


def count(session: Session, sought: Sought, *, most: int = MOST) -> int:
    """How many there are; at most so many."""
    wanted = select(Upload.id).where(*_conditions(sought)).limit(most)
    return session.scalar(select(func.count()).select_from(wanted.subquery())) or 0


def _here() -> Tuple:
    """An upload's place."""
    return tuple_(Upload.created_at, Upload.id)


def _read(session: Session, query: Select[Any]) -> list[Line]:
    return [Line(**row._asdict()) for row in session.execute(query)]


def _conditions(sought: Sought) -> Iterator[ColumnElement[bool]]:
    equal: tuple[tuple[InstrumentedAttribute[Any], object], ...] = (
        (Upload.organization_id, sought.organization_id),
        (Upload.connection_id, sought.connection_id),
        (Upload.form_id, sought.form_id),
        (Upload.link_id, sought.link_id),
        (Upload.problem, sought.problem),
    )
    yield from (column == value for column, value in equal if value is not None)
    if sought.states:
        yield Upload.state.in_(sorted(sought.states))
    if sought.operations:
        yield Upload.operation.in_(sorted(sought.operations))
    if sought.since is not None:
        yield Upload.created_at >= sought.since
    if sought.until is not None:
        yield Upload.created_at < sought.until
    if sought.words is not None:
        yield _words(sought.words)
    if sought.moved_since is not None:
        yield Upload.updated_at >= sought.moved_since
    if sought.moved_by is not None:
        about = AuditEntry.subject_type == "upload", AuditEntry.subject_id == Upload.id
        moved = AuditEntry.actor == sought.moved_by, AuditEntry.action == "upload." + Upload.state
        yield select(AuditEntry.id).where(*about, *moved, AuditEntry.at == Upload.updated_at).exists()


def _words(written: str) -> ColumnElement[bool]:
    """All of these words; or it is an upload's own id. Written out as the index is."""
    terms = func.ventanilla_terms(Upload.parts, Upload.facts, Upload.reference, Upload.external_id)
    sought = func.ventanilla_sought(written)
    by_words = and_(sought.is_not(None), terms.op("@@")(sought))
    try:
        return or_(Upload.id == UUID(written.strip()), by_words)
    except ValueError:
        return by_words if written.strip() else false()
