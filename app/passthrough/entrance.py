"""Who calls, by which token, through which connection: the one place where this face looks things up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from app.delivery import Destination, Origin
from app.intake.addresses import address, client
from app.intake.shedding import Caller
from app.passthrough.address import Address
from app.passthrough.base import Face
from app.passthrough.errors import NoConnection, WhichConnection
from app.seeing import ids
from app.services import services
from app.tenants import doors, tokens
from app.tenants.errors import Suspended
from app.tenants.models import Connection, Organization
from app.tenants.tokens import Scope

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """An open way in."""

    token_id: UUID
    destination: Destination
    caller: Caller

    @property
    def actor(self) -> str:
        """As the audit log names who calls."""
        return tokens.actor(self.token_id)

    @property
    def borrows(self) -> bool:
        """Whether the credential is the house's."""
        return self.destination.connection.house_connection_id is not None

    def origin(self) -> Origin:
        """Tell delivery where a hand-in comes from."""
        return self.destination.origin(self.token_id)


def find(environ: WSGIEnvironment, face: Face, wanted: Address) -> Entrance:
    """Find where a call is to go; raises what keeps it out, before a byte of its body is read."""
    parts = services()
    token = face.token(environ.get("HTTP_AUTHORIZATION", "")) or ""
    proxies = parts.settings.forwarded_allow_ips
    admitted = doors.let_in(
        parts.database,
        token,
        Scope.PROXY,
        address=client(environ, proxies),
        now=parts.clock(),
        slug=wanted.organization,
    )
    organization_id = admitted.organization_id if wanted.organization else admitted.owner
    if organization_id is None or admitted.owner not in {None, organization_id}:
        raise NoConnection(provider=face.slug)
    ids.bind(organization=organization_id, token=admitted.id)
    slug, name = _name(organization_id, face.slug, wanted.connection)
    known = doors.admit(parts.database, token, slug=slug, connection=name)
    destination = parts.deliverer.destination(known, name) if known else None
    if destination is None:
        raise NoConnection(provider=face.slug)
    if destination.organization.suspended_at is not None:
        raise Suspended
    destination.check_open()
    caller = Caller(organization_id=organization_id, token_id=admitted.id, address=address(environ, proxies))
    return Entrance(token_id=admitted.id, destination=destination, caller=caller)


def _name(organization_id: UUID, provider: str, name: str | None) -> tuple[str, str]:
    """Slug of the organization and name of its connection: the one that is meant, or the only one."""
    wanted = (
        select(Organization.slug, Connection.name)
        .join(Connection, Connection.organization_id == Organization.id)
        .where(Organization.id == organization_id, Connection.provider == provider)
        .order_by(Connection.name)
        .limit(2)
    )
    if name is not None:
        wanted = wanted.where(Connection.name == name)
    with services().database.transaction(organization_id) as session:
        rows = session.execute(wanted).all()
    if not rows:
        raise NoConnection(provider=provider)
    if len(rows) > 1:
        raise WhichConnection(provider=provider, name=rows[0].name)
    return rows[0].slug, rows[0].name
