"""Many seal certificates at once: each goes to the organization whose RFC stands in it, one after the other.

Nothing is kept of them here, and what one is refused for does not concern the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.checks.pairing import Given, Pair
from app.database import Database
from app.delivery.deliverer import Deliverer
from app.delivery.origin import Origin, Result
from app.errors import Refusal
from app.intake import Collected, CollectedFile
from app.providers.facturapi import CERTIFICATE
from app.providers.operation import Operation
from app.tenants.errors import Suspended
from app.tenants.models import Connection, Organization

OPERATION: Final[Operation] = CERTIFICATE
PROVIDER, _, _ = OPERATION.slug.partition("/")
CONTENT_TYPE: Final = "application/octet-stream"


class RfcUnknown(Refusal):
    """No organization has the RFC of a certificate."""

    slug: ClassVar[str] = "rfc-unknown"
    status: ClassVar[int] = 422


class RfcNotUnique(Refusal):
    """Several organizations have it: only a person knows whose it is."""

    slug: ClassVar[str] = "rfc-not-unique"
    status: ClassVar[int] = 422


class NoConnection(Refusal):
    """The organization has no way to the provider, or several."""

    slug: ClassVar[str] = "no-single-connection"
    status: ClassVar[int] = 422


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a certificate goes."""

    organization: Organization
    connection: Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What became of a pair, or of a file that is in none."""

    pair: Pair
    organization: Organization | None = None
    #: Why it was not sent; None: it was, and `result` says what became of it.
    refusal: Refusal | None = None
    result: Result | None = field(default=None, repr=False)


def place(session: Session, rfc: str, only: UUID | None) -> Place:
    """Where a certificate of this RFC goes; raises RfcUnknown, RfcNotUnique and NoConnection.

    `session` sees all organizations; `only`: the one that may be meant, where it may be no other.
    """
    living = select(Organization).where(Organization.rfc == rfc, Organization.deleted_at.is_(None))
    found = session.scalars(living if only is None else living.where(Organization.id == only)).all()
    if not found:
        raise RfcUnknown(rfc=rfc)
    if len(found) > 1:
        raise RfcNotUnique(rfc=rfc, count=len(found))
    (organization,) = found
    theirs = select(Connection).where(Connection.organization_id == organization.id, Connection.provider == PROVIDER)
    ways = session.scalars(theirs).all()
    if len(ways) != 1:
        raise NoConnection(organization=organization.name, provider=PROVIDER)
    return Place(organization=organization, connection=ways[0])


def hand_in(
    database: Database, deliverer: Deliverer, pairs: Sequence[Pair], *, actor: str, only: UUID | None
) -> Iterator[Handed]:
    """Send every pair that passed to where it belongs, one after the other, and tell of each what became of it."""
    for pair in pairs:
        try:
            yield _hand_in(database, deliverer, pair, actor=actor, only=only)
        except Refusal as refusal:
            yield Handed(pair=pair, refusal=refusal)


def _hand_in(database: Database, deliverer: Deliverer, pair: Pair, *, actor: str, only: UUID | None) -> Handed:
    if pair.refusal is not None or pair.certificate is None:
        return Handed(pair=pair, refusal=pair.refusal)
    with database.overview() as session:
        found = place(session, pair.certificate.rfc, only)
    organization = found.organization
    try:
        if organization.suspended_at is not None:
            raise Suspended
        result = deliverer.hand_in(_origin(found, actor), OPERATION, _collected(pair), replace=False)
    except Refusal as refusal:
        return Handed(pair=pair, organization=organization, refusal=refusal)
    return Handed(pair=pair, organization=organization, result=result)


def _origin(found: Place, actor: str) -> Origin:
    return Origin(
        organization=found.organization,
        connection=found.connection,
        form_id=None,
        link=None,
        api_token_id=None,
        locale=None,
        notice_version=None,
        actor=actor,
    )


def _collected(pair: Pair) -> Collected:
    assert pair.password is not None  # noqa: S101 - it passed
    files = {name: _file(name, given) for name, given in pair.parts.items()}
    return Collected(fields={}, secrets={"password": pair.password}, files=files)


def _file(name: str, given: Given) -> CollectedFile:
    sha256 = hashlib.sha256(given.content).hexdigest()
    return CollectedFile(
        name=name, filename=given.name, content_type=CONTENT_TYPE, content=given.content, sha256=sha256
    )
