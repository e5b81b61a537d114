"""Uploads: each change of state is checked by the one table and leaves its audit entry in the same transaction."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.errors import Refusal
from app.records import audit, states
from app.records.jsonable import jsonable
from app.records.models import Upload
from app.records.states import State
from app.tenants.conflicts import constraint

TOKEN_BYTES: Final = 24


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
        **({"id": id} if id else {}),
    )
    session.add(upload)
    try:
        session.flush()
    except IntegrityError as exc:
        if constraint(exc) == "uq_uploads_outcome_hash":
            raise AlreadyHandedIn from None
        raise
    _tell(session, upload, None, actor, now)
    return upload


def get(session: Session, upload_id: UUID) -> Upload:
    """Return an upload of the organization; raises NoResultFound."""
    return session.get_one(Upload, upload_id)


def move(
    session: Session,
    upload: Upload,
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
    """Change the state, by what it is in the database now; raises IllegalTransition.

    `upload` may come from an earlier transaction; what is returned is the row of this one. A problem stands for the
    state it came with: without one, a former one goes. `facts` are added to those known.
    """
    current = session.get_one(Upload, upload.id, with_for_update=True, populate_existing=True)
    before = current.state
    states.check(before, to)
    current.state = to
    current.problem = problem
    current.problem_params = jsonable(params or {})
    current.provider_message = provider_message
    current.reference = reference or current.reference
    current.provider_status = provider_status or current.provider_status
    current.facts = current.facts | jsonable(facts or {})
    current.updated_at = now
    session.flush()
    _tell(session, current, before, actor, now)
    return current


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
