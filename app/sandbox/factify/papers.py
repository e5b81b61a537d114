"""Documents and their versions: what is known of them, who may do what with them, and what happened to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from app.sandbox.factify.ids import new_id
from app.sandbox.factify.moments import iso
from app.sandbox.factify.people import User

#: From the least to the most.
ROLES: Final = ("viewer", "commenter", "collaborator", "admin", "owner")
#: The least role that has each permission.
PERMISSIONS: Final = {
    "open": "viewer",
    "view": "viewer",
    "export": "viewer",
    "copy_content": "viewer",
    "screenshot": "viewer",
    "list_versions": "viewer",
    "view_timeline": "viewer",
    "comment_public": "commenter",
    "comment_private": "commenter",
    "create_version": "collaborator",
    "attach_policy": "admin",
    "grant_access": "admin",
    "manage_access": "admin",
    "view_analytics": "admin",
    "view_leads": "admin",
    "trash": "owner",
}
#: The role that an access request asks for.
REQUESTED: Final = {"view": "viewer", "comment": "commenter", "edit": "collaborator"}
#: How sharing calls the levels of access.
GENERAL_ACCESS: Final = {"private": "restricted", "organization": "organization", "public": "anyone_with_link"}

_EVENT: Final = "TIMELINE_EVENT_TYPE_"


def permissions(role: str | None) -> dict[str, bool]:
    """What that role may do; nothing without one."""
    rank = -1 if role is None else ROLES.index(role)
    return {name: rank >= ROLES.index(least) for name, least in PERMISSIONS.items()}


@dataclass(slots=True, kw_only=True)
class Version:
    """One version: a file, and how far its processing is."""

    id: str
    document_id: str
    created_at: datetime
    created_by: User
    size: int
    sha256: str
    #: Under which name the store has the file; it has none of a large one.
    stored: str
    #: What processing comes to, and when; None: not until somebody says so.
    result: str
    ends_at: datetime | None
    title: str | None = None
    description: str | None = None

    def status(self, now: datetime) -> str:
        return self.result if self.ends_at is not None and now >= self.ends_at else "processing"

    def shown(self, now: datetime) -> dict[str, Any]:
        shown = {
            "id": self.id,
            "document_id": self.document_id,
            "url": f"https://d.factify.com/doc/{self.document_id}/{self.id}",
            "created_at": iso(self.created_at),
            "created_by": self.created_by.subject(),
            "processing_status": self.status(now),
        }
        given = {"title": self.title, "description": self.description}
        return shown | {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Somebody's, or an organization's, share in a document."""

    role: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that somebody did to a document."""

    id: str
    kind: str
    at: datetime
    user_id: str

    def shown(self) -> dict[str, Any]:
        return {"event_id": self.id, "event_type": _EVENT + self.kind, "occurred_at": iso(self.at)}


@dataclass(slots=True, kw_only=True)
class AccessRequest:
    """Somebody asks to be let in."""

    document_id: str
    user: User
    permission: str
    created_at: datetime
    updated_at: datetime
    message: str | None = None
    status: str = "pending"
    id: str = field(default_factory=lambda: new_id("acr"))

    def shown(self) -> dict[str, Any]:
        shown = {
            "id": self.id,
            "document_id": self.document_id,
            "permission": self.permission,
            "request_status": self.status,
            "subject": self.user.subject(),
            "subject_email": self.user.email,
            "created_at": iso(self.created_at),
            "updated_at": iso(self.updated_at),
        }
        return shown if self.message is None else shown | {"message": self.message}


@dataclass(slots=True, kw_only=True)
class Document:
    """A document. Its file is that of its newest version."""

    id: str
    title: str
    access_level: str
    created_at: datetime
    updated_at: datetime
    created_by: User
    owner_id: str
    organization_id: str | None
    description: str | None = None
    trashed_at: datetime | None = None
    #: Oldest first.
    versions: list[Version] = field(default_factory=list)
    #: By the id of who has them.
    grants: dict[str, Grant] = field(default_factory=dict)
    #: When each policy was attached, by its id.
    policies: dict[str, datetime] = field(default_factory=dict)
    requests: dict[str, AccessRequest] = field(default_factory=dict)
    #: Oldest first.
    events: list[Event] = field(default_factory=list)

    @property
    def current(self) -> Version:
        return self.versions[-1]

    def note(self, kind: str, user: User, now: datetime) -> None:
        """Write in its timeline what was done, by its type in the vendor's list."""
        self.events.append(Event(id=new_id("evt"), kind=kind, at=now, user_id=user.id))

    def shared_at(self, user: User) -> datetime | None:
        grant = self.grants.get(user.id)
        return grant.at if grant else None

    def shown(self, user: User, role: str | None, now: datetime) -> dict[str, Any]:
        """As that user, who has that role, sees it."""
        shared = self.shared_at(user)
        optional = {
            "description": self.description,
            "owner_organization_id": self.organization_id,
            "shared_at": iso(shared) if shared else None,
            "trashed_at": iso(self.trashed_at) if self.trashed_at else None,
        }
        return {
            "id": self.id,
            "title": self.title,
            "url": f"https://d.factify.com/doc/{self.id}",
            "access_level": self.access_level,
            "general_access": self.access_level,
            "created_at": iso(self.created_at),
            "updated_at": iso(self.updated_at),
            "created_by": self.created_by.subject(),
            "processing_status": self.current.status(now),
            "current_version": {"id": self.current.id},
            "permission_set": permissions(role),
            **{name: value for name, value in optional.items() if value is not None},
        }
