"""Tables of the people who run the counter. They are the house's: an organization's transaction sees nobody of them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, choice, utcnow
from app.tenants.roles import Role

#: A manager has an organization, and nobody else has.
OF_A_MANAGER = "(role = 'manager') = (manages IS NOT NULL)"


class User(Base):
    """Somebody who signs in; never deleted, because what they did stays theirs."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("locale IN ('es', 'en')", name="locale"),
        CheckConstraint("email = lower(email)", name="email"),
        CheckConstraint(OF_A_MANAGER, name="manages"),
    )

    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[Role] = mapped_column(choice(Role))
    #: The organization that a manager runs.
    manages: Mapped[UUID | None] = mapped_column(ForeignKey("organizations.id"), index=True, default=None)
    locale: Mapped[str] = mapped_column(String(2), default="es")
    timezone: Mapped[str] = mapped_column(String(64), default="America/Mexico_City")
    password_hash: Mapped[str] = mapped_column(String(255))
    #: What their authenticator's codes are made from, sealed; and which of its codes was the last that was taken.
    totp: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)
    totp_counter: Mapped[int | None] = mapped_column(BigInteger, default=None)
    #: Hashes of the recovery codes that were not used yet.
    recovery: Mapped[list[bytes]] = mapped_column(ARRAY(LargeBinary), default=list, server_default="{}")
    #: By which a passkey knows whose it is; says nothing of them.
    handle: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    #: What was begun before this, password or factor, is not gone on with.
    secured_at: Mapped[datetime] = mapped_column(default=utcnow)
    signed_in_at: Mapped[datetime | None] = mapped_column(default=None)
    disabled_at: Mapped[datetime | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class Passkey(Base):
    """A key of somebody's device, known here by its public half."""

    __tablename__ = "passkeys"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    credential_id: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    #: How often it has signed, where it counts; one that goes back is a copy.
    signatures: Mapped[int] = mapped_column(BigInteger, default=0)
    transports: Mapped[list[str]] = mapped_column(ARRAY(String(20)), default=list)
    used_at: Mapped[datetime | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class UserSession(Base):
    """A browser that somebody is signed in with. Ended, it is gone; that it was there the audit log says."""

    __tablename__ = "user_sessions"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    #: What it says that it is, and where it was seen last.
    device: Mapped[str] = mapped_column(String(200))
    address: Mapped[str] = mapped_column(String(45))
    begun_at: Mapped[datetime]
    #: To the minute.
    seen_at: Mapped[datetime]
    #: When somebody last showed a password or a factor.
    proven_at: Mapped[datetime]
    ends_at: Mapped[datetime]


class Invitation(Base):
    """A way in for somebody new: once, until it expires or is withdrawn."""

    __tablename__ = "invitations"
    __table_args__ = (
        CheckConstraint("locale IN ('es', 'en')", name="locale"),
        CheckConstraint(OF_A_MANAGER, name="manages"),
    )

    email: Mapped[str] = mapped_column(String(254), index=True)
    role: Mapped[Role] = mapped_column(choice(Role))
    manages: Mapped[UUID | None] = mapped_column(ForeignKey("organizations.id"), index=True, default=None)
    locale: Mapped[str] = mapped_column(String(2), default="es")
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    #: Who invited, as the audit log names them.
    invited_by: Mapped[str] = mapped_column(String(80))
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None] = mapped_column(default=None)
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class PasswordReset(Base):
    """A way to a new password, mailed to somebody who asked for one; used or replaced, it is gone."""

    __tablename__ = "password_resets"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), unique=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    expires_at: Mapped[datetime]


class SignInTry(Base):
    """How often something was tried since when: an account from an address, an address, a known browser."""

    __tablename__ = "sign_in_tries"

    #: Hash of what is counted; whom it names cannot be read from it.
    key: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    tries: Mapped[int]
    since: Mapped[datetime] = mapped_column(index=True)
