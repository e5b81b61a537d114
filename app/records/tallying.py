"""Keeps count of what was handed in and tried, hour by hour, so that a chart of a year reads hours and no uploads."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import text

from app.database import Database

#: Made by a migration.
TALLY: Final = text("SELECT ventanilla_tally(:now)")
#: After weeks without a worker there is much to count.
PATIENCE: Final = text("SET LOCAL statement_timeout = '10min'")


def tally(db: Database, now: datetime) -> int:
    """Count the hours anew in which something changed since the last time; how many those are. `db` is the worker's."""
    with db.doors() as session:
        session.execute(PATIENCE)
        hours: int = session.execute(TALLY, {"now": now}).scalar_one()
    return hours
