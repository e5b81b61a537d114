"""What an organization has handed in, month by month, by what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.records.states import State

#: Months are those of the organization's own zone: it is by these that it is billed. Uploads of the session's
#: organization alone are there to be seen.
USED: Final = text("""
    SELECT to_char(u.created_at AT TIME ZONE :zone, 'YYYY-MM') AS month, u.operation, u.state,
        count(*) AS uploads, coalesce(sum(s.bytes), 0) AS bytes
    FROM uploads u, LATERAL (SELECT sum((p ->> 'size')::bigint) AS bytes FROM jsonb_array_elements(u.parts) p) s
    WHERE u.created_at >= CAST(:since AS timestamp) AT TIME ZONE :zone
      AND u.created_at < CAST(:until AS timestamp) AT TIME ZONE :zone
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """How many uploads of one month, operation and state, and how large their files were together."""

    month: str
    operation: str
    state: State
    uploads: int
    bytes: int


def by_month(session: Session, *, since: datetime, until: datetime, zone: str) -> Sequence[Used]:
    """Count the uploads that were made from then on and before then, both without a zone: in the organization's."""
    rows = session.execute(USED, {"since": since, "until": until, "zone": zone})
    return [
        Used(
            month=row.month,
            operation=row.operation,
            state=State(row.state),
            uploads=row.uploads,
            bytes=int(row.bytes),
        )
        for row in rows
    ]
