"""Who is signed in: the person that a browser's session belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from flask import Response, g
from sqlalchemy.orm import Session

from app.database import HOUSE
from app.portal import cookies
from app.services import services
from app.tenants import factors, people, user_sessions
from app.tenants.roles import Role
from app.tenants.user_models import User, UserSession
from app.tenants.user_sessions import Lives

#: Holds a session's token.
COOKIE: Final = "admin"
#: How long it is believed that it is still they who signed in, or proved it, before a sensitive act.
FRESH: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who is signed in."""

    id: UUID
    email: str
    name: str
    role: Role
    #: The organization that a manager runs, and beyond which they see nothing.
    organization_id: UUID | None
    locale: str
    timezone: str
    #: Until when they are not asked again who they are before a sensitive act.
    fresh_until: datetime
    session_id: UUID

    @property
    def actor(self) -> str:
        """How the audit log names them."""
        return people.actor(self.id)


def signed_in() -> Person | None:
    """Whoever this request's browser is signed in as; looked up once a request."""
    if "signed_in" not in g:
        g.signed_in = _found(cookies.read(COOKIE))
    person: Person | None = g.signed_in
    return person


def lives() -> Lives:
    """How long sessions last here."""
    settings = services().settings
    return Lives(
        idle=timedelta(seconds=settings.session_idle_seconds), whole=timedelta(seconds=settings.session_seconds)
    )


def remember(response: Response, token: str) -> None:
    """Give the browser its session's token, for as long as it is open."""
    cookies.keep(response, COOKIE, token)


def forget(response: Response) -> None:
    """Take it back."""
    cookies.drop(response, COOKIE)


def person(session: UserSession, user: User) -> Person:
    """The person whose session it is."""
    return Person(
        id=user.id,
        email=user.email,
        name=user.name,
        role=Role(user.role),
        organization_id=user.manages,
        locale=user.locale,
        timezone=user.timezone,
        fresh_until=session.proven_at + FRESH,
        session_id=session.id,
    )


def _found(token: str) -> Person | None:
    if not token:
        return None
    with services().database.transaction(HOUSE) as session:
        found = user_sessions.found(session, token, services().clock(), lives())
        return person(*found) if found and not lacks_factor(session, found[1]) else None


def lacks_factor(session: Session, user: User) -> bool:
    """Whether somebody's role needs a second factor, and they have none."""
    return user.role in services().settings.second_factor and not factors.has_one(session, user)
