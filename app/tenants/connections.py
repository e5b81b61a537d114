"""Connections: an organization's way to a provider, with a credential of its own or one that the house lends."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.tenants import names
from app.tenants.conflicts import constraint
from app.tenants.errors import CredentialMissing, NameTaken, NotLent
from app.tenants.models import Connection, Credential, Environment
from app.tenants.vault import Vault

LENDER = "fk_connections_lender"


def add(
    session: Session,
    vault: Vault,
    *,
    organization_id: UUID | None,
    provider: str,
    name: str,
    environment: Environment,
    settings: dict[str, Any],
    credential: Mapping[str, SecretStr] | None = None,
    house_connection_id: UUID | None = None,
) -> Connection:
    """Make a connection with its credential, or one that borrows; raises BadName, NameTaken, NotLent.

    `settings` were validated by the provider's schema before.
    """
    if name in names.RESERVED:
        raise NameTaken(field="name", name=name)
    connection = Connection(
        id=uuid7(),
        organization_id=organization_id,
        provider=provider,
        name=names.name(name, "name"),
        environment=environment,
        settings=settings,
        house_connection_id=house_connection_id,
    )
    session.add(connection)
    try:
        session.flush()
    except IntegrityError as exc:
        if constraint(exc) == "uq_connections_organization_id_name":
            raise NameTaken(field="name", name=name) from None
        if constraint(exc) == LENDER:
            raise NotLent(field="house_connection_id", provider=provider, environment=environment.value) from None
        raise
    if credential:
        set_credential(session, vault, connection, credential)
    return connection


def by_name(session: Session, name: str, *, lock: bool = False) -> Connection | None:
    """Find the organization's connection of that name, as it is now; nobody else changes it while it is locked."""
    wanted = select(Connection).where(Connection.name == name).execution_options(populate_existing=True)
    return session.scalars(wanted.with_for_update() if lock else wanted).one_or_none()


def listing(session: Session, *, after: str = "", limit: int | None = None) -> Sequence[Connection]:
    """The connections of the organization, by name; those after a name, and so many, if asked."""
    return session.scalars(
        select(Connection).where(Connection.name > after).order_by(Connection.name).limit(limit)
    ).all()


def set_credential(session: Session, vault: Vault, connection: Connection, credential: Mapping[str, SecretStr]) -> None:
    """Give the connection a credential in place of what it had."""
    session.execute(delete(Credential).where(Credential.connection_id == connection.id))
    for field, secret in credential.items():
        vault.seal(
            session,
            organization_id=connection.organization_id,
            connection_id=connection.id,
            field=field,
            secret=secret,
        )


def renew(session: Session, vault: Vault, sealed: Sequence[Credential], new: Mapping[str, SecretStr]) -> bool:
    """Put what a provider gave anew in the place of what was `sealed`; False if somebody changed that meanwhile."""
    wanted = select(Credential).where(Credential.id.in_([one.id for one in sealed])).order_by(Credential.field)
    current = session.scalars(wanted.with_for_update().execution_options(populate_existing=True)).all()
    if [(one.id, one.fingerprint) for one in current] != [(one.id, one.fingerprint) for one in sealed]:
        return False
    for one in current:
        if one.field in new:
            vault.reseal(session, one, new[one.field])
    return True


def credential(session: Session, vault: Vault, connection: Connection) -> dict[str, SecretStr]:
    """Open the connection's credential, or the one that it borrows; raises CredentialMissing."""
    rows = credentials(session, connection)
    if not rows:
        raise CredentialMissing(f"connection {connection.id}")
    return {row.field: vault.open(session, row) for row in rows}


def credentials(session: Session, connection: Connection) -> Sequence[Credential]:
    """What the connection signs in with, its own or lent, sealed."""
    holder = connection.house_connection_id or connection.id
    wanted = select(Credential).where(Credential.connection_id == holder).order_by(Credential.field)
    return session.scalars(wanted).all()


def pause(session: Session, connection: Connection, because: str, now: datetime) -> bool:
    """Stop the connection from being used; False if it was paused before, for the same or another reason."""
    paused = session.scalar(
        update(Connection)
        .where(Connection.id == connection.id, Connection.paused_at.is_(None))
        .values(paused_at=now, paused_because=because)
        .returning(Connection.id)
    )
    return paused is not None


def resume(session: Session, connection: Connection) -> bool:
    """Let a paused connection be used again; False if it was not paused."""
    resumed = session.scalar(
        update(Connection)
        .where(Connection.id == connection.id, Connection.paused_at.is_not(None))
        .values(paused_at=None, paused_because=None)
        .returning(Connection.id)
    )
    return resumed is not None


def verified(session: Session, connection: Connection, now: datetime) -> None:
    """Remember that the provider took the credential."""
    session.execute(update(Connection).where(Connection.id == connection.id).values(verified_at=now))


def open_calls(session: Session, connection: Connection, calls: Collection[str]) -> None:
    """Have those calls of the provider's API passed on although they have to be asked for, and no others of these."""
    session.execute(update(Connection).where(Connection.id == connection.id).values(opened_calls=sorted(calls)))
