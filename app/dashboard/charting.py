"""Tables that charts are drawn from: whoever cannot see a chart, or has no scripts, reads the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from flask import g
from flask_babel import gettext
from sqlalchemy.orm import Session

from app.api.asking import Asker
from app.dashboard.showing import provider_name
from app.errors import N_
from app.portal import language
from app.records import charts
from app.records.charts import Answers, Period, Step
from app.records.states import State
from app.services import services


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A period that can be chosen."""

    word: str
    steps: int
    step: Step


SPANS: Final = {
    "24h": Span(word=N_("24 hours"), steps=24, step=Step.HOUR),
    "7d": Span(word=N_("7 days"), steps=7, step=Step.DAY),
    "30d": Span(word=N_("30 days"), steps=30, step=Step.DAY),
    "90d": Span(word=N_("90 days"), steps=90, step=Step.DAY),
}
USUAL: Final = "7d"

#: How states are drawn together: word, tone, states.
OUTCOMES: Final = (
    (N_("delivered"), "good", (State.DELIVERED,)),
    (N_("under way"), "busy", (State.RECEIVING, State.DELIVERING, State.WAITING)),
    (N_("unconfirmed"), "doubt", (State.UNKNOWN,)),
    (N_("failed"), "bad", (State.FAILED,)),
    (N_("rejected or cancelled"), "soft", (State.REJECTED, State.CANCELLED)),
)
#: Of answers, the shares within whose time they came.
SHARES: Final = ((N_("half within (p50)"), "busy", 0.5), (N_("19 of 20 within (p95)"), "doubt", 0.95))
#: Tones of series that have no meaning of their own.
TONES: Final = ("busy", "doubt", "other", "bad", "soft")


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A column of the table, and a line of the chart."""

    word: str
    tone: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What is drawn, and the table that it is drawn from."""

    name: str
    title: str
    #: How it is drawn (bars on each other, or lines), and what is counted: a number, bytes, milliseconds.
    shape: str
    unit: str
    series: Sequence[Series]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(value for one in self.series for value in one.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """All charts of a period."""

    #: How each step is written: for the axis, and in full.
    steps: Sequence[tuple[str, str]]
    charts: Sequence[Chart]
    #: Provider → milliseconds within which half of its answers came, and nearly all; and how many there were.
    latency: Mapping[str, tuple[float | None, float | None, int]]


def period(chosen: str, now: datetime) -> Period:
    """The steps up to now, the last of which has not ended."""
    span, zone = SPANS[chosen], ZoneInfo(g.person.timezone)
    local = now.astimezone(zone)
    if span.step is Step.HOUR:
        since = local.replace(minute=0, second=0, microsecond=0) - timedelta(hours=span.steps - 1)
    else:
        since = local.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=span.steps - 1)
    return Period(since=since, until=now, step=span.step, zone=zone.key)


def draw(asker: Asker, session: Session, chosen: str) -> Drawn:
    """Read what is drawn of the organization that is asked for, or of all."""
    during = period(chosen, services().clock())
    points = charts.points(session, during, asker.organization_id)
    answered = charts.answers(session, during, asker.organization_id)
    moments = [point.at for point in points]
    drawn = (
        Chart(
            name="outcomes",
            title=gettext(N_("Uploads")),
            shape="bars",
            unit="count",
            series=[
                Series(word=gettext(word), tone=tone, values=[sum(p.states[s] for s in states) for p in points])
                for word, tone, states in OUTCOMES
            ],
        ),
        Chart(
            name="bytes",
            title=gettext(N_("Bytes handed in")),
            shape="bars",
            unit="bytes",
            series=[Series(word=gettext(N_("bytes")), tone="busy", values=[point.bytes for point in points])],
        ),
        Chart(
            name="latency",
            title=gettext(N_("Time until providers answer")),
            shape="lines",
            unit="ms",
            series=_latency(moments, answered),
        ),
        Chart(
            name="errors",
            title=gettext(N_("Attempts that came to nothing at a provider")),
            shape="bars",
            unit="count",
            series=_failures(moments, charts.failures(session, during, asker.organization_id)),
        ),
    )
    merged = {provider: charts.together(steps) for provider, steps in answered.items()}
    latency = {
        provider_name(provider): (found.within(0.5), found.within(0.95), found.count)
        for provider, found in sorted(merged.items())
    }
    return Drawn(steps=[_written(at, during) for at in moments], charts=drawn, latency=latency)


def _latency(moments: Sequence[datetime], answered: Mapping[str, Mapping[datetime, Answers]]) -> list[Series]:
    """Of all providers together, step by step."""
    whole: list[Answers | None] = []
    for at in moments:
        found = [steps[at] for steps in answered.values() if at in steps]
        whole.append(sum(found[1:], found[0]) if found else None)
    return [
        Series(word=gettext(word), tone=tone, values=[one.within(share) if one else None for one in whole])
        for word, tone, share in SHARES
    ]


def _failures(moments: Sequence[datetime], failures: Sequence[charts.Failures]) -> list[Series]:
    """By provider, step by step."""
    counts: dict[str, dict[datetime, int]] = {}
    for one in failures:
        of = counts.setdefault(one.provider, {})
        of[one.at] = of.get(one.at, 0) + one.count
    return [
        Series(word=provider_name(provider), tone=TONES[i % len(TONES)], values=[of.get(at, 0) for at in moments])
        for i, (provider, of) in enumerate(sorted(counts.items()))
    ]


def _written(at: datetime, during: Period) -> tuple[str, str]:
    zone, locale = ZoneInfo(during.zone), language.REGIONS[language.language()]
    local = at.astimezone(zone)
    if during.step is Step.HOUR:
        return format_datetime(local, "HH:mm", tzinfo=zone, locale=locale), language.when(at)
    return format_date(local, "d MMM", locale=locale), format_date(local, "EEEE d MMM y", locale=locale)
