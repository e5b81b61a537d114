"""Tables of what happened: uploads, their attempts, the audit log, and the processes that were at work."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, utcnow
from app.records.states import State


class Upload(Base):
    """One hand-in and its whole history."""

    __tablename__ = "uploads"
    __table_args__ = (Index("ix_uploads_organization_id_created_at", "organization_id", "created_at"),)

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    connection_id: Mapped[UUID] = mapped_column(ForeignKey("connections.id"))
    form_id: Mapped[UUID | None] = mapped_column(ForeignKey("forms.id"), default=None)
    link_id: Mapped[UUID | None] = mapped_column(ForeignKey("links.id"), default=None)
    api_token_id: Mapped[UUID | None] = mapped_column(ForeignKey("api_tokens.id"), default=None)
    operation: Mapped[str] = mapped_column(String(60))
    mode: Mapped[str] = mapped_column(String(10))
    state: Mapped[State] = mapped_column(String(12), index=True)
    provider_status: Mapped[str | None] = mapped_column(String(12), default=None)
    #: Slug of what went wrong, with the values for its message; the provider's own words beside it, cleaned.
    problem: Mapped[str | None] = mapped_column(String(60), default=None)
    problem_params: Mapped[dict[str, Any]] = mapped_column(default=dict)
    provider_message: Mapped[str | None] = mapped_column(Text, default=None)
    #: The provider's id of what was delivered.
    reference: Mapped[str | None] = mapped_column(String(200), default=None)
    #: Name, file name, size and SHA-256 of each file part.
    parts: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    #: What is worth showing of what was delivered (a certificate's RFC, number and end).
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    external_id: Mapped[str | None] = mapped_column(String(200), default=None)
    caller_metadata: Mapped[dict[str, Any]] = mapped_column("metadata", default=dict)
    notice_version: Mapped[str | None] = mapped_column(String(40), default=None)
    locale: Mapped[str | None] = mapped_column(String(2), default=None)
    #: Of the token that the outcome page's address ends with.
    outcome_hash: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True, default=None)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow)


class Attempt(Base):
    """One try to deliver an upload."""

    __tablename__ = "attempts"
    __table_args__ = (
        UniqueConstraint("upload_id", "number"),
        Index("ix_attempts_unended", "process_id", postgresql_where="ended_at IS NULL"),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), index=True)
    upload_id: Mapped[UUID] = mapped_column(ForeignKey("uploads.id"))
    number: Mapped[int]
    #: The process it runs in; when that one is dead and nothing ended the attempt, the sweeper does.
    process_id: Mapped[UUID]
    started_at: Mapped[datetime]
    #: The mark: from here on the provider may have the whole file.
    completing_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    outcome: Mapped[str | None] = mapped_column(String(20), default=None)
    problem: Mapped[str | None] = mapped_column(String(60), default=None)
    provider_http_status: Mapped[int | None] = mapped_column(default=None)
    provider_code: Mapped[str | None] = mapped_column(String(80), default=None)
    provider_message: Mapped[str | None] = mapped_column(Text, default=None)
    provider_log_id: Mapped[str | None] = mapped_column(String(80), default=None)
    #: What the provider held before, so that a later look can tell whether this attempt changed it.
    baseline: Mapped[dict[str, Any]] = mapped_column(default=dict)


class AuditEntry(Base):
    """Who did what to what, when; only ever added to."""

    __tablename__ = "audit_entries"
    __table_args__ = (Index("ix_audit_entries_subject", "subject_type", "subject_id"),)

    organization_id: Mapped[UUID | None] = mapped_column(ForeignKey("organizations.id"), index=True)
    at: Mapped[datetime] = mapped_column(default=utcnow)
    actor: Mapped[str] = mapped_column(String(100))
    action: Mapped[str] = mapped_column(String(60))
    subject_type: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[UUID]
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Process(Base):
    """A running gateway process; its heartbeat tells whether its attempts still have an owner."""

    __tablename__ = "processes"

    kind: Mapped[str] = mapped_column(String(10))
    started_at: Mapped[datetime] = mapped_column(default=utcnow)
    beat_at: Mapped[datetime] = mapped_column(default=utcnow)
