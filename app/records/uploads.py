"""Uploads: each change of state is checked by the one table and leaves its audit entry in the same transaction."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.errors import Refusal
from app.records import audit, states
from app.records.jsonable import jsonable
from app.records.models import Upload
from app.records.states import State
from app.tenants.conflicts import constraint

TOKEN_BYTES: Final = 24
#: What is told when a provider is done with what was delivered, by the `provider_status` that it came to.
FOLLOWED: Final = {"ready": "upload.processed", "failed": "upload.processing_failed"}


class AlreadyHandedIn(Refusal):
    """The page that this came from was sent before: what became of that stands on its outcome page."""

    slug: ClassVar[str] = "already-handed-in"
    status: ClassVar[int] = 409


def begin(
    session: Session,
    *,
    organization_id: UUID,
    connection_id: UUID,
    operation: str,
    mode: str,
    state: State,
    process_id: UUID,
    actor: str,
    now: datetime,
    id: UUID | None = None,  # noqa: A002 - the column's name
    form_id: UUID | None = None,
    link_id: UUID | None = None,
    api_token_id: UUID | None = None,
    parts: Sequence[Mapping[str, Any]] = (),
    facts: Mapping[str, Any] | None = None,
    problem: str | None = None,
    params: Mapping[str, Any] | None = None,
    provider_message: str | None = None,
    external_id: str | None = None,
    caller_metadata: Mapping[str, Any] | None = None,
    notice_version: str | None = None,
    locale: str | None = None,
    outcome_hash: bytes | None = None,
) -> Upload:
    """Make the record of a hand-in; raises AlreadyHandedIn, and IllegalTransition where no record begins with `state`.

    `process_id`: whose death makes it an orphan. `outcome_hash`: of the token from `new_outcome_token`.
    """
    states.check(None, state)
    upload = Upload(
        organization_id=organization_id,
        connection_id=connection_id,
        form_id=form_id,
        link_id=link_id,
        api_token_id=api_token_id,
        process_id=process_id,
        operation=operation,
        mode=mode,
        state=state,
        problem=problem,
        problem_params=jsonable(params or {}),
        provider_message=provider_message,
        parts=jsonable(parts),
        facts=jsonable(facts or {}),
        external_id=external_id,
        caller_metadata=jsonable(caller_metadata or {}),
        notice_version=notice_version,
        locale=locale,
        outcome_hash=outcome_hash,
        created_at=now,
        updated_at=now,
        id=id or uuid7(),
    )
    session.add(upload)
    _tell(session, upload, None, actor, now)
    try:
        session.flush()
    except IntegrityError as exc:
        if constraint(exc) == "uq_uploads_outcome_hash":
            raise AlreadyHandedIn from None
        raise
    return upload


def get(session: Session, upload_id: UUID) -> Upload:
    """Return an upload of the organization; raises NoResultFound."""
    return session.get_one(Upload, upload_id)


def lock(session: Session, upload_id: UUID) -> Upload:
    """Return the upload as it is in the database now, which it stays until the transaction ends."""
    return session.get_one(Upload, upload_id, with_for_update=True, populate_existing=True)


def move(session: Session, upload: Upload, to: State, *, actor: str, now: datetime, **known: Any) -> Upload:
    """Change the state, by what it is in the database now; raises IllegalTransition.

    `upload` may come from an earlier transaction; what is returned is the row of this one. `known` is as in `change`.
    """
    return change(session, lock(session, upload.id), to, actor=actor, now=now, **known)


def change(
    session: Session,
    locked: Upload,
    to: State,
    *,
    actor: str,
    now: datetime,
    problem: str | None = None,
    params: Mapping[str, Any] | None = None,
    provider_message: str | None = None,
    reference: str | None = None,
    provider_status: str | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Upload:
    """Change the state of an upload that this transaction has locked; raises IllegalTransition.

    A problem stands for the state it came with: without one, a former one goes. `facts` are added to those known.
    """
    before = locked.state
    states.check(before, to)
    locked.state = to
    locked.problem = problem
    locked.problem_params = jsonable(params or {})
    locked.provider_message = provider_message
    locked.reference = reference or locked.reference
    locked.provider_status = provider_status or locked.provider_status
    locked.facts = locked.facts | jsonable(facts or {})
    locked.updated_at = now
    _tell(session, locked, before, actor, now)
    return locked


def learn(session: Session, upload_id: UUID, *, parts: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> None:
    """Write down what is known of the files once all of them has passed; `facts` take the place of those known."""
    values = {"parts": jsonable(parts), "facts": jsonable(facts)}
    session.execute(
        update(Upload).where(Upload.id == upload_id).values(values), execution_options={"synchronize_session": False}
    )


def follow(session: Session, upload: Upload, status: str, *, facts: Mapping[str, Any], now: datetime) -> bool:
    """Write down what the provider does with what was delivered, and tell of its end; False if that is known."""
    current = lock(session, upload.id)
    if current.provider_status == status:
        return False
    current.provider_status = status
    current.facts = current.facts | jsonable(facts)
    current.updated_at = now
    if action := FOLLOWED.get(status):
        audit.write(
            session,
            organization_id=current.organization_id,
            actor=audit.SYSTEM,
            action=action,
            subject=current,
            details={"reference": current.reference} if current.reference else {},
            now=now,
        )
    return True


def new_outcome_token(token: str | None = None) -> tuple[str, bytes]:
    """Return a token for an outcome page's address, and the hash of it that is stored; `token`: one made before."""
    token = token or secrets.token_urlsafe(TOKEN_BYTES)
    return token, hashlib.sha256(token.encode()).digest()


def _tell(session: Session, upload: Upload, before: State | None, actor: str, now: datetime) -> None:
    details = {"from": before, "problem": upload.problem, "reference": upload.reference}
    audit.write(
        session,
        organization_id=upload.organization_id,
        actor=actor,
        action=f"upload.{upload.state}",
        subject=upload,
        details={name: value for name, value in details.items() if value is not None},
        now=now,
    )
