"""Tables of what happened: uploads, their attempts, the audit log, its receipts, who works, and calls that count."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, choice, utcnow
from app.records.states import State
from app.tenants import models as tenants  # its tables are referred to below
from app.tenants import user_models as people  # as are these

__all__ = [
    "Attempt",
    "AuditEntry",
    "Breaker",
    "CertificateMail",
    "CertificateNotice",
    "ChainHead",
    "Copy",
    "IdempotencyKey",
    "OutcomeMail",
    "Process",
    "Promise",
    "Receipt",
    "Resumable",
    "SigningKey",
    "Slot",
    "Tally",
    "TallyMark",
    "Upload",
    "WebhookDelivery",
    "people",
    "tenants",
]


class ResumableKind(StrEnum):
    """What a file that arrives in pieces is to become."""

    WHOLE = "whole"
    PART = "part"
    JOINED = "joined"


class Upload(Base):
    """One hand-in and its whole history."""

    __tablename__ = "uploads"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        ForeignKeyConstraint(["organization_id", "connection_id"], ["connections.organization_id", "connections.id"]),
        ForeignKeyConstraint(["organization_id", "form_id"], ["forms.organization_id", "forms.id"]),
        ForeignKeyConstraint(["organization_id", "link_id"], ["links.organization_id", "links.id"]),
        Index("ix_uploads_organization_id_created_at", "organization_id", "created_at"),
        Index("ix_uploads_connection_id_created_at", "connection_id", "created_at"),
        Index("ix_uploads_created_at_id", "created_at", "id"),
        Index("ix_uploads_updated_at", "updated_at"),
        Index("ix_uploads_state_created_at", "state", "created_at"),
        Index("ix_uploads_operation_created_at", "operation", "created_at"),
        Index("ix_uploads_problem", "problem", "created_at", postgresql_where=text("problem IS NOT NULL")),
        Index("ix_uploads_form_id", "form_id", "created_at", postgresql_where=text("form_id IS NOT NULL")),
        Index("ix_uploads_link_id", "link_id", "created_at", postgresql_where=text("link_id IS NOT NULL")),
        Index(
            "ix_uploads_terms", text("ventanilla_terms(parts, facts, reference, external_id)"), postgresql_using="gin"
        ),
        Index(
            "ix_uploads_not_after",
            text("(facts ->> 'not_after')"),
            postgresql_where=text("facts ->> 'not_after' IS NOT NULL AND state = 'delivered'"),
        ),
        Index(
            "ix_uploads_external_id",
            "organization_id",
            "external_id",
            postgresql_where=text("external_id IS NOT NULL"),
        ),
        Index("ix_uploads_moving", "process_id", postgresql_where=text("state IN ('receiving', 'delivering')")),
        Index("ix_uploads_waiting", "organization_id", "due_at", postgresql_where=text("state = 'waiting'")),
        Index(
            "ix_uploads_unknown",
            "connection_id",
            "updated_at",
            postgresql_where=text("state = 'unknown' AND api_token_id IS NOT NULL"),
        ),
        Index(
            "ix_uploads_certificates",
            "organization_id",
            "connection_id",
            "operation",
            "created_at",
            "id",
            postgresql_where=text("facts ->> 'not_after' IS NOT NULL"),
        ),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    connection_id: Mapped[UUID]
    form_id: Mapped[UUID | None] = mapped_column(default=None)
    link_id: Mapped[UUID | None] = mapped_column(default=None)
    api_token_id: Mapped[UUID | None] = mapped_column(ForeignKey("api_tokens.id"), default=None)
    #: The process that has it in hand; if that one dies while it is received or delivered, it is an orphan.
    process_id: Mapped[UUID]
    operation: Mapped[str] = mapped_column(String(60))
    mode: Mapped[str] = mapped_column(String(10))
    state: Mapped[State] = mapped_column(choice(State))
    provider_status: Mapped[str | None] = mapped_column(String(12), default=None)
    #: Slug of what went wrong, with the values for its message (dates as ISO text); the provider's own words beside it,
    #: cleaned.
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
    #: While it waits: when somebody may take it up again, how often in a row nothing came of that, and when it has
    #: waited for long enough.
    due_at: Mapped[datetime | None] = mapped_column(default=None)
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    deadline_at: Mapped[datetime | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow)


class Copy(Base):
    """The bytes of an upload in the spool: whole as soon as there is this row, and gone with it."""

    __tablename__ = "copies"
    __table_args__ = (
        UniqueConstraint("upload_id"),
        ForeignKeyConstraint(["organization_id", "upload_id"], ["uploads.organization_id", "uploads.id"]),
        Index("ix_copies_keep_until", "keep_until"),
        Index("ix_copies_organization_id", "organization_id"),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    upload_id: Mapped[UUID]
    #: Objects that it consists of, numbered from 0.
    segments: Mapped[int] = mapped_column(default=1)
    #: Bytes of the file, and bytes that its encrypted segments take up.
    size: Mapped[int] = mapped_column(BigInteger)
    stored: Mapped[int] = mapped_column(BigInteger)
    #: What another attempt needs beside the bytes: fields and content type, as JSON under the organization's data key.
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    #: When it is deleted although it was not delivered, or although it was; without a date it is still needed.
    keep_until: Mapped[datetime | None] = mapped_column(default=None)


class Promise(Base):
    """Room in the spool for a copy that is being written, until its own row says what it takes up."""

    __tablename__ = "spool_promises"
    __table_args__ = (UniqueConstraint("organization_id", "copy_id"),)

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    copy_id: Mapped[UUID]
    #: Who writes it; if that one dies, nothing is promised any more.
    process_id: Mapped[UUID]
    bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class OutcomeMail(Base):
    """A mail that somebody wants once an upload has ended; gone with the address when it was sent."""

    __tablename__ = "outcome_mails"
    __table_args__ = (
        UniqueConstraint("upload_id"),
        ForeignKeyConstraint(["organization_id", "upload_id"], ["uploads.organization_id", "uploads.id"]),
        Index("ix_outcome_mails_due_at", "due_at"),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    upload_id: Mapped[UUID]
    #: The address, under the organization's data key.
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    locale: Mapped[str] = mapped_column(String(2))
    #: How often it was tried to send it, and when that may be done next.
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    due_at: Mapped[datetime] = mapped_column(default=utcnow)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class CertificateNotice(Base):
    """That a certificate has at most so many days left, told once; with the link by which the next one is handed in."""

    __tablename__ = "certificate_notices"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("upload_id", "days"),
        ForeignKeyConstraint(["organization_id", "upload_id"], ["uploads.organization_id", "uploads.id"]),
        ForeignKeyConstraint(["organization_id", "link_id"], ["links.organization_id", "links.id"]),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    #: What the certificate was delivered by.
    upload_id: Mapped[UUID]
    days: Mapped[int]
    #: None where no form was open for it.
    link_id: Mapped[UUID | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class CertificateMail(Base):
    """A mail that brings such a notice to somebody; gone when it was sent. Where to is looked up as it is sent."""

    __tablename__ = "certificate_mails"
    __table_args__ = (
        UniqueConstraint("notice_id", "user_id", postgresql_nulls_not_distinct=True),
        ForeignKeyConstraint(
            ["organization_id", "notice_id"], ["certificate_notices.organization_id", "certificate_notices.id"]
        ),
        Index("ix_certificate_mails_due_at", "due_at"),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    notice_id: Mapped[UUID]
    #: None: the organization itself, at its own address.
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), default=None)
    #: How often it was tried to send it, and when that may be done next.
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    due_at: Mapped[datetime] = mapped_column(default=utcnow)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class IdempotencyKey(Base):
    """A key by which a service says that several requests are one; written with the upload that it stands for."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        UniqueConstraint("organization_id", "api_token_id", "key_hash"),
        ForeignKeyConstraint(["organization_id", "upload_id"], ["uploads.organization_id", "uploads.id"]),
        Index("ix_idempotency_keys_expires_at", "expires_at"),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    api_token_id: Mapped[UUID] = mapped_column(ForeignKey("api_tokens.id"))
    key_hash: Mapped[bytes] = mapped_column(LargeBinary)
    #: Of method, path, and all that came with it but the files' bytes, whose hashes are the upload's; keyed, because
    #: passwords are among it.
    said: Mapped[bytes] = mapped_column(LargeBinary)
    upload_id: Mapped[UUID]
    #: What was answered, where that is answered again: status, headers and body.
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True), default=None)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    expires_at: Mapped[datetime]


class Resumable(Base):
    """A file that arrives in pieces, through whichever node, until it is whole and becomes an upload's copy."""

    __tablename__ = "resumables"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id", "connection_id"], ["connections.organization_id", "connections.id"]),
        ForeignKeyConstraint(["organization_id", "form_id"], ["forms.organization_id", "forms.id"]),
        ForeignKeyConstraint(["organization_id", "link_id"], ["links.organization_id", "links.id"]),
        CheckConstraint("received BETWEEN 0 AND coalesce(length, received)", name="received"),
        Index("ix_resumables_expires_at", "expires_at"),
        Index("ix_resumables_organization_id", "organization_id"),
        Index("ix_resumables_objects", "objects", postgresql_using="gin"),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    #: None for what is only a part of another.
    connection_id: Mapped[UUID | None] = mapped_column(default=None)
    form_id: Mapped[UUID | None] = mapped_column(default=None)
    link_id: Mapped[UUID | None] = mapped_column(default=None)
    api_token_id: Mapped[UUID | None] = mapped_column(ForeignKey("api_tokens.id"), default=None)
    kind: Mapped[ResumableKind] = mapped_column(choice(ResumableKind))
    #: Of what its address ends with.
    key_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    #: What it is for and what was said with it, as JSON under the organization's data key.
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    #: In bytes: in all, None as long as nobody said; and safe in the spool.
    length: Mapped[int | None] = mapped_column(BigInteger, default=None)
    received: Mapped[int] = mapped_column(BigInteger, default=0)
    #: Copies in the spool that it consists of, in order, and how much of each counts; `objects` are their ids.
    parts: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    objects: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), default=list)
    #: Who writes at the moment; when somebody else asked for its place, and when it last said that it is still there.
    lock: Mapped[UUID | None] = mapped_column(default=None, index=True)
    wanted_at: Mapped[datetime | None] = mapped_column(default=None)
    answered_at: Mapped[datetime | None] = mapped_column(default=None)
    #: The upload that it became, and the whole that this part became a part of.
    upload_id: Mapped[UUID | None] = mapped_column(default=None)
    whole_id: Mapped[UUID | None] = mapped_column(default=None)
    #: Why it became nothing: a problem's slug, status and values.
    refused: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True), default=None)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    expires_at: Mapped[datetime]


class Attempt(Base):
    """One try to deliver an upload."""

    __tablename__ = "attempts"
    __table_args__ = (
        UniqueConstraint("upload_id", "number"),
        ForeignKeyConstraint(["organization_id", "upload_id"], ["uploads.organization_id", "uploads.id"]),
        Index("ix_attempts_started_at", "started_at"),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    upload_id: Mapped[UUID]
    number: Mapped[int]
    #: The process it ran in.
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
    __table_args__ = (
        Index("ix_audit_entries_organization_id_at", "organization_id", "at"),
        Index("ix_audit_entries_at_id", "at", "id"),
        Index("ix_audit_entries_subject", "subject_type", "subject_id"),
        Index("ix_audit_entries_unsealed", "organization_id", postgresql_where=text("number IS NULL")),
        Index(
            "uq_audit_entries_number",
            "organization_id",
            "number",
            unique=True,
            postgresql_where=text("number IS NOT NULL"),
            postgresql_nulls_not_distinct=True,
        ),
    )

    organization_id: Mapped[UUID | None] = mapped_column(ForeignKey("organizations.id"))
    at: Mapped[datetime] = mapped_column(default=utcnow)
    actor: Mapped[str] = mapped_column(String(100))
    action: Mapped[str] = mapped_column(String(60))
    subject_type: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[UUID]
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    #: Its place in the chain, the hash of the entry before, and the signature of all that; written by the sealing job
    #: alone, and empty until then.
    number: Mapped[int | None] = mapped_column(BigInteger, default=None)
    previous: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)
    signature: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)
    key_id: Mapped[UUID | None] = mapped_column(ForeignKey("signing_keys.id"), default=None)


class Receipt(Base):
    """The signed proof that an upload was delivered; never changed."""

    __tablename__ = "receipts"
    __table_args__ = (
        UniqueConstraint("organization_id", "number"),
        UniqueConstraint("upload_id"),
        ForeignKeyConstraint(["organization_id", "upload_id"], ["uploads.organization_id", "uploads.id"]),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    #: Its place in the organization's chain, from 1.
    number: Mapped[int] = mapped_column(BigInteger)
    upload_id: Mapped[UUID]
    #: What is signed, to the letter: canonical JSON (RFC 8785). It holds the hash of the one before.
    body: Mapped[str] = mapped_column(Text)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    signature: Mapped[bytes] = mapped_column(LargeBinary)
    key_id: Mapped[UUID] = mapped_column(ForeignKey("signing_keys.id"))


class ChainHead(Base):
    """Where a chain ends, signed too: what is missing behind it is noticed."""

    __tablename__ = "chain_heads"
    __table_args__ = (UniqueConstraint("organization_id", "chain", postgresql_nulls_not_distinct=True),)

    #: None: the house's.
    organization_id: Mapped[UUID | None] = mapped_column(ForeignKey("organizations.id"))
    #: `audit` or `receipts`.
    chain: Mapped[str] = mapped_column(String(10))
    number: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    signature: Mapped[bytes] = mapped_column(LargeBinary)
    key_id: Mapped[UUID] = mapped_column(ForeignKey("signing_keys.id"))
    sealed_at: Mapped[datetime]


class SigningKey(Base):
    """An Ed25519 key of the gateway. One signs at a time; what those before it signed stays good."""

    __tablename__ = "signing_keys"

    #: Its thumbprint (RFC 7638): a name that nobody can give another key.
    kid: Mapped[str] = mapped_column(String(43), unique=True)
    public: Mapped[bytes] = mapped_column(LargeBinary)
    #: The private part under the vault's master keyset.
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    retired_at: Mapped[datetime | None] = mapped_column(default=None)


class Process(Base):
    """A running gateway process; its heartbeat tells whether its attempts still have an owner."""

    __tablename__ = "processes"

    kind: Mapped[str] = mapped_column(String(10))
    #: The machine that it runs on, as that calls itself.
    node: Mapped[str] = mapped_column(String(100), default="", server_default="")
    #: Numbers of the master keys that it knows, the one that encrypts first; empty where it does not say.
    vault_keys: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), default=list, server_default="{}")
    started_at: Mapped[datetime] = mapped_column(default=utcnow)
    beat_at: Mapped[datetime] = mapped_column(default=utcnow)


class Slot(Base):
    """Room for one request within a limit that a provider states: whoever takes it has it until `free_at`.

    Of no organization: the house's credential is many's, and its limit is one.
    """

    __tablename__ = "slots"
    __table_args__ = (UniqueConstraint("key", "number"), Index("ix_slots_key_free_at", "key", "free_at"))

    #: A hash of whose limit it is and which; says nothing about the credential.
    key: Mapped[bytes] = mapped_column(LargeBinary)
    number: Mapped[int]
    free_at: Mapped[datetime]


class Breaker(Base):
    """Lets the provider of a connection be that fails; without a row, it does not."""

    __tablename__ = "breakers"
    __table_args__ = (
        UniqueConstraint("connection_id"),
        ForeignKeyConstraint(["organization_id", "connection_id"], ["connections.organization_id", "connections.id"]),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    connection_id: Mapped[UUID]
    #: In a row.
    failures: Mapped[int] = mapped_column(default=0)
    #: How often it opened since the provider last answered well.
    openings: Mapped[int] = mapped_column(default=0)
    #: Nothing is sent before then; what is sent first after it is a probe, and alone.
    open_until: Mapped[datetime | None] = mapped_column(default=None)
    probing: Mapped[bool] = mapped_column(default=False)


class WebhookDelivery(Base):
    """What an endpoint is to be told: one entry of the audit log, until it has arrived or was tried for long enough."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("endpoint_id", "event_id"),
        ForeignKeyConstraint(
            ["organization_id", "endpoint_id"], ["webhook_endpoints.organization_id", "webhook_endpoints.id"]
        ),
        Index("ix_webhook_deliveries_due", "endpoint_id", "due_at", postgresql_where=text("ended_at IS NULL")),
        Index("ix_webhook_deliveries_ended_at", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
    )

    #: Whose endpoint it is for; None: the house's.
    organization_id: Mapped[UUID | None] = mapped_column(ForeignKey("organizations.id"))
    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_endpoints.id"))
    #: Whose audit log tells of it; None: the house's.
    about_id: Mapped[UUID | None] = mapped_column(ForeignKey("organizations.id"))
    #: That log's entry: by this id a receiver knows what it had before.
    event_id: Mapped[UUID]
    event: Mapped[str] = mapped_column(String(40))
    #: What is sent, to the letter; written before it is sent for the first time.
    body: Mapped[str | None] = mapped_column(Text, default=None)
    #: How often it was tried, when that may be done next, and when it was tried for long enough.
    tries: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]
    deadline_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    arrived: Mapped[bool] = mapped_column(default=False)
    #: What the last try came to: a status, or why there was none.
    answer: Mapped[str | None] = mapped_column(String(20), default=None)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class Tally(Base):
    """What was handed in and tried in one hour, by operation; without organization, of all of them together."""

    __tablename__ = "tallies"
    __table_args__ = (UniqueConstraint("organization_id", "hour", "operation", postgresql_nulls_not_distinct=True),)

    organization_id: Mapped[UUID | None] = mapped_column(ForeignKey("organizations.id"))
    #: When it begins; in UTC.
    hour: Mapped[datetime]
    operation: Mapped[str] = mapped_column(String(60))
    #: How many uploads came to each state by now, and how large their files are together.
    states: Mapped[dict[str, Any]]
    bytes: Mapped[int] = mapped_column(BigInteger)
    #: How many attempts the provider answered within so long, by fourths of powers of two of milliseconds.
    answers: Mapped[dict[str, Any]]
    #: How many attempts came to nothing, by the problem's slug.
    problems: Mapped[dict[str, Any]]


class TallyMark(Base):
    """Until when what changed is counted; one row."""

    __tablename__ = "tally_marks"

    until: Mapped[datetime]
