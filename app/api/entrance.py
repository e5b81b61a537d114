"""Who asks, by which token, and for what: the one place where the API looks things up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from flask import g, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import database
from app.api.errors import NothingHere, OutOfScope, Suspended, Unauthorized
from app.delivery import NoWay, Origin, Record, Way, registry
from app.providers.operation import Operation
from app.records.models import Attempt, Upload
from app.services import services
from app.tenants import doors, tokens
from app.tenants.doors import Admitted
from app.tenants.models import Connection, Organization

SCHEME: Final = "bearer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """An open way in."""

    token_id: UUID
    organization: Organization
    connection: Connection
    operation: Operation
    way: Way | NoWay

    def origin(self, *, external_id: str | None, metadata: dict[str, object]) -> Origin:
        """Tell delivery where a hand-in comes from."""
        return Origin(
            organization=self.organization,
            connection=self.connection,
            form_id=None,
            link=None,
            api_token_id=self.token_id,
            locale=None,
            notice_version=None,
            actor=f"token:{self.token_id}",
            external_id=external_id,
            metadata=metadata,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An upload, as it is shown."""

    organization: Organization
    connection: Connection
    upload: Upload
    attempts: tuple[Attempt, ...]


def to_hand_in(slug: str, connection: str, operation: str) -> Entrance:
    """Find where a hand-in is to go; raises what keeps it out, before a byte of its body is read."""
    with services().database.doors() as session:
        admitted = _admit(session, tokens.WRITE, slug=slug)
        if "\0" in connection:  # PostgreSQL's text cannot hold it
            raise NothingHere
        database.enter(session, admitted.organization_id)
        wanted = (
            select(Organization, Connection)
            .join(Connection, Connection.organization_id == Organization.id)
            .where(Connection.name == connection)
        )
        row = session.execute(wanted).one_or_none()
        if row is None:
            raise NothingHere
        organization, found = row
        wanted_operation = registry.OPERATIONS.get(f"{found.provider}/{operation}")
        if wanted_operation is None:
            raise NothingHere
        if organization.suspended_at is not None:
            raise Suspended
        way = services().deliverer.open_way(session, found)
    g.check = wanted_operation.check  # some problems read differently by what looked at the files
    return Entrance(
        token_id=admitted.id, organization=organization, connection=found, operation=wanted_operation, way=way
    )


def to_upload(upload_id: UUID) -> Found:
    """Find an upload that the token may see."""
    with services().database.doors() as session:
        admitted = _admit(session, tokens.READ, upload_id=upload_id)
        database.enter(session, admitted.organization_id)
        return _found(session, upload_id)


def handed_in(way: Entrance, record: Record) -> Found:
    """What was just handed in: whoever did may see it."""
    return Found(
        organization=way.organization, connection=way.connection, upload=record.upload, attempts=record.attempts
    )


def _found(session: Session, upload_id: UUID) -> Found:
    wanted = (
        select(Upload, Connection, Organization, Attempt)
        .join(Connection, Connection.id == Upload.connection_id)
        .join(Organization, Organization.id == Upload.organization_id)
        .outerjoin(Attempt, Attempt.upload_id == Upload.id)
        .where(Upload.id == upload_id)
        .order_by(Attempt.number)
    )
    rows = session.execute(wanted).all()
    if not rows:
        raise NothingHere
    upload, connection, organization, _ = rows[0]
    tried = tuple(row.Attempt for row in rows if row.Attempt is not None)
    return Found(organization=organization, connection=connection, upload=upload, attempts=tried)


def _admit(session: Session, scope: str, *, slug: str | None = None, upload_id: UUID | None = None) -> Admitted:
    """Let a good token in, to an organization that is its own or, if it is the house's, to any."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    admitted = None
    if scheme.lower() == SCHEME:
        admitted = doors.admit(session, token.strip(), slug=slug, upload_id=upload_id)
    if admitted is None or not admitted.is_good(services().clock()):
        raise Unauthorized
    if scope not in admitted.scopes:
        raise OutOfScope
    if admitted.organization_id is None or admitted.owner not in {None, admitted.organization_id}:
        raise NothingHere
    return admitted
