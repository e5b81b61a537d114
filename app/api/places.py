"""Places in lists that go by time, as cursors hold them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from app.records.searching import Place


def written(place: Place) -> str:
    """A place as text."""
    at, number = place
    return f"{at.isoformat()} {number}"


def read(after: str | None) -> Place | None:
    """The place that a list goes on behind, which its cursor held; None: it begins."""
    if after is None:
        return None
    at, _, number = after.partition(" ")
    return datetime.fromisoformat(at), UUID(number)
