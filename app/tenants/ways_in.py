"""What is sent to somebody to come in by: an invitation, or a way to a new password. Good once, and for a while.

Of either a hash is kept. One that is asked for anew takes the place of the one before.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from app.tenants import names, people
from app.tenants.roles import Role
from app.tenants.user_errors import EmailTaken, InvitationClosed, ResetClosed
from app.tenants.user_models import Invitation, PasswordReset, User
from app.tenants.user_sessions import token_hash

TOKEN_BYTES: Final = 32
#: How long a mailed way to a new password is good.
RESET: Final = timedelta(hours=1)


def invite(
    session: Session,
    *,
    email: str,
    role: Role,
    manages: UUID | None,
    locale: str,
    invited_by: str,
    now: datetime,
    life: timedelta,
) -> tuple[Invitation, str]:
    """Invite somebody; returns the invitation and its token, which is kept nowhere.

    Raises BadEmail, BadValue, EmailTaken.
    """
    email = people.address(email)
    if people.by_email(session, email):
        raise EmailTaken(field="email", email=email)
    for former in _open(session, email):
        former.revoked_at = now
    token = secrets.token_urlsafe(TOKEN_BYTES)
    made = Invitation(
        email=email,
        role=role,
        manages=people.managed(role, manages),
        locale=names.locale(locale),
        token_hash=token_hash(token),
        invited_by=invited_by,
        expires_at=now + life,
        created_at=now,
    )
    session.add(made)
    session.flush()
    return made, token


def invitations(session: Session, now: datetime) -> Sequence[Invitation]:
    """Those that still lead in, newest first."""
    wanted = select(Invitation).where(*_leading_in(now))
    return session.scalars(wanted.order_by(Invitation.created_at.desc(), Invitation.id.desc())).all()


def invitation(session: Session, token: str, now: datetime) -> Invitation:
    """The invitation of that token; raises InvitationClosed. Nobody else accepts it until the transaction ends."""
    wanted = select(Invitation).where(Invitation.token_hash == token_hash(token), *_leading_in(now))
    found = session.scalars(wanted.with_for_update()).one_or_none()
    if found is None:
        raise InvitationClosed
    return found


def accept(
    session: Session, invited: Invitation, *, name: str, password: SecretStr, locale: str, timezone: str, now: datetime
) -> User:
    """Let somebody be who they were invited to be; raises as `people.add` does."""
    user = people.add(
        session,
        email=invited.email,
        name=name,
        role=Role(invited.role),
        manages=invited.manages,
        password=password,
        locale=locale,
        timezone=timezone,
        now=now,
    )
    invited.accepted_at = now
    return user


def revoke(session: Session, invitation_id: UUID, now: datetime) -> Invitation | None:
    """Withdraw an invitation; None if there is no such one that still led in."""
    wanted = select(Invitation).where(Invitation.id == invitation_id, *_leading_in(now))
    found = session.scalars(wanted.with_for_update()).one_or_none()
    if found is not None:
        found.revoked_at = now
    return found


def reset(session: Session, user: User, now: datetime) -> str:
    """Make a way to a new password; returns its token, which is kept nowhere."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    session.execute(delete(PasswordReset).where(PasswordReset.user_id == user.id))
    session.add(PasswordReset(user_id=user.id, token_hash=token_hash(token), expires_at=now + RESET))
    session.flush()
    return token


def resetting(session: Session, token: str, now: datetime) -> User:
    """Whose new password that token leads to, locked; raises ResetClosed."""
    wanted = (
        select(User)
        .join(PasswordReset, PasswordReset.user_id == User.id)
        .where(
            PasswordReset.token_hash == token_hash(token), PasswordReset.expires_at > now, User.disabled_at.is_(None)
        )
        .with_for_update(of=User)
    )
    user = session.scalars(wanted).one_or_none()
    if user is None:
        raise ResetClosed
    return user


def _open(session: Session, email: str) -> Sequence[Invitation]:
    still = Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None)
    return session.scalars(select(Invitation).where(Invitation.email == email, *still).with_for_update()).all()


def _leading_in(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None), Invitation.expires_at > now)
