"""The one statement that ends an upload: its attempt, its state and its audit entry, or none of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from sqlalchemy import Insert, Table, bindparam, exists, insert, select, update

from app.database import Base, utcnow
from app.records import attempts
from app.records.models import Attempt, AuditEntry, Upload

#: Columns of an upload that its end may change.
KNOWN: Final = (
    "state",
    "problem",
    "problem_params",
    "provider_message",
    "reference",
    "provider_status",
    "facts",
    "updated_at",
)
#: Of an attempt, what its end says.
ENDING: Final = tuple(attempts.ending(outcome="", now=utcnow()))
ENTRY: Final = ("id", "organization_id", "at", "actor", "action", "subject_type", "subject_id", "details")


def values(
    *,
    upload: Upload,
    known: Mapping[str, Any],
    attempt: Attempt,
    ending: Mapping[str, Any],
    entry: AuditEntry,
) -> dict[str, Any]:
    """What FINISH is executed with."""
    return {
        "upload": upload.id,
        "before": upload.state,
        "attempt": attempt.id,
        **{f"upload_{name}": known[name] for name in KNOWN},
        **{f"attempt_{name}": ending[name] for name in ENDING},
        **{f"entry_{name}": getattr(entry, name) for name in ENTRY},
    }


def _table(kind: type[Base]) -> Table:
    return cast("Table", kind.__table__)


def _finish() -> Insert:
    """Each part is done only if the one before was: the attempt is open still, the upload as it was left."""
    ended = (
        update(_table(Attempt))
        .where(Attempt.id == bindparam("attempt"), attempts.STILL_OPEN)
        .values({name: bindparam(f"attempt_{name}") for name in ENDING})
        .returning(Attempt.id)
        .cte("ended")
    )
    moved = (
        update(_table(Upload))
        .where(Upload.id == bindparam("upload"), Upload.state == bindparam("before"), exists(select(ended.c.id)))
        .values({name: bindparam(f"upload_{name}") for name in KNOWN})
        .returning(Upload.id)
        .cte("moved")
    )
    entry = [bindparam(f"entry_{name}", type_=AuditEntry.__table__.c[name].type) for name in ENTRY]
    told = insert(_table(AuditEntry)).from_select(ENTRY, select(*entry).select_from(moved), include_defaults=False)
    return told.returning(AuditEntry.id)


#: Returns a row where it was done, and none where not.
FINISH: Final = _finish()
