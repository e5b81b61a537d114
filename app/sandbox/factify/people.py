"""Who there is: users, the organizations that they belong to, and invitations to them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from app.sandbox.factify.ids import new_id
from app.sandbox.factify.moments import iso

INVITE_LASTS: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person."""

    id: str
    email: str
    name: str

    def shown(self) -> dict[str, Any]:
        return {"id": self.id, "email": self.email, "name": self.name}

    def subject(self) -> dict[str, Any]:
        """The same as the author of something."""
        return {"id": self.id, "name": self.name, "type": "user"}


@dataclass(slots=True, kw_only=True)
class Member:
    """A user in an organization."""

    user: User
    role: str
    joined_at: datetime

    def shown(self) -> dict[str, Any]:
        return {"user": self.user.shown(), "role": self.role, "joined_at": iso(self.joined_at)}


@dataclass(slots=True, kw_only=True)
class Invite:
    """An invitation. Whoever has its token, which is mailed, and that address may come in."""

    organization_id: str
    email: str
    sender: User
    created_at: datetime
    expires_at: datetime
    message: str | None = None
    id: str = field(default_factory=lambda: new_id("inv"))
    token: str = field(default_factory=secrets.token_urlsafe)
    revoked: bool = False
    accepted_at: datetime | None = None
    accepted_by: User | None = None

    def status(self, now: datetime) -> str:
        if self.accepted_at is not None:
            return "accepted"
        if self.revoked:
            return "revoked"
        return "pending" if now < self.expires_at else "expired"

    def renew(self, now: datetime) -> None:
        """Mail another token, which lasts as long as the first; that one dies."""
        self.token, self.expires_at = secrets.token_urlsafe(), now + INVITE_LASTS

    def shown(self, now: datetime) -> dict[str, Any]:
        shown = {
            "id": self.id,
            "email": self.email,
            "organization_id": self.organization_id,
            "sender": self.sender.shown(),
            "status": self.status(now),
            "created_at": iso(self.created_at),
            "expires_at": iso(self.expires_at),
        }
        if self.message is not None:
            shown["message"] = self.message
        if self.accepted_at is not None and self.accepted_by is not None:
            shown |= {"accepted_at": iso(self.accepted_at), "accepted_by": self.accepted_by.shown()}
        return shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A rule that an organization can attach to its documents."""

    id: str
    name: str
    created_at: datetime

    def shown(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "created_at": iso(self.created_at)}


@dataclass(slots=True, kw_only=True)
class Organization:
    """An organization with everything that belongs to it but its documents."""

    id: str
    name: str
    created_at: datetime
    #: Documents that it may have; 0: any number.
    document_quota: int
    members: dict[str, Member] = field(default_factory=dict)
    invites: dict[str, Invite] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)

    def join(self, user: User, role: str, now: datetime) -> Member:
        self.members[user.id] = Member(user=user, role=role, joined_at=now)
        return self.members[user.id]

    def is_run_by(self, user: User) -> bool:
        """Whether the user may change it, its members and its keys."""
        member = self.members.get(user.id)
        return member is not None and member.role in {"owner", "admin"}

    def shown(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "created_at": iso(self.created_at)}
