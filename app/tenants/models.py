"""Tables of the tenants: who hands in for whom, through what, and with which key.

References between rows of organizations carry the organization: the database itself refuses a form on another
organization's connection. Row-level security does not, for foreign keys are checked without it.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import CIDR
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, choice, utcnow

Network = IPv4Network | IPv6Network


class Environment(StrEnum):
    """Which of a provider's worlds a connection speaks to."""

    LIVE = "live"
    TEST = "test"
    SANDBOX = "sandbox"


class Organization(Base):
    """A tenant."""

    __tablename__ = "organizations"
    __table_args__ = (
        CheckConstraint("locale IN ('es', 'en')", name="locale"),
        CheckConstraint("accent ~ '^#[0-9a-f]{6}$'", name="accent"),
        CheckConstraint("keep_delivered_days BETWEEN 0 AND 3650", name="keep_delivered_days"),
        CheckConstraint("deletes_at IS NULL OR suspended_at IS NOT NULL", name="deletes_at"),
        CheckConstraint("deleted_at IS NULL OR deletes_at IS NOT NULL", name="deleted_at"),
        Index(
            "ix_organizations_words",
            text("ventanilla_called(slug, name, rfc)"),
            postgresql_using="gin",
        ),
        Index(
            "ix_organizations_ending",
            "deletes_at",
            postgresql_where=text("deletes_at IS NOT NULL AND deleted_at IS NULL"),
        ),
    )

    slug: Mapped[str] = mapped_column(String(63), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    rfc: Mapped[str | None] = mapped_column(String(13), default=None)
    locale: Mapped[str] = mapped_column(String(2), default="es")
    timezone: Mapped[str] = mapped_column(String(64), default="America/Mexico_City")
    accent: Mapped[str] = mapped_column(String(7), default="#1f6f5c")
    #: Whom its customers ask.
    contact: Mapped[str | None] = mapped_column(String(200), default=None)
    #: The organization's privacy notice: where it is read and which version is in force.
    notice_url: Mapped[str | None] = mapped_column(String(500), default=None)
    notice_version: Mapped[str | None] = mapped_column(String(40), default=None)
    #: How long copies of what was delivered are kept.
    keep_delivered_days: Mapped[int] = mapped_column(default=0, server_default="0")
    suspended_at: Mapped[datetime | None] = mapped_column(default=None)
    #: When it is deleted, and when that was done: its secrets open no more, and nobody finds it by its slug, which
    #: stays taken.
    deletes_at: Mapped[datetime | None] = mapped_column(default=None)
    deleted_at: Mapped[datetime | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class Connection(Base):
    """An organization's settings and credential for one provider; without organization, a house connection."""

    __tablename__ = "connections"
    __table_args__ = (
        UniqueConstraint("organization_id", "name", postgresql_nulls_not_distinct=True),
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("id", "provider", "environment", "is_house", name="uq_connections_lender"),
        # What is borrowed is the house's, of the same provider and the same world.
        ForeignKeyConstraint(
            ["house_connection_id", "provider", "environment", "borrows"],
            ["connections.id", "connections.provider", "connections.environment", "connections.is_house"],
            name="fk_connections_lender",
        ),
        CheckConstraint("house_connection_id IS NULL OR organization_id IS NOT NULL", name="house_lends"),
        Index("ix_connections_paused_at", "paused_at", postgresql_where=text("paused_at IS NOT NULL")),
        Index(
            "ix_connections_credential_ends_at",
            "credential_ends_at",
            postgresql_where=text("credential_ends_at IS NOT NULL"),
        ),
    )

    organization_id: Mapped[UUID | None] = mapped_column(ForeignKey("organizations.id"))
    provider: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(63))
    environment: Mapped[Environment] = mapped_column(choice(Environment))
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    #: The house connection whose credential is used instead of one of its own.
    house_connection_id: Mapped[UUID | None] = mapped_column(default=None, index=True)
    is_house: Mapped[bool] = mapped_column(Computed("organization_id IS NULL", persisted=True))
    #: True or null, so that the reference to the lender can ask for a house connection.
    borrows: Mapped[bool | None] = mapped_column(
        Computed("CASE WHEN house_connection_id IS NOT NULL THEN true ELSE NULL::boolean END", persisted=True)
    )
    paused_at: Mapped[datetime | None] = mapped_column(default=None)
    paused_because: Mapped[str | None] = mapped_column(String(80), default=None)
    verified_at: Mapped[datetime | None] = mapped_column(default=None)
    #: When the credential ends by itself and nothing renews it, as far as that is known.
    credential_ends_at: Mapped[datetime | None] = mapped_column(default=None)
    #: When it is tried again by itself.
    next_check_at: Mapped[datetime | None] = mapped_column(default=None)
    #: Calls of the provider's API that are passed on although they have to be asked for (`app.passthrough`).
    opened_calls: Mapped[list[str]] = mapped_column(ARRAY(String(200)), default=list, server_default="{}")
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class DataKey(Base):
    """An organization's data key, wrapped by the master keyset; destroying it destroys what it encrypts."""

    __tablename__ = "data_keys"
    __table_args__ = (UniqueConstraint("organization_id", postgresql_nulls_not_distinct=True),)

    organization_id: Mapped[UUID | None] = mapped_column(ForeignKey("organizations.id"))
    #: Encrypts.
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)
    #: Makes fingerprints, which nobody without it can guess a secret by.
    wrapped_prints: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class Credential(Base):
    """One secret field of a connection, encrypted; fingerprint and last four characters are all that is shown."""

    __tablename__ = "credentials"
    __table_args__ = (
        UniqueConstraint("connection_id", "field"),
        ForeignKeyConstraint(["organization_id", "connection_id"], ["connections.organization_id", "connections.id"]),
    )

    organization_id: Mapped[UUID | None] = mapped_column(ForeignKey("organizations.id"), index=True)
    connection_id: Mapped[UUID] = mapped_column(ForeignKey("connections.id"))
    field: Mapped[str] = mapped_column(String(40))
    ciphertext: Mapped[bytes] = mapped_column(LargeBinary)
    fingerprint: Mapped[str] = mapped_column(String(16))
    #: Empty where the secret is so short that they would tell too much of it.
    last_four: Mapped[str] = mapped_column(String(4))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class Form(Base):
    """A published page for one operation of one connection."""

    __tablename__ = "forms"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        ForeignKeyConstraint(["organization_id", "connection_id"], ["connections.organization_id", "connections.id"]),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    connection_id: Mapped[UUID]
    operation: Mapped[str] = mapped_column(String(60))
    #: What its address ends with; says nothing about whose it is.
    public_id: Mapped[str] = mapped_column(String(22), unique=True)
    open: Mapped[bool] = mapped_column(default=True)
    #: Only a personal link leads in.
    link_only: Mapped[bool] = mapped_column(default=False)
    #: What it takes and presets (`app.checks.Policy`, and fields by name under `presets`), and its own words by
    #: language under `texts`; empty: as the operation is.
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class Link(Base):
    """A personal way into a form: it expires, is counted, and can be revoked."""

    __tablename__ = "links"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        ForeignKeyConstraint(["organization_id", "form_id"], ["forms.organization_id", "forms.id"]),
        CheckConstraint("uses BETWEEN 0 AND max_uses", name="uses_counted"),
        CheckConstraint("max_uses > 0", name="max_uses"),
        Index("ix_links_unused", "expires_at", postgresql_where=text("uses = 0 AND revoked_at IS NULL")),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    form_id: Mapped[UUID]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    expires_at: Mapped[datetime]
    max_uses: Mapped[int] = mapped_column(default=1)
    uses: Mapped[int] = mapped_column(default=0)
    #: When something was last handed in by it, whatever became of that.
    last_used_at: Mapped[datetime | None] = mapped_column(default=None)
    #: How often its page was asked for while it led in: by people, and by what looks at mail before they do.
    opened: Mapped[int] = mapped_column(default=0, server_default="0")
    first_opened_at: Mapped[datetime | None] = mapped_column(default=None)
    last_opened_at: Mapped[datetime | None] = mapped_column(default=None)
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)
    passphrase_hash: Mapped[str | None] = mapped_column(String(255), default=None)
    #: Tries at the passphrase since the last right one, or since it cooled off.
    tries: Mapped[int] = mapped_column(default=0)
    last_try_at: Mapped[datetime | None] = mapped_column(default=None)
    recipient: Mapped[str | None] = mapped_column(String(200), default=None)
    locale: Mapped[str | None] = mapped_column(String(2), default=None)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class ApiToken(Base):
    """A scoped gateway token, shown once and stored hashed; without organization, the house's."""

    __tablename__ = "api_tokens"

    organization_id: Mapped[UUID | None] = mapped_column(ForeignKey("organizations.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    last_four: Mapped[str] = mapped_column(String(4))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String(40)))
    #: From where it lets in; empty: from anywhere.
    networks: Mapped[list[Network]] = mapped_column(ARRAY(CIDR), default=list, server_default="{}")
    expires_at: Mapped[datetime | None] = mapped_column(default=None)
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)
    #: When another was made to take its place.
    rotated_at: Mapped[datetime | None] = mapped_column(default=None)
    #: When it last let somebody in, to the minute.
    last_used_at: Mapped[datetime | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class WebhookEndpoint(Base):
    """Where an organization's own services are told of what happens; without organization, the house's: of all."""

    __tablename__ = "webhook_endpoints"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        Index("ix_webhook_endpoints_disabled_at", "disabled_at", postgresql_where=text("disabled_at IS NOT NULL")),
    )

    organization_id: Mapped[UUID | None] = mapped_column(ForeignKey("organizations.id"))
    url: Mapped[str] = mapped_column(String(500))
    #: What it is told of; empty: of everything.
    events: Mapped[list[str]] = mapped_column(ARRAY(String(40)), default=list)
    #: Tries in a row that came to nothing, since when, and until when it is left in peace.
    failures: Mapped[int] = mapped_column(default=0)
    failing_since: Mapped[datetime | None] = mapped_column(default=None)
    quiet_until: Mapped[datetime | None] = mapped_column(default=None)
    #: Until when it is one worker's, and nobody else sends to it.
    held_until: Mapped[datetime | None] = mapped_column(default=None)
    #: When something last arrived.
    delivered_at: Mapped[datetime | None] = mapped_column(default=None)
    disabled_at: Mapped[datetime | None] = mapped_column(default=None)
    disabled_because: Mapped[str | None] = mapped_column(String(20), default=None)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class WebhookSecret(Base):
    """What an endpoint's webhooks are signed with, under its organization's data key."""

    __tablename__ = "webhook_secrets"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "endpoint_id"], ["webhook_endpoints.organization_id", "webhook_endpoints.id"]
        ),
        Index("ix_webhook_secrets_endpoint_id", "endpoint_id"),
    )

    organization_id: Mapped[UUID | None] = mapped_column(ForeignKey("organizations.id"))
    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_endpoints.id"))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    #: Of one that another has taken the place of: until when both sign.
    ends_at: Mapped[datetime | None] = mapped_column(default=None)
