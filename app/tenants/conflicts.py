"""Which constraint of the database refused a row."""

from __future__ import annotations

import psycopg
from sqlalchemy.exc import IntegrityError


def constraint(exc: IntegrityError) -> str | None:
    """The name of the constraint that was violated."""
    return exc.orig.diag.constraint_name if isinstance(exc.orig, psycopg.Error) else None
