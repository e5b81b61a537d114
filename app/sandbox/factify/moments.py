"""Times as Factify writes and reads them."""

from __future__ import annotations

from datetime import UTC, datetime


def to_millisecond(moment: datetime) -> datetime:
    """The moment as it will be shown, so that a filter by what was shown finds it."""
    return moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)


def iso(moment: datetime) -> str:
    """RFC 3339 with a `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse(text: str) -> datetime:
    """Read RFC 3339; a time without a zone is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
