"""People: who may sign in, as what, and never without an owner who can.

All of it runs in transactions of the house, which alone see these tables.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import delete, func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.tenants import names, passwords
from app.tenants.errors import BadValue
from app.tenants.roles import Role
from app.tenants.user_errors import EmailTaken, LastOwner
from app.tenants.user_models import Passkey, PasswordReset, User, UserSession

#: Whoever takes an owner away waits for whoever else does.
OWNERS: Final = text("SELECT pg_advisory_xact_lock(hashtext('ventanilla owners'))")
HANDLE_BYTES: Final = 32


def actor(user_id: UUID) -> str:
    """How the audit log names a person."""
    return f"user:{user_id}"


def address(value: str, field: str = "email") -> str:
    """An e-mail address as it is kept: one spelling, however it was typed; raises BadEmail."""
    return names.email(value, field).lower()


def add(
    session: Session,
    *,
    email: str,
    name: str,
    role: Role,
    manages: UUID | None = None,
    password: SecretStr,
    locale: str = "es",
    timezone: str = "America/Mexico_City",
    now: datetime,
) -> User:
    """Add somebody; raises BadEmail, BadValue, WeakPassword, EmailTaken."""
    email, name = address(email), names.text(name, "name", 100)
    passwords.check(password, about=(email, name))
    user = User(
        email=email,
        name=name,
        role=role,
        manages=managed(role, manages),
        locale=names.locale(locale),
        timezone=names.timezone(timezone),
        password_hash=passwords.hashed(password),
        handle=secrets.token_bytes(HANDLE_BYTES),
        secured_at=now,
        created_at=now,
    )
    try:
        with session.begin_nested():
            session.add(user)
            session.flush()
    except IntegrityError:
        taken = True
    else:
        taken = False
    if taken:  # raised out here, because the driver's exception quotes
        raise EmailTaken(field="email", email=email)
    return user


def by_email(session: Session, email: str) -> User | None:
    """Somebody by their address, however it is typed."""
    return session.scalars(select(User).where(User.email == email.strip().lower())).one_or_none()


def listing(session: Session) -> Sequence[User]:
    """Everybody, by name."""
    return session.scalars(select(User).order_by(User.disabled_at.is_not(None), func.lower(User.name), User.id)).all()


def owners(session: Session) -> Sequence[User]:
    """Every owner who can sign in."""
    wanted = select(User).where(User.role == Role.OWNER, User.disabled_at.is_(None))
    return session.scalars(wanted.order_by(User.id)).all()


def lock(session: Session, user_id: UUID) -> User | None:
    """Somebody, whom nobody else changes until the transaction ends."""
    return session.get(User, user_id, with_for_update=True, populate_existing=True)


def edit(user: User, **changes: Any) -> None:
    """Set name, language or zone; raises BadValue."""
    for field, value in changes.items():
        setattr(user, field, EDITABLE[field](value))


def change_role(session: Session, user: User, role: Role, manages: UUID | None, now: datetime) -> None:
    """Make somebody something else, which ends their sessions; raises LastOwner, BadValue."""
    manages = managed(role, manages)
    if (user.role, user.manages) == (role, manages):
        return
    if role is not Role.OWNER:
        _keep_an_owner(session, user)
    user.role, user.manages = role, manages
    secure(session, user, now)


def disable(session: Session, user: User, now: datetime) -> None:
    """Let somebody in no more, which ends their sessions; raises LastOwner."""
    _keep_an_owner(session, user)
    user.disabled_at = user.disabled_at or now
    secure(session, user, now)


def enable(user: User) -> None:
    """Let them in again."""
    user.disabled_at = None


def set_password(session: Session, user: User, password: SecretStr, now: datetime, *, field: str = "password") -> None:
    """Give somebody a new password, which ends their sessions; raises WeakPassword."""
    passwords.check(password, field=field, about=(user.email, user.name))
    user.password_hash = passwords.hashed(password)
    secure(session, user, now)


def reset_factors(session: Session, user: User, now: datetime) -> None:
    """Take every second factor away, for somebody who lost theirs; ends their sessions."""
    user.totp, user.totp_counter, user.recovery = None, None, []
    session.execute(delete(Passkey).where(Passkey.user_id == user.id))
    secure(session, user, now)


def secure(session: Session, user: User, now: datetime) -> None:
    """End whatever was begun as what they were: sessions, half a sign-in, a new password asked for by mail."""
    user.secured_at = now
    session.execute(delete(UserSession).where(UserSession.user_id == user.id))
    session.execute(delete(PasswordReset).where(PasswordReset.user_id == user.id))
    session.flush()


def managed(role: Role, manages: UUID | None) -> UUID | None:
    """A manager has an organization, and nobody else has; raises BadValue."""
    if (role is Role.MANAGER) != (manages is not None):
        raise BadValue(field="organization", name="organization", value="–" if manages is None else str(manages))
    return manages


def _keep_an_owner(session: Session, user: User) -> None:
    if user.role is not Role.OWNER or user.disabled_at is not None:
        return
    session.execute(OWNERS)
    others = select(func.count()).where(User.role == Role.OWNER, User.disabled_at.is_(None), User.id != user.id)
    if not session.scalar(others):
        raise LastOwner(field="role")


#: What people may set of themselves, and what each has to be.
EDITABLE: Final[dict[str, Any]] = {
    "name": lambda value: names.text(value, "name", 100),
    "locale": names.locale,
    "timezone": names.timezone,
}
