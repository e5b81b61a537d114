"""What organizations have handed in, month by month, by what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text

from app.database import Database
from app.records.states import State

USAGE: Final = text(
    "SELECT organization, month, operation, state, uploads, bytes "
    "FROM ventanilla_usage(CAST(:only_of AS uuid), CAST(:since AS timestamp), CAST(:until AS timestamp))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """How many uploads of one organization, month, operation and state, and how large their files were together."""

    #: Its slug.
    organization: str
    month: str
    operation: str
    state: State
    uploads: int
    bytes: int


def by_month(db: Database, *, since: datetime, until: datetime, only_of: UUID | None) -> Sequence[Used]:
    """Count the uploads that were made from then on and before then, of one organization or of all.

    Both have no zone: they are moments of each organization's own.
    """
    with db.doors() as session:
        rows = session.execute(USAGE, {"only_of": only_of, "since": since, "until": until})
        return [Used(**{**row._asdict(), "state": State(row.state)}) for row in rows]
