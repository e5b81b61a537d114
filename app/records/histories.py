"""The whole history of one upload, as somebody sees it who has to find out what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.records.models import Attempt, AuditEntry, Copy, Receipt, Upload
from app.records.states import State
from app.tenants.models import ApiToken, Connection, Form, Link, Organization

#: Entries of the log that one history shows.
MOST_ENTRIES: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One attempt."""

    number: int
    started_at: datetime
    completing_at: datetime | None
    ended_at: datetime | None
    outcome: str | None
    problem: str | None
    provider_http_status: int | None
    provider_code: str | None
    provider_message: str | None
    provider_log_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the audit log says of it."""

    at: datetime
    actor: str
    action: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """An upload, where it came from, and what was done with it."""

    id: UUID
    organization_id: UUID
    #: Slug and name.
    organization: str
    organization_name: str
    connection: str
    connection_paused_at: datetime | None
    operation: str
    mode: str
    state: State
    provider_status: str | None
    problem: str | None
    problem_params: Mapping[str, Any]
    provider_message: str | None
    reference: str | None
    parts: Sequence[Mapping[str, Any]]
    facts: Mapping[str, Any]
    external_id: str | None
    due_at: datetime | None
    deadline_at: datetime | None
    created_at: datetime
    updated_at: datetime
    #: The ways it came by: a form, a personal link and whom that was for, a service's token.
    form_id: UUID | None
    link_id: UUID | None
    recipient: str | None
    token: str | None
    #: Until when its copy is kept; `has_copy`: whether there is one.
    has_copy: bool
    copy_until: datetime | None
    receipt_id: UUID | None
    receipt_number: int | None
    attempts: Sequence[Try]
    entries: Sequence[Entry]


ONE: Final = (
    select(
        Upload.id,
        Upload.organization_id,
        Organization.slug.label("organization"),
        Organization.name.label("organization_name"),
        Connection.name.label("connection"),
        Connection.paused_at.label("connection_paused_at"),
        Upload.operation,
        Upload.mode,
        Upload.state,
        Upload.provider_status,
        Upload.problem,
        Upload.problem_params,
        Upload.provider_message,
        Upload.reference,
        Upload.parts,
        Upload.facts,
        Upload.external_id,
        Upload.due_at,
        Upload.deadline_at,
        Upload.created_at,
        Upload.updated_at,
        Upload.form_id,
        Upload.link_id,
        Link.recipient,
        ApiToken.name.label("token"),
        Copy.id.is_not(None).label("has_copy"),
        Copy.keep_until.label("copy_until"),
        Receipt.id.label("receipt_id"),
        Receipt.number.label("receipt_number"),
    )
    .join(Organization, Organization.id == Upload.organization_id)
    .join(Connection, Connection.id == Upload.connection_id)
    .outerjoin(Form, Form.id == Upload.form_id)
    .outerjoin(Link, Link.id == Upload.link_id)
    .outerjoin(ApiToken, ApiToken.id == Upload.api_token_id)
    .outerjoin(Copy, Copy.upload_id == Upload.id)
    .outerjoin(Receipt, Receipt.upload_id == Upload.id)
)
ATTEMPTS: Final = select(*(getattr(Attempt, name) for name in Try.__dataclass_fields__)).order_by(Attempt.number)
ENTRIES: Final = (
    select(*(getattr(AuditEntry, name) for name in Entry.__dataclass_fields__))
    .where(AuditEntry.subject_type == "upload")
    .order_by(AuditEntry.at, AuditEntry.id)
    .limit(MOST_ENTRIES)
)


def history(session: Session, upload_id: UUID) -> History | None:
    """All that is known of an upload, if the session sees it."""
    row = session.execute(ONE.where(Upload.id == upload_id)).one_or_none()
    if row is None:
        return None
    tried = session.execute(ATTEMPTS.where(Attempt.upload_id == upload_id))
    said = session.execute(ENTRIES.where(AuditEntry.subject_id == upload_id))
    return History(
        **row._asdict(),
        attempts=[Try(**one._asdict()) for one in tried],
        entries=[Entry(**one._asdict()) for one in said],
    )


def owner(session: Session, upload_id: UUID) -> UUID | None:
    """The organization whose upload it is, if the session sees it."""
    return session.scalar(select(Upload.organization_id).where(Upload.id == upload_id))
