"""All organizations, and all connections, as those see them who may see all: found by words, narrowed, in pages.

A page is asked for by what the one before ended with, so the ten-thousandth costs what the first does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, CompoundSelect, Select, exists, func, or_, select, text, union
from sqlalchemy.orm import Session, aliased

from app.records.models import Upload
from app.records.states import State
from app.tenants.models import Connection, Environment, Organization

S = TypeVar("S", bound=Select[*tuple[Any, ...]])

#: How long something that failed, or that nobody knows the end of, calls for somebody.
RECENT: Final = timedelta(days=7)
CALLING: Final = (State.FAILED, State.UNKNOWN)
#: The index that words are looked up in, as it was made.
WORDS: Final = text(
    "ventanilla_called(organizations.slug, organizations.name, organizations.rfc) @@ ventanilla_sought(:words)"
)
#: Uploads of a month by organization, by the hours that are counted already.
UPLOADS: Final = text(
    "SELECT t.organization_id, sum(s.value::bigint)::bigint AS uploads "
    "FROM tallies t, jsonb_each_text(t.states) s "
    "WHERE t.organization_id = ANY(:organizations) AND t.hour >= :since GROUP BY 1"
)


class Standing(StrEnum):
    """How an organization stands."""

    OPEN = "open"
    SUSPENDED = "suspended"
    DELETING = "deleting"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What a list of organizations is narrowed to; nothing: all but those that are deleted."""

    words: str | None = None
    standing: Standing | None = None
    #: Only those that call for somebody, for one of these reasons: something is paused, failed or unconfirmed.
    calling: bool = False
    provider: str | None = None
    only: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An organization in a list."""

    id: UUID
    slug: str
    name: str
    rfc: str | None
    standing: Standing
    deletes_at: datetime | None
    providers: Sequence[str]
    #: Connections that are paused, and uploads of the last days that failed or are unconfirmed.
    paused: int
    left: int
    #: Handed in since the month began.
    uploads: int

    @property
    def calls(self) -> bool:
        """Whether somebody has to look after it."""
        return bool(self.paused or self.left)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A connection in a list of all of them; one without an organization is the house's."""

    id: UUID
    organization: str | None
    organization_name: str | None
    name: str
    provider: str
    environment: Environment
    paused_at: datetime | None
    paused_because: str | None
    verified_at: datetime | None
    credential_ends_at: datetime | None
    #: Of a house connection: how many borrow of it.
    borrowers: int


def organizations(
    session: Session, sought: Sought, *, now: datetime, month: datetime, after: str = "", limit: int
) -> Sequence[Listed]:
    """So many organizations after a slug. `session` sees all of them; `month`: when the one began that is counted."""
    wanted = _narrowed(select(Organization), sought, now).where(Organization.slug > after)
    found = session.scalars(wanted.order_by(Organization.slug).limit(limit)).all()
    ids = [one.id for one in found]
    providers, paused = _connections(session, ids)
    left, uploads = _left(session, ids, now), _uploads(session, ids, month)
    return [
        Listed(
            id=one.id,
            slug=one.slug,
            name=one.name,
            rfc=one.rfc,
            standing=standing(one),
            deletes_at=one.deletes_at,
            providers=sorted(providers.get(one.id, ())),
            paused=paused.get(one.id, 0),
            left=left.get(one.id, 0),
            uploads=uploads.get(one.id, 0),
        )
        for one in found
    ]


def names(session: Session, words: str | None, *, now: datetime, after: str, limit: int) -> Sequence[tuple[str, str]]:
    """Slugs and names of so many organizations after a slug, without those that are deleted."""
    wanted = _narrowed(select(Organization.slug, Organization.name), Sought(words=words), now)
    rows = session.execute(wanted.where(Organization.slug > after).order_by(Organization.slug).limit(limit))
    return [(row.slug, row.name) for row in rows]


def standing(organization: Organization) -> Standing:
    """How it stands."""
    if organization.deleted_at is not None:
        return Standing.DELETED
    if organization.deletes_at is not None:
        return Standing.DELETING
    return Standing.OPEN if organization.suspended_at is None else Standing.SUSPENDED


def ways(
    session: Session,
    *,
    after: tuple[str, str] = ("", ""),
    limit: int,
    paused: bool = False,
    ending_before: datetime | None = None,
    provider: str | None = None,
) -> Sequence[Way]:
    """So many connections of all organizations and the house after one, by organization and name; the house's first."""
    borrower, slug = aliased(Connection), func.coalesce(Organization.slug, "")
    borrowers = select(func.count()).where(borrower.house_connection_id == Connection.id).scalar_subquery()
    wanted = (
        select(Connection, Organization.slug, Organization.name, borrowers.label("borrowers"))
        .outerjoin(Organization, Organization.id == Connection.organization_id)
        .where(Organization.deleted_at.is_(None), func.row(slug, Connection.name) > func.row(*after))
        .order_by(slug, Connection.name)
        .limit(limit)
    )
    if paused:
        wanted = wanted.where(Connection.paused_at.is_not(None))
    if ending_before is not None:
        wanted = wanted.where(Connection.credential_ends_at <= ending_before)
    if provider is not None:
        wanted = wanted.where(Connection.provider == provider)
    return [
        Way(
            organization=row.slug,
            organization_name=row[2],
            borrowers=row.borrowers,
            **{name: getattr(row.Connection, name) for name in _OWN},
        )
        for row in session.execute(wanted)
    ]


#: What a connection says of itself in a list.
_OWN: Final = (
    "id",
    "name",
    "provider",
    "environment",
    "paused_at",
    "paused_because",
    "verified_at",
    "credential_ends_at",
)
_DELETED: Final = Organization.deleted_at.is_not(None)
_SUSPENDED: Final = Organization.suspended_at.is_not(None)
_DELETING: Final = Organization.deletes_at.is_not(None)
_STANDS: Final[Mapping[Standing, Sequence[ColumnElement[bool]]]] = {
    Standing.OPEN: (~_SUSPENDED,),
    Standing.SUSPENDED: (_SUSPENDED, ~_DELETING),
    Standing.DELETING: (_DELETING, ~_DELETED),
    Standing.DELETED: (_DELETED,),
}


def _narrowed(wanted: S, sought: Sought, now: datetime) -> S:
    conditions = (~_DELETED,) if sought.standing is None else _STANDS[sought.standing]
    wanted = wanted.where(*conditions)
    if sought.only:
        wanted = wanted.where(Organization.id == sought.only)
    if sought.words:
        wanted = wanted.where(WORDS.bindparams(words=sought.words))
    if sought.provider:
        wanted = wanted.where(
            exists().where(Connection.organization_id == Organization.id, Connection.provider == sought.provider)
        )
    if sought.calling:
        calling: CompoundSelect[UUID | None] = union(
            select(Connection.organization_id).where(
                Connection.paused_at.is_not(None), Connection.organization_id.is_not(None)
            ),
            select(Upload.organization_id).where(Upload.state.in_(CALLING), Upload.created_at >= now - RECENT),
        )
        wanted = wanted.where(Organization.id.in_(calling.scalar_subquery()))
    return wanted


def _connections(session: Session, ids: Collection[UUID]) -> tuple[Mapping[UUID, set[str]], Mapping[UUID, int]]:
    providers: dict[UUID, set[str]] = {}
    paused: dict[UUID, int] = {}
    wanted = select(Connection.organization_id, Connection.provider, Connection.paused_at)
    for row in session.execute(wanted.where(Connection.organization_id.in_(ids))):
        providers.setdefault(row.organization_id, set()).add(row.provider)
        paused[row.organization_id] = paused.get(row.organization_id, 0) + (row.paused_at is not None)
    return providers, paused


def _left(session: Session, ids: Collection[UUID], now: datetime) -> Mapping[UUID, int]:
    wanted = select(Upload.organization_id, func.count()).where(
        or_(*(Upload.state == state for state in CALLING)),
        Upload.organization_id.in_(ids),
        Upload.created_at >= now - RECENT,
    )
    return {row[0]: row[1] for row in session.execute(wanted.group_by(Upload.organization_id))}


def _uploads(session: Session, ids: Sequence[UUID], month: datetime) -> Mapping[UUID, int]:
    rows = session.execute(UPLOADS, {"organizations": list(ids), "since": month})
    return {row.organization_id: row.uploads for row in rows}
