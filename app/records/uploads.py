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

from app.database import copied, new, once_committed
from app.errors import Refusal
from app.records import audit, states, writing
from app.records.jsonable import jsonable
from app.records.models import Attempt, AuditEntry, Upload
from app.records.states import State
from app.records.writing import On
from app.seeing import metrics
from app.tenants.conflicts import constraint
from app.tenants.tokens import NOT_ANY_MORE
from app.words import WORDS

TOKEN_BYTES: Final = 24
#: What is told when a provider is done with what was delivered, by the `provider_status` that it came to.
FOLLOWED: Final = {"ready": "upload.processed", "failed": "upload.processing_failed"}


class Overtaken(RuntimeError):  # noqa: N818 - says what happened
    """Somebody else has ended the upload, or its attempt, meanwhile."""


class AlreadyHandedIn(Refusal):
    """The page that this came from was sent before: what became of that stands on its outcome page."""

    slug: ClassVar[str] = "already-handed-in"
    status: ClassVar[int] = 409


def begin(
    on: On,
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
    attempt: Attempt | None = None,
) -> Upload:
    """Write the record of a hand-in; raises AlreadyHandedIn, and IllegalTransition where no record begins with `state`.

    Of what begins with its mark, raises TokenRevoked and Suspended where what let it in was withdrawn meanwhile.
    `process_id`: whose death makes it an orphan. `outcome_hash`: of the token from `new_outcome_token`. `attempt`: its
    first, where it has one already.
    """
    states.check(None, state)
    upload = new(
        Upload,
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
    entry = _entry(upload, None, {"state": state, "problem": problem, "reference": None}, actor, now)
    try:
        why = writing.begin(on, upload, attempt, entry)
    except IntegrityError as exc:
        if constraint(exc) == "uq_uploads_outcome_hash":
            raise AlreadyHandedIn from None
        raise
    if why is not None:
        raise NOT_ANY_MORE[why]
    _count(on, upload, {"state": state, "problem": problem, "updated_at": now})
    return upload


def get(session: Session, upload_id: UUID) -> Upload:
    """Return an upload of the organization; raises NoResultFound."""
    return session.get_one(Upload, upload_id)


def find(session: Session, upload_id: UUID) -> Upload | None:
    """Return an upload of the organization, if there is one of that id."""
    return session.get(Upload, upload_id)


def lock(session: Session, upload_id: UUID) -> Upload:
    """Return the upload as it is in the database now, which it stays until the transaction ends."""
    return session.get_one(Upload, upload_id, with_for_update=True, populate_existing=True)


def move(session: Session, upload: Upload, to: State, *, actor: str, now: datetime, **known: Any) -> Upload:
    """Change the state, by what it is in the database now; raises IllegalTransition.

    `upload` may come from an earlier transaction; what is returned is the row of this one. `known` is as in `change`.
    """
    return change(session, lock(session, upload.id), to, actor=actor, now=now, **known)


def change(session: Session, locked: Upload, to: State, *, actor: str, now: datetime, **told: Any) -> Upload:
    """Change the state of an upload that this transaction has locked, by what is told; raises IllegalTransition.

    A problem stands for the state it came with: without one, a former one goes. `facts` are added to those known.
    """
    before, known = locked.state, _known(locked, to, now, **told)
    for name, value in known.items():
        setattr(locked, name, value)
    session.add(_entry(locked, before, known, actor, now))
    _count(session, locked, known)
    return locked


def finish(
    on: On,
    upload: Upload,
    attempt: Attempt,
    to: State,
    *,
    actor: str,
    now: datetime,
    ending: Mapping[str, Any],
    **told: Any,
) -> dict[str, Any]:
    """End an upload together with its last attempt, both as they were left here, in one statement; what changed of it.

    `ending` is as in `attempts.ending`, what is told as in `change`. Raises IllegalTransition; and Overtaken where
    somebody else was faster: then nothing is changed.
    """
    known = _known(upload, to, now, **told)
    entry = _entry(upload, upload.state, known, actor, now)
    if not writing.finish(on, upload, attempt, known=known, ending=ending, entry=entry):
        raise Overtaken(str(upload.id))
    _count(on, upload, known)
    return known


def learn(session: Session, upload: Upload, *, parts: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> Upload:
    """Write down what is known of the files once all of them has passed; `facts` take the place of those known."""
    values: dict[str, Any] = {"parts": jsonable(parts), "facts": jsonable(facts)}
    session.execute(
        update(Upload).where(Upload.id == upload.id).values(values), execution_options={"synchronize_session": False}
    )
    return copied(upload, **values)


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


def _known(
    upload: Upload,
    to: State,
    now: datetime,
    *,
    problem: str | None = None,
    params: Mapping[str, Any] | None = None,
    provider_message: str | None = None,
    reference: str | None = None,
    provider_status: str | None = None,
    facts: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What is known of an upload from a change of its state on; raises IllegalTransition."""
    states.check(upload.state, to)
    return {
        "state": to,
        "problem": problem,
        "problem_params": jsonable(params or {}),
        "provider_message": provider_message,
        "reference": reference or upload.reference,
        "provider_status": provider_status or upload.provider_status,
        "facts": upload.facts | jsonable(facts or {}),
        "updated_at": now,
    }


def _entry(upload: Upload, before: State | None, known: Mapping[str, Any], actor: str, now: datetime) -> AuditEntry:
    """The audit log's entry of a change of state, to what is known of the upload from then on."""
    details = {"from": before, "problem": known["problem"], "reference": known["reference"]}
    return audit.entry(
        organization_id=upload.organization_id,
        actor=actor,
        action=f"upload.{known['state']}",
        subject=upload,
        details={name: value for name, value in details.items() if value is not None},
        now=now,
    )


def _count(on: On, upload: Upload, known: Mapping[str, Any]) -> None:
    """Count that an upload came to a state, once it is true."""
    operation, problem, state = upload.operation, known["problem"], known["state"]

    def count() -> None:
        metrics.UPLOADS.labels(operation, upload.mode, state.value).inc()
        if problem is not None:
            metrics.UPLOAD_PROBLEMS.labels(operation, problem if problem in WORDS else metrics.OTHER).inc()
        if state is State.DELIVERED:
            metrics.UPLOAD_BYTES.labels(operation).inc(sum(part.get("size") or 0 for part in upload.parts))
            took = (known["updated_at"] - upload.created_at).total_seconds()
            metrics.DELIVERY_SECONDS.labels(operation).observe(max(took, 0.0))

    if isinstance(on, Session):
        once_committed(on, count)
    else:
        count()
