"""What needs a person now: counted up to a bound, with some of each, so that it costs the same however bad it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.records.models import Copy

#: More than that are not counted, and so many are shown.
MOST: Final = 1_000
SHOWN: Final = 5

#: A process that was silent for so long does not work any more.
SILENT: Final = timedelta(seconds=30)
#: What has been due for so long should have been taken.
OVERDUE: Final = timedelta(minutes=2)
#: How long what failed is spoken of, and how long before they end certificates, credentials and unused links are.
RECENT: Final = timedelta(days=7)
CERTIFICATE: Final = timedelta(days=30)
CREDENTIAL: Final = timedelta(days=14)
LINK: Final = timedelta(days=3)


class Kind(StrEnum):
    """What there is to be done about, worst first."""

    WORKER = "worker"
    PAUSED = "paused"
    UNKNOWN = "unknown"
    OVERDUE = "overdue"
    BREAKER = "breaker"
    FAILED = "failed"
    CERTIFICATE = "certificate"
    CREDENTIAL = "credential"
    ENDPOINT = "endpoint"
    LINK = "link"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One of them."""

    #: Slug and name; None: the house's.
    organization: str | None
    organization_name: str | None
    #: Of the connection, upload, endpoint or link that it is about.
    id: UUID | None
    #: What that is called: a connection's name, a file's, an address, a recipient.
    label: str | None
    #: Since when it is so, or when it ends.
    at: datetime
    #: Slug of why.
    because: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """All of one kind."""

    kind: Kind
    #: At most `MOST`, which then stands for any more.
    count: int
    #: Some of them, those that have been waiting longest or end soonest.
    cases: Sequence[Case]

    @property
    def capped(self) -> bool:
        """Whether there may be more than are counted."""
        return self.count >= MOST


#: Of each kind: its cases, as organization, id, label, moment and reason; bounded, and by an index.
CASES: Final = {
    Kind.PAUSED: """
        SELECT c.organization_id, c.id, c.name AS label, c.paused_at AS at, c.paused_because AS because
        FROM connections c LEFT JOIN organizations o ON o.id = c.organization_id
        WHERE c.paused_at IS NOT NULL AND o.suspended_at IS NULL
    """,
    Kind.UNKNOWN: """
        SELECT u.organization_id, u.id, u.parts -> 0 ->> 'filename', u.created_at, u.problem
        FROM uploads u WHERE u.state = 'unknown'
    """,
    Kind.OVERDUE: """
        SELECT u.organization_id, u.id, u.parts -> 0 ->> 'filename', u.due_at, u.problem
        FROM uploads u JOIN connections c ON c.id = u.connection_id JOIN organizations o ON o.id = u.organization_id
            LEFT JOIN breakers b ON b.connection_id = c.id
        WHERE u.state = 'waiting' AND u.due_at <= :overdue AND c.paused_at IS NULL AND o.suspended_at IS NULL
          AND (b.open_until IS NULL OR b.open_until <= :overdue)
    """,
    Kind.BREAKER: """
        SELECT c.organization_id, c.id, c.name, b.open_until, CAST(NULL AS text)
        FROM breakers b JOIN connections c ON c.id = b.connection_id WHERE b.open_until > :now
    """,
    Kind.FAILED: """
        SELECT u.organization_id, u.id, u.parts -> 0 ->> 'filename', u.created_at, u.problem
        FROM uploads u WHERE u.state = 'failed' AND u.created_at >= :recent
    """,
    # What was delivered later through the same connection took its place.
    Kind.CERTIFICATE: """
        SELECT u.organization_id, u.id, u.facts ->> 'rfc', CAST(u.facts ->> 'not_after' AS timestamptz), u.operation
        FROM uploads u
        WHERE u.state = 'delivered' AND u.facts ->> 'not_after' IS NOT NULL
          AND u.facts ->> 'not_after' >= :ended AND u.facts ->> 'not_after' < :ends
          AND NOT EXISTS (
              SELECT FROM uploads n
              WHERE n.organization_id = u.organization_id AND n.connection_id = u.connection_id
                AND n.facts ->> 'not_after' IS NOT NULL AND n.state = 'delivered' AND n.operation = u.operation
                AND (n.created_at, n.id) > (u.created_at, u.id)
          )
    """,
    Kind.CREDENTIAL: """
        SELECT c.organization_id, c.id, c.name, c.credential_ends_at, CAST(NULL AS text)
        FROM connections c LEFT JOIN organizations o ON o.id = c.organization_id
        WHERE c.credential_ends_at < :credential AND o.suspended_at IS NULL
    """,
    Kind.ENDPOINT: """
        SELECT e.organization_id, e.id, split_part(split_part(e.url, '://', 2), '/', 1), e.disabled_at,
            e.disabled_because
        FROM webhook_endpoints e WHERE e.disabled_at IS NOT NULL AND e.disabled_because <> 'operator'
    """,
    Kind.LINK: """
        SELECT l.organization_id, l.id, l.recipient, l.expires_at, f.operation
        FROM links l JOIN forms f ON f.id = l.form_id
        WHERE l.uses = 0 AND l.revoked_at IS NULL AND l.expires_at >= :now AND l.expires_at < :link AND f.open
    """,
}
EVERYTHING: Final = text(
    " UNION ALL ".join(
        f"""(
            SELECT '{kind.value}' AS kind, n.*, o.slug, o.name FROM (
                SELECT f.*, count(*) OVER () AS found FROM ({cases} LIMIT {MOST}) AS f
                (organization_id, id, label, at, because) ORDER BY f.at LIMIT {SHOWN}
            ) n LEFT JOIN organizations o ON o.id = n.organization_id ORDER BY n.at
        )"""  # noqa: S608 - of the lines above
        for kind, cases in CASES.items()
    )
)
LAST_BEAT: Final = text("SELECT max(beat_at) FROM processes WHERE kind = 'worker'")


def needs(session: Session, now: datetime) -> Sequence[Need]:
    """What needs a person, worst first, as far as the session sees; what nobody needs to look after is not there."""
    asked = {
        "now": now,
        "overdue": now - OVERDUE,
        "recent": now - RECENT,
        # As records have it: ISO text, in UTC.
        "ended": (now - CERTIFICATE).isoformat(),
        "ends": (now + CERTIFICATE).isoformat(),
        "credential": now + CREDENTIAL,
        "link": now + LINK,
    }
    found: dict[Kind, tuple[int, list[Case]]] = {}
    for row in session.execute(EVERYTHING, asked):
        case = Case(
            organization=row.slug,
            organization_name=row.name,
            id=row.id,
            label=row.label,
            at=row.at,
            because=row.because,
        )
        found.setdefault(Kind(row.kind), (row.found, []))[1].append(case)
    return [Need(kind=kind, count=found[kind][0], cases=found[kind][1]) for kind in Kind if kind in found]


def worker_away(session: Session, now: datetime) -> Need | None:
    """Whether no worker is there to deliver what waits; the house's to know."""
    last: datetime | None = session.scalar(LAST_BEAT)
    if last is not None and last > now - SILENT:
        return None
    case = Case(organization=None, organization_name=None, id=None, label=None, at=last or now, because=None)
    return Need(kind=Kind.WORKER, count=1, cases=[case])


def stored(session: Session) -> int:
    """Bytes that the copies in the spool take up, as far as the session sees."""
    return session.scalar(select(func.coalesce(func.sum(Copy.stored), 0))) or 0
