"""What charts are drawn from: uploads by what became of them, how long providers take to answer, what they refuse.

All of it was counted before, hour by hour (`tallying`); what happened within the last minute may be missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.records.states import State


class Step(StrEnum):
    """How much time one point of a chart stands for."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From when until when, in steps of a zone's own."""

    since: datetime
    until: datetime
    step: Step
    #: Name of the zone whose days and months are meant.
    zone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What was handed in during one step."""

    #: When it begins.
    at: datetime
    #: How many uploads came to each state by now; none is missing.
    states: Mapping[State, int]
    #: How large their files are together.
    bytes: int

    @property
    def uploads(self) -> int:
        """How many those are in all."""
        return sum(self.states.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """How long a provider took to answer once it had all of a request, each attempt within a ninth of the truth."""

    provider: str
    #: Attempts by how long they took: fourths of powers of two of milliseconds.
    counts: Mapping[int, int] = field(repr=False)

    @property
    def count(self) -> int:
        """How many attempts it answered."""
        return sum(self.counts.values())

    def within(self, share: float) -> float | None:
        """Milliseconds within which so large a share was answered: 0.5 is the median. None: nothing was answered."""
        left = share * self.count
        for bucket, count in sorted(self.counts.items()):
            left -= count
            if left <= 0:
                return float(2 ** ((bucket + 0.5) / 4))
        return None

    def __add__(self, other: Answers) -> Answers:
        keys = {*self.counts, *other.counts}
        merged = {key: self.counts.get(key, 0) + other.counts.get(key, 0) for key in keys}
        return Answers(provider=self.provider, counts=merged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """Attempts of one step that came to nothing at a provider, by the problem's slug."""

    at: datetime
    provider: str
    problem: str
    count: int


#: Every step of a period, and what the tallies count in which of them: one organization's, or of all together.
STEPS: Final = """
    WITH steps AS (
        SELECT s AT TIME ZONE :zone AS at FROM generate_series(
            date_trunc(:step, CAST(:since AS timestamptz) AT TIME ZONE :zone),
            (CAST(:until AS timestamptz) - interval '1 microsecond') AT TIME ZONE :zone,
            CAST('1 ' || :step AS interval)
        ) s
    ), counted AS (
        SELECT date_trunc(:step, t.hour AT TIME ZONE :zone) AT TIME ZONE :zone AS at,
            split_part(t.operation, '/', 1) AS provider, t.states, t.bytes, t.answers, t.problems
        FROM tallies t
        WHERE t.organization_id IS NOT DISTINCT FROM CAST(:organization AS uuid)
          AND t.hour >= date_trunc('hour', CAST(:since AS timestamptz)) AND t.hour < :until
    )
"""
POINTS: Final = text(
    STEPS  # noqa: S608 - of the lines above and below
    + """
    SELECT steps.at, c.key, c.uploads, coalesce(b.bytes, 0) AS bytes FROM steps
    LEFT JOIN (
        SELECT at, s.key, sum(s.value::bigint)::bigint AS uploads
        FROM counted, jsonb_each_text(counted.states) s GROUP BY 1, 2
    ) c ON c.at = steps.at
    LEFT JOIN (SELECT at, sum(bytes)::bigint AS bytes FROM counted GROUP BY 1) b ON b.at = steps.at
    ORDER BY 1
    """
)
ANSWERS: Final = text(
    STEPS  # noqa: S608 - of the lines above and below
    + """
    SELECT at, provider, jsonb_object_agg(key, attempts) AS counts FROM (
        SELECT at, provider, a.key, sum(a.value::bigint) AS attempts
        FROM counted, jsonb_each_text(counted.answers) a GROUP BY 1, 2, 3
    ) c GROUP BY 1, 2 ORDER BY 1, 2
    """
)
FAILURES: Final = text(
    STEPS  # noqa: S608 - of the lines above and below
    + """
    SELECT at, provider, p.key AS problem, sum(p.value::bigint)::bigint AS attempts
    FROM counted, jsonb_each_text(counted.problems) p GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    """
)


def points(session: Session, period: Period, organization_id: UUID | None = None) -> Sequence[Point]:
    """Uploads of each step, empty ones too; of one organization, or of all (which only the house and overviews see)."""
    steps: dict[datetime, tuple[dict[State, int], int]] = {}
    for row in session.execute(POINTS, _asked(period, organization_id)):
        states, _ = steps.setdefault(row.at, (dict.fromkeys(State, 0), row.bytes))
        if row.key is not None:
            states[State(row.key)] = row.uploads
    return [Point(at=at, states=states, bytes=size) for at, (states, size) in steps.items()]


def answers(
    session: Session, period: Period, organization_id: UUID | None = None
) -> Mapping[str, Mapping[datetime, Answers]]:
    """How long each provider took to answer, by step; steps without an answer are not there."""
    found: dict[str, dict[datetime, Answers]] = {}
    for row in session.execute(ANSWERS, _asked(period, organization_id)):
        counts = {int(bucket): attempts for bucket, attempts in row.counts.items()}
        found.setdefault(row.provider, {})[row.at] = Answers(provider=row.provider, counts=counts)
    return found


def together(steps: Mapping[datetime, Answers]) -> Answers:
    """A provider's answers of all steps; there is at least one."""
    first, *others = steps.values()
    return sum(others, first)


def failures(session: Session, period: Period, organization_id: UUID | None = None) -> Sequence[Failures]:
    """Attempts that came to nothing, by step, provider and problem; what there was none of is not there."""
    return list(_failures(session, period, organization_id))


def _failures(session: Session, period: Period, organization_id: UUID | None) -> Iterator[Failures]:
    for row in session.execute(FAILURES, _asked(period, organization_id)):
        yield Failures(at=row.at, provider=row.provider, problem=row.problem, count=row.attempts)


def _asked(period: Period, organization_id: UUID | None) -> dict[str, object]:
    return {
        "since": period.since,
        "until": period.until,
        "step": period.step.value,
        "zone": period.zone,
        "organization": organization_id,
    }
