"""Who asks for a resource, and in whose name: a good token, and the organization that the address names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
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
from app.tenants.tokens import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """A token that was let in, for what it asks."""

    token: Admitted
    #: Whose things are asked for; None: the house's.
    organization_id: UUID | None
    #: What the address calls it, where it does.
    slug: str | None = None

    @property
    def is_house(self) -> bool:
        """Whether the token is the house's, and so good for every organization."""
        return self.token.owner is None

    @property
    def actor(self) -> str:
        """Who asks, as the audit log names them."""
        return tokens.actor(self.token.id)

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
        """Write in the audit log what is done by this token."""
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
        return Asker(token=token, organization_id=token.owner)
    if slug == names.HOUSE:
        if not house or token.owner is not None:
            raise NothingHere
        return Asker(token=token, organization_id=None, slug=slug)
    if token.organization_id is None or token.owner not in {None, token.organization_id}:
        raise NothingHere
    return Asker(token=token, organization_id=token.organization_id, slug=slug)
