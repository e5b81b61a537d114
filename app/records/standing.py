"""How each provider does: what of its connections is shut, and when it last took something, or did not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

#: What happened before is not looked for.
BEHIND: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A provider that there are connections to."""

    provider: str
    connections: int
    paused: int
    #: Connections whose breaker lets nothing pass at the moment.
    shut: int
    #: When something was last delivered, and when an attempt last came to nothing there; None: not within `BEHIND`.
    last_delivered_at: datetime | None
    last_failure_at: datetime | None
    #: Slug of why it did.
    last_problem: str | None


#: The hour in which it last happened is known from the tallies; the moment is looked for in that hour alone.
STANDINGS: Final = text("""
    WITH hours AS (
        SELECT t.operation, split_part(t.operation, '/', 1) AS provider,
            max(t.hour) FILTER (WHERE t.states ? 'delivered') AS delivered,
            max(t.hour) FILTER (WHERE t.problems <> '{}') AS failed
        FROM tallies t
        WHERE t.organization_id IS NOT DISTINCT FROM CAST(:organization AS uuid) AND t.hour >= :since
        GROUP BY 1
    ), latest AS (
        SELECT h.provider, max(d.at) AS delivered_at, max(f.at) AS failed_at,
            (array_agg(f.problem ORDER BY f.at DESC NULLS LAST))[1] AS problem
        FROM hours h
        LEFT JOIN LATERAL (
            SELECT u.updated_at AS at FROM uploads u
            WHERE u.operation = h.operation AND u.state = 'delivered'
              AND u.created_at >= h.delivered AND u.created_at < h.delivered + interval '1 hour'
            ORDER BY u.created_at DESC LIMIT 1
        ) d ON true
        LEFT JOIN LATERAL (
            SELECT a.ended_at AS at, a.problem FROM attempts a JOIN uploads u ON u.id = a.upload_id
            WHERE u.operation = h.operation AND a.outcome IN ('failed', 'credential', 'retry', 'unknown')
              AND a.started_at >= h.failed AND a.started_at < h.failed + interval '1 hour'
            ORDER BY a.started_at DESC LIMIT 1
        ) f ON true
        GROUP BY 1
    )
    SELECT c.provider, count(*) AS connections, count(c.paused_at) AS paused,
        count(*) FILTER (WHERE b.open_until > :now) AS shut,
        l.delivered_at AS last_delivered_at, l.failed_at AS last_failure_at, l.problem AS last_problem
    FROM connections c LEFT JOIN breakers b ON b.connection_id = c.id LEFT JOIN latest l ON l.provider = c.provider
    WHERE c.organization_id IS NOT NULL AND (CAST(:organization AS uuid) IS NULL OR c.organization_id = :organization)
    GROUP BY c.provider, l.delivered_at, l.failed_at, l.problem ORDER BY 1
""")


def standings(session: Session, now: datetime, organization_id: UUID | None = None) -> Sequence[Standing]:
    """How each provider does, for one organization or for all (which only overviews see)."""
    asked = {"now": now, "since": now - BEHIND, "organization": organization_id}
    return [Standing(**row._asdict()) for row in session.execute(STANDINGS, asked)]
