"""Where a hand-in comes from, and what its caller is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from app.providers.base import Outcome
from app.records.idempotency import Claim
from app.records.models import Attempt, Upload
from app.records.states import State
from app.tenants.models import Connection, Link, Organization


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Through what a hand-in came. `actor` is who did it, as the audit log names them."""

    organization: Organization
    connection: Connection
    form_id: UUID | None
    link: Link | None
    api_token_id: UUID | None
    locale: str | None
    notice_version: str | None
    actor: str
    #: The caller's own name of it, and what else the caller wants to find beside it.
    external_id: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    #: What the outcome page's address is to end with, known before; the same page sent twice is one hand-in.
    outcome_token: str | None = None
    #: By which the caller knows it again, so that it is done once: it begins before anything at all is sent.
    key: Claim | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is in the database of a hand-in, as it was when its outcome was written down."""

    upload: Upload
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of an upload. `outcome_token` ends the address of its lasting page; it is known once."""

    upload_id: UUID
    state: State
    outcome: Outcome
    outcome_token: str | None = None
    #: The record as it was written, where this is what became of a hand-in.
    record: Record | None = None
