"""Keys by which a service says that several requests are one: what each stands for, and what was answered to it.

A key is written in the transaction that writes the first row of its upload, before a byte of that leaves. So there is
no key without an upload: whatever dies in the middle, the upload's own record says what the key stands for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from sqlalchemy import delete, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.database import Database
from app.errors import Refusal
from app.records.models import IdempotencyKey, Upload
from app.records.states import MOVING, State

#: How long a key is remembered, from its first request and once more from that one's answer.
KEPT: Final = timedelta(hours=24)
#: An upload that has come to this left nothing with anybody: what was not promised to its sender may be sent anew.
NOTHING: Final = frozenset({State.FAILED, State.REJECTED, State.CANCELLED})

EXPIRED: Final = text("SELECT ventanilla_find_expired_keys(:now)")


class KeyInUse(Refusal):
    """Another request with the same key is under way, and nobody knows yet what becomes of it."""

    slug: ClassVar[str] = "idempotency-key-in-use"
    status: ClassVar[int] = 409
    retry_after = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A key that is to stand for an upload."""

    token_id: UUID
    key_hash: bytes
    #: What was handed in with it, as `IdempotencyKey.said`.
    said: bytes
    #: The upload that it stood for and that came to nothing, or so long ago that it does not count.
    instead_of: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A key that was used before, and the upload that it stands for."""

    key: IdempotencyKey
    upload: Upload

    def is_free(self, now: datetime) -> bool:
        """Whether it may stand for something else: nothing came of its upload, or its time is over."""
        if self.upload.state in MOVING:
            return False
        return self.key.expires_at <= now or (self.key.answer is None and self.upload.state in NOTHING)

    @property
    def under_way(self) -> bool:
        """Whether it was not answered yet, and somebody works on it."""
        return self.key.answer is None and self.upload.state in MOVING


def key_hash(key: str) -> bytes:
    """What is kept of a key: enough to know it again."""
    return hashlib.sha256(key.encode()).digest()


def find(session: Session, token_id: UUID, wanted: bytes) -> Known | None:
    """What a token's key stands for, if it was ever used."""
    row = session.execute(
        select(IdempotencyKey, Upload)
        .join(Upload, Upload.id == IdempotencyKey.upload_id)
        .where(IdempotencyKey.api_token_id == token_id, IdempotencyKey.key_hash == wanted)
    ).one_or_none()
    return Known(key=row[0], upload=row[1]) if row else None


def take(session: Session, claim: Claim, upload: Upload, now: datetime) -> None:
    """Let a key stand for an upload, whose row is there; raises KeyInUse where another was faster."""
    told: dict[str, Any] = {
        "said": claim.said,
        "upload_id": upload.id,
        "answer": None,
        "created_at": now,
        "expires_at": now + KEPT,
    }
    known = {
        "organization_id": upload.organization_id,
        "api_token_id": claim.token_id,
        "key_hash": claim.key_hash,
    }
    row = insert(IdempotencyKey).values(id=uuid7(), **known, **told)
    taken = row.on_conflict_do_update(
        index_elements=list(known), set_=told, where=IdempotencyKey.upload_id == claim.instead_of
    ).returning(IdempotencyKey.id)
    if session.scalar(taken) is None:
        raise KeyInUse


def answer(
    session: Session, token_id: UUID, wanted: bytes, *, upload_id: UUID, told: Mapping[str, Any], now: datetime
) -> None:
    """Remember what was answered to the request that took the key for that upload; to be answered again."""
    mine = update(IdempotencyKey).where(
        IdempotencyKey.api_token_id == token_id,
        IdempotencyKey.key_hash == wanted,
        IdempotencyKey.upload_id == upload_id,
    )
    session.execute(
        mine.values(answer=dict(told), expires_at=now + KEPT), execution_options={"synchronize_session": False}
    )


def forget(db: Database, now: datetime) -> None:
    """Forget keys whose time is over. `db` is the worker's."""
    with db.doors() as session:
        organizations: list[UUID] = list(session.scalars(EXPIRED, {"now": now}))
    for organization in organizations:
        with db.transaction(organization) as session:
            session.execute(delete(IdempotencyKey).where(IdempotencyKey.expires_at <= now))
