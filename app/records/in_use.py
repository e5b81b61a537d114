"""When a connection was last used, and what it last came to nothing by: what an operator asks first of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.records.models import Attempt, Upload

#: Newest uploads of a connection that are looked at: what failed before these is history.
LOOKED_AT: Final = 50
#: How an attempt ends that came to nothing there.
FAILED: Final = frozenset({"failed", "credential", "retry", "unknown"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An attempt that came to nothing, in the provider's words where it said any."""

    upload_id: UUID
    at: datetime
    outcome: str
    problem: str | None
    http_status: int | None
    code: str | None
    message: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What became of the newest uploads of a connection."""

    last_used_at: datetime | None
    last_failure: Failure | None
    #: Whether nothing has arrived since.
    failing: bool


def use(session: Session, connection_id: UUID) -> Use:
    """Look at the newest uploads of a connection, by the index of those."""
    newest = select(Upload.id).where(Upload.connection_id == connection_id)
    newest = newest.order_by(Upload.created_at.desc()).limit(LOOKED_AT)
    told = (
        Attempt.upload_id,
        Attempt.started_at,
        Attempt.ended_at,
        Attempt.outcome,
        Attempt.problem,
        Attempt.provider_http_status,
        Attempt.provider_code,
        Attempt.provider_message,
    )
    wanted = select(*told).where(Attempt.upload_id.in_(newest.scalar_subquery()))
    rows = session.execute(wanted.order_by(Attempt.started_at.desc(), Attempt.number.desc())).all()
    at, failed = next(((at, row) for at, row in enumerate(rows) if row.outcome in FAILED), (0, None))
    failure = failed and Failure(
        upload_id=failed.upload_id,
        at=failed.ended_at or failed.started_at,
        outcome=failed.outcome,
        problem=failed.problem,
        http_status=failed.provider_http_status,
        code=failed.provider_code,
        message=failed.provider_message,
    )
    return Use(
        last_used_at=rows[0].started_at if rows else None,
        last_failure=failure,
        failing=failure is not None and not any(row.outcome == "delivered" for row in rows[:at]),
    )
