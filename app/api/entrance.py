"""Who asks, by which token, and for what: the one place where the API looks things up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from flask import g, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.api import limits
from app.api.errors import NothingHere
from app.delivery import Destination, Origin, Record, registry
from app.intake.addresses import address, client
from app.intake.shedding import Caller
from app.providers.operation import Operation
from app.records.idempotency import Claim
from app.records.models import Attempt, Upload
from app.seeing import ids
from app.services import services
from app.tenants import doors, tokens
from app.tenants.doors import Admitted
from app.tenants.errors import Suspended
from app.tenants.models import Connection, Organization

SCHEME: Final = "bearer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """An open way in."""

    token_id: UUID
    destination: Destination
    operation: Operation

    @property
    def caller(self) -> Caller:
        """Whom the limits at the door are about."""
        seen = address(request.environ, services().settings.forwarded_allow_ips)
        return Caller(organization_id=self.destination.organization.id, token_id=self.token_id, address=seen)

    def origin(self, *, external_id: str | None, metadata: dict[str, object], key: Claim | None = None) -> Origin:
        """Tell delivery where a hand-in comes from."""
        return self.destination.origin(self.token_id, external_id=external_id, metadata=metadata, key=key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An upload, as it is shown."""

    organization: Organization
    connection: Connection
    upload: Upload
    attempts: tuple[Attempt, ...]


def to_hand_in(slug: str, connection: str, operation: str) -> Entrance:
    """Find where a hand-in is to go; raises what keeps it out, before a byte of its body is read."""
    admitted = let_in(tokens.WRITE, slug=slug, connection=connection)
    _check_own(admitted)
    found = services().deliverer.destination(admitted, connection)
    wanted = registry.OPERATIONS.get(f"{found.connection.provider}/{operation}") if found else None
    if found is None or wanted is None:
        raise NothingHere
    if found.organization.suspended_at is not None:
        raise Suspended
    g.check = wanted.check  # some problems read differently by what looked at the files
    return Entrance(token_id=admitted.id, destination=found, operation=wanted)


def to_upload(upload_id: UUID) -> Found:
    """Find an upload that the token may see."""
    admitted = let_in(tokens.READ, upload_id=upload_id)
    limits.count_call(admitted.id)
    _check_own(admitted)
    with services().database.transaction(admitted.organization_id) as session:
        return _found(session, upload_id)


def handed_in(way: Entrance, record: Record) -> Found:
    """What was just handed in: whoever did may see it."""
    return Found(
        organization=way.destination.organization,
        connection=way.destination.connection,
        upload=record.upload,
        attempts=record.attempts,
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


def let_in(scope: str | None, **wanted: Any) -> Admitted:
    """Let the request's token in; raises as the door does (`doors.let_in`)."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    parts = services()
    admitted = doors.let_in(
        parts.database,
        token.strip() if scheme.lower() == SCHEME else "",
        scope,
        address=client(request.environ, parts.settings.forwarded_allow_ips),
        now=parts.clock(),
        **wanted,
    )
    ids.bind(organization=admitted.organization_id or admitted.owner, token=admitted.id)
    return admitted


def _check_own(admitted: Admitted) -> None:
    """Raise NothingHere for an organization that is not the token's; the house's token is good for any."""
    if admitted.organization_id is None or admitted.owner not in {None, admitted.organization_id}:
        raise NothingHere
