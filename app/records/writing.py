"""What a hand-in leaves behind, in one statement at its beginning and one at its end: a round trip each.

The statements decide nothing (`migrations`). They see to it themselves that row security knows the organization, so
that they can be a transaction of their own as well as part of one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session, make_transient_to_detached

from app.database import Alone, Base
from app.records.models import Attempt, AuditEntry, Upload

#: A transaction, or where each statement is one.
On = Session | Alone

BEGIN: Final = text(
    "SELECT ventanilla_begin(:organization, CAST(:upload AS jsonb), CAST(:attempt AS jsonb), CAST(:entry AS jsonb))"
)
FINISH: Final = text(
    "SELECT ventanilla_finish("
    ":organization, :before, CAST(:upload AS jsonb), CAST(:attempt AS jsonb), CAST(:entry AS jsonb))"
)


def begin(on: On, upload: Upload, attempt: Attempt | None, entry: AuditEntry) -> str | None:
    """Insert an upload, its first attempt where it has one already, and what the audit log says of it.

    Why not, and nothing is inserted, where the attempt is marked and what let the upload in was withdrawn.
    """
    rows = {"upload": _row(upload), "attempt": _row(attempt) if attempt else None, "entry": _row(entry)}
    why: str | None = _ask(on, BEGIN, {"organization": str(upload.organization_id), **_json(rows)})
    if why is not None:
        return why
    if isinstance(on, Session):
        for row in filter(None, (upload, attempt, entry)):
            make_transient_to_detached(row)
            on.add(row)
    return None


def finish(
    on: On, upload: Upload, attempt: Attempt, *, known: Mapping[str, Any], ending: Mapping[str, Any], entry: AuditEntry
) -> bool:
    """Change both rows and add the entry; False, and nothing is changed, where the rows are not as they were left."""
    rows = {"upload": {"id": upload.id, **known}, "attempt": {"id": attempt.id, **ending}, "entry": _row(entry)}
    asked = {"organization": str(upload.organization_id), "before": upload.state, **_json(rows)}
    done: bool = _ask(on, FINISH, asked)
    return done


def _ask(on: On, statement: TextClause, values: Mapping[str, Any]) -> Any:
    return (
        on.execute(statement, values).scalar_one() if isinstance(on, Session) else on.execute(statement, values)[0][0]
    )


def _row(row: Base) -> dict[str, Any]:
    """A row by its columns."""
    return {column: row.__dict__[name] for name, column in _columns(type(row))}


@cache
def _columns(kind: type[Base]) -> tuple[tuple[str, str], ...]:
    """The names of its attributes, and of their columns."""
    return tuple((name, attribute.columns[0].name) for name, attribute in kind.__mapper__.column_attrs.items())


def _json(rows: Mapping[str, Mapping[str, Any] | None]) -> dict[str, str | None]:
    return {name: None if row is None else json.dumps(row, default=_written) for name, row in rows.items()}


def _written(value: object) -> str:
    """What JSON has no form for, as PostgreSQL reads it."""
    match value:
        case UUID():
            return str(value)
        case datetime():
            return value.isoformat()
        case bytes():
            return f"\\x{value.hex()}"
    raise TypeError(type(value).__name__)
