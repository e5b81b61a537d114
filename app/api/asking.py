"""Who asks for what is set up or was handed in, and whose things: a token that was let in, or a person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.api import entrance, limits
from app.api.errors import NothingHere
from app.database import Base
from app.records import audit
from app.services import services
from app.tenants import names, tokens
from app.tenants.doors import Admitted
from app.tenants.models import Network
from app.tenants.tokens import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Somebody who was let in, for what they ask."""

    #: Of the token or the person.
    id: UUID
    #: Who asks, as the audit log names them.
    actor: str
    #: Whose they are; None: the house's, and so good for every organization.
    owner: UUID | None
    #: What they may do. What they make reaches no further: neither in this nor from elsewhere nor for longer.
    scopes: frozenset[str]
    networks: tuple[Network, ...] = ()
    ends_at: datetime | None = None
    #: Whose things are asked for; None: the house's.
    organization_id: UUID | None
    #: What the address calls it, where it does.
    slug: str | None = None

    @property
    def is_house(self) -> bool:
        """Whether they are the house's, and so good for every organization."""
        return self.owner is None

    @property
    def the_organization(self) -> UUID:
        """The organization that is asked for, where the house cannot be meant."""
        assert self.organization_id is not None  # noqa: S101 - `admit` saw to it
        return self.organization_id

    def for_organization(self, organization_id: UUID) -> Asker:
        """The same, asking for another organization's things."""
        return replace(self, organization_id=organization_id)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A transaction that sees what is asked for, and nothing of anybody else's."""
        with services().database.transaction(self.organization_id) as session:
            yield session

    def written(self, session: Session, action: str, subject: Base, **details: Any) -> None:
        """Write in the audit log what they do."""
        audit.write(
            session,
            organization_id=self.organization_id,
            actor=self.actor,
            action=action,
            subject=subject,
            now=services().clock(),
            details=details,
        )


def admit(scope: Scope | None, slug: str | None, *, house: bool = False, upload_id: UUID | None = None) -> Asker:
    """Let a good token in; raises Unauthorized, OutOfScope, TooMany, and NothingHere for what is not the token's.

    `slug`: of the organization that the address names, unless it names an upload, whose own is meant then; None: it
    names neither, and the token's own is meant. `house`: whether the house may stand in its place. `scope`: None: any
    good token will do.
    """
    token = entrance.let_in(scope, slug=slug, upload_id=upload_id)
    limits.count_call(token.id)
    if slug is None and upload_id is None:
        return _asker(token, token.owner, slug)
    if slug == names.HOUSE:
        if not house or token.owner is not None:
            raise NothingHere
        return _asker(token, None, slug)
    if token.organization_id is None or token.owner not in {None, token.organization_id}:
        raise NothingHere
    return _asker(token, token.organization_id, slug)


def _asker(token: Admitted, organization_id: UUID | None, slug: str | None) -> Asker:
    return Asker(
        id=token.id,
        actor=tokens.actor(token.id),
        owner=token.owner,
        scopes=token.scopes,
        networks=token.networks,
        ends_at=token.expires_at,
        organization_id=organization_id,
        slug=slug,
    )
