"""Sessions of people: kept here, so that they can be listed and ended; the browser has a token that means nothing."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.tenants.user_models import User, UserSession

TOKEN_BYTES: Final = 32
#: How exactly it is known when a session was last seen.
SEEN: Final = timedelta(minutes=1)
LONGEST_DEVICE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Lives:
    """How long a session lasts: unused, and in all."""

    idle: timedelta
    whole: timedelta


def begin(
    session: Session, user: User, *, device: str, address: str, now: datetime, lives: Lives
) -> tuple[UserSession, str]:
    """Sign somebody in; returns the session and its token, which is new whatever the browser had before."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    made = UserSession(
        user_id=user.id,
        token_hash=token_hash(token),
        device=device[:LONGEST_DEVICE],
        address=address,
        begun_at=now,
        seen_at=now,
        proven_at=now,
        ends_at=now + lives.whole,
    )
    user.signed_in_at = now
    session.add(made)
    session.flush()
    return made, token


def found(session: Session, token: str, now: datetime, lives: Lives) -> tuple[UserSession, User] | None:
    """Whose session a token is of, if it has not ended and they may still sign in; it is seen by that."""
    wanted = (
        select(UserSession, User)
        .join(User, User.id == UserSession.user_id)
        .where(
            UserSession.token_hash == token_hash(token),
            UserSession.ends_at > now,
            UserSession.seen_at > now - lives.idle,
            User.disabled_at.is_(None),
        )
    )
    row = session.execute(wanted).one_or_none()
    if row is None:
        return None
    current, user = row
    if current.seen_at <= now - SEEN:
        current.seen_at = now
    return current, user


def listing(session: Session, user_id: UUID, now: datetime, lives: Lives) -> Sequence[UserSession]:
    """Somebody's sessions that have not ended, the one seen last first."""
    alive = UserSession.ends_at > now, UserSession.seen_at > now - lives.idle
    wanted = select(UserSession).where(UserSession.user_id == user_id, *alive)
    return session.scalars(wanted.order_by(UserSession.seen_at.desc(), UserSession.id.desc())).all()


def prove(session: Session, session_id: UUID, now: datetime) -> None:
    """Note that somebody just showed who they are."""
    session.get_one(UserSession, session_id).proven_at = now


def end(session: Session, user_id: UUID, session_id: UUID) -> bool:
    """End one of somebody's sessions; False if they have no such session."""
    ended = delete(UserSession).where(UserSession.user_id == user_id, UserSession.id == session_id)
    return session.scalar(ended.returning(UserSession.id)) is not None


def end_others(session: Session, user_id: UUID, but: UUID | None = None) -> int:
    """End all of somebody's sessions but one; how many that were."""
    ended = delete(UserSession).where(UserSession.user_id == user_id, UserSession.id.is_distinct_from(but))
    return len(session.scalars(ended.returning(UserSession.id)).all())


def forget(session: Session, now: datetime, lives: Lives) -> None:
    """Drop what has ended by itself, whosever it was."""
    over = (UserSession.ends_at <= now) | (UserSession.seen_at <= now - lives.idle)
    session.execute(delete(UserSession).where(over))


def token_hash(token: str) -> bytes:
    """What is kept of a token; it is random and long, so a fast hash is enough."""
    return hashlib.sha256(token.encode()).digest()
