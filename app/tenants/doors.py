"""Doors: how something is found before its organization is known. They answer with ids; rows come after that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import Uuid, column, func, select, text

from app.database import Database
from app.tenants import links, tokens
from app.tenants.errors import OutOfScope, Unauthorized, WrongAddress
from app.tenants.models import Network

log = structlog.get_logger("ventanilla.tenants")

ADMIT: Final = text(
    "SELECT id, owner, scopes, expires_at, revoked_at, networks, last_used_at, organization_id, version "
    "FROM ventanilla_admit(:hash, :slug, CAST(:upload_id AS uuid), :connection)"
)
USE: Final = text("SELECT ventanilla_use_token(:id, :now, :before)")
#: How exactly it is known when a token was last used: noting it is a transaction of its own.
USED_WITHIN: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Whose it is, and which."""

    organization_id: UUID
    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundToken:
    """A gateway token; without organization, the house's."""

    organization_id: UUID | None
    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A gateway token, whether it is good or not, and the organization that was asked for."""

    id: UUID
    #: Whose it is; None: the house's.
    owner: UUID | None
    scopes: frozenset[str]
    expires_at: datetime | None
    revoked_at: datetime | None
    #: From where it lets in; empty: from anywhere.
    networks: tuple[Network, ...] = ()
    last_used_at: datetime | None = None
    #: None where there is no such organization or upload.
    organization_id: UUID | None
    #: Changes with whatever says where the connection that was asked for leads; None where there is no such connection.
    version: str | None

    def is_good(self, now: datetime) -> bool:
        """Whether it was neither withdrawn nor has ended."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def is_good_from(self, address: IPv4Address | IPv6Address | None) -> bool:
        """Whether it may be shown from there; one that is bound to networks, from nowhere that is not known."""
        return not self.networks or (address is not None and any(address in network for network in self.networks))


def organization(db: Database, slug: str) -> UUID | None:
    """Find an organization by its slug."""
    with db.doors() as session:
        found: UUID | None = session.scalar(text("SELECT ventanilla_find_organization(:slug)"), {"slug": slug})
        return found


def organizations(db: Database) -> list[tuple[UUID, str, str]]:
    """List id, slug and name of every organization, by slug."""
    with db.doors() as session:
        rows = session.execute(text("SELECT id, slug, name FROM ventanilla_list_organizations()"))
        return [(row.id, row.slug, row.name) for row in rows]


def form(db: Database, public_id: str) -> Found | None:
    """Find a form by what its address ends with."""
    return _find(db, "ventanilla_find_form", public_id)


def link(db: Database, token: str) -> Found | None:
    """Find a personal link by its token."""
    return _find(db, "ventanilla_find_link", links.token_hash(token))


def outcome(db: Database, token: str) -> Found | None:
    """Find an upload by the token that its outcome page's address ends with."""
    return _find(db, "ventanilla_find_outcome", links.token_hash(token))


def receipt(db: Database, receipt_id: UUID) -> Found | None:
    """Find a receipt by its id."""
    return _find(db, "ventanilla_find_receipt", receipt_id)


def token(db: Database, token: str) -> FoundToken | None:
    """Find a gateway token; what does not look like one is not looked for."""
    if not tokens.is_token(token):
        return None
    row = _row(db, "ventanilla_find_token", tokens.token_hash(token))
    return FoundToken(organization_id=row[0], id=row[1]) if row else None


def let_in(
    db: Database,
    token: str,
    scope: str | None,
    *,
    address: IPv4Address | IPv6Address | None,
    now: datetime,
    slug: str | None = None,
    connection: str | None = None,
    upload_id: UUID | None = None,
) -> Admitted:
    """Let a good token in that allows `scope`; whether what it asks for is its own is still to be seen.

    `scope`: None: any good token will do. `address`: where it is shown. Raises Unauthorized, WrongAddress and
    OutOfScope.
    """
    admitted = admit(db, token, slug=slug, connection=connection, upload_id=upload_id)
    if admitted is None or not admitted.is_good(now):
        raise Unauthorized
    if not admitted.is_good_from(address):
        log.warning("token shown from elsewhere", token=str(admitted.id), address=str(address))
        raise WrongAddress
    if admitted.last_used_at is None or admitted.last_used_at <= now - USED_WITHIN:
        db.alone().execute(USE, {"id": admitted.id, "now": now, "before": now - USED_WITHIN})
    if scope is not None and scope not in admitted.scopes:
        raise OutOfScope
    return admitted


def admit(
    db: Database, token: str, *, slug: str | None = None, connection: str | None = None, upload_id: UUID | None = None
) -> Admitted | None:
    """Find a gateway token and the organization of that slug, or of that upload, in one question."""
    if not tokens.is_token(token):
        return None
    named = {
        name: None if text and "\0" in text else text for name, text in (("slug", slug), ("connection", connection))
    }
    asking = {"hash": tokens.token_hash(token), "upload_id": upload_id, **named}
    rows = db.alone().execute(ADMIT, asking)
    if not rows:
        return None
    row = rows[0]
    return Admitted(
        id=row.id,
        owner=row.owner,
        scopes=frozenset(row.scopes),
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        networks=tuple(map(ip_network, row.networks)),
        last_used_at=row.last_used_at,
        organization_id=row.organization_id,
        version=row.version,
    )


def _find(db: Database, door: str, wanted: str | bytes | UUID) -> Found | None:
    row = _row(db, door, wanted)
    return Found(organization_id=row[0], id=row[1]) if row and row[0] else None


def _row(db: Database, door: str, wanted: str | bytes | UUID) -> tuple[UUID | None, UUID] | None:
    if isinstance(wanted, str) and "\0" in wanted:
        return None  # PostgreSQL's text cannot hold it
    found = getattr(func, door)(wanted).table_valued(column("organization_id", Uuid()), column("id", Uuid()))
    with db.doors() as session:
        row = session.execute(select(found.c.organization_id, found.c.id)).one_or_none()
    return (row.organization_id, row.id) if row else None
