"""What each organization handed in, month by month: as a page, and as a table to bill by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from flask import Response, g, render_template, request
from flask.typing import ResponseReturnValue

from app import spreadsheets
from app.api import ledgers
from app.api.asking import Asker
from app.api.ledgers import Usage, UsageQuery, Used
from app.api.schemas import asked
from app.dashboard import seeing
from app.dashboard.pages import page
from app.dashboard.rights import Right
from app.records.states import State
from app.services import services

#: Organizations that the page shows, those with most first; the table to bill by has all of them.
MOST: Final = 200
#: Months that can be chosen, the last one first.
MONTHS: Final = 24
COLUMNS: Final = ("organization", "month", "operation", "state", "uploads", "bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """What one organization handed in during a month."""

    organization: str
    uploads: int
    delivered: int
    #: Failed, rejected or cancelled.
    ended: int
    bytes: int


@page("GET", "/usage", right=Right.SEE, everywhere=True)
def show_usage(asker: Asker) -> ResponseReturnValue:
    """Show what each organization handed in during a month."""
    months = _months()
    chosen = request.args.get("month", months[0])
    chosen = chosen if chosen in months else months[0]
    sums = sorted(_sums(_used(asker, chosen, chosen).items), key=lambda one: (-one.uploads, one.organization))
    return render_template(
        "dashboard/usage.html",
        sums=[(seeing.way("/organizations/<>", one.organization), one) for one in sums[:MOST]],
        more=max(len(sums) - MOST, 0),
        months=months,
        chosen=chosen,
        whole=_whole(sums),
    )


@page("GET", "/usage.csv", right=Right.SEE, everywhere=True)
def export_usage(asker: Asker) -> ResponseReturnValue:
    """Give the same as a table, by operation and by what became of it: of the months that are asked for."""
    query = asked(UsageQuery, request)
    assert isinstance(query, UsageQuery)  # noqa: S101 - what was asked for
    found = _used(asker, query.since, query.until).items
    written = spreadsheets.written([COLUMNS, *([getattr(one, name) for name in COLUMNS] for one in found)])
    name = "-".join(filter(None, ("usage", query.since, query.until)))
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(written, content_type="text/csv; charset=utf-8", headers=headers)


def _used(asker: Asker, since: str | None, until: str | None) -> Usage:
    return ledgers.list_usage(asker, UsageQuery(since=since, until=until))


def _months() -> list[str]:
    now = services().clock().astimezone(ZoneInfo(g.person.timezone))
    last = now.year * 12 + now.month - 1
    return [f"{month // 12}-{month % 12 + 1:02}" for month in range(last, last - MONTHS, -1)]


def _sums(items: Iterable[Used]) -> list[Sum]:
    found: dict[str, dict[str, int]] = {}
    for one in items:
        of = found.setdefault(one.organization, {"uploads": 0, "delivered": 0, "ended": 0, "bytes": 0})
        of["uploads"] += one.uploads
        of["bytes"] += one.bytes
        if one.state is State.DELIVERED:
            of["delivered"] += one.uploads
        elif one.state in {State.FAILED, State.REJECTED, State.CANCELLED}:
            of["ended"] += one.uploads
    return [Sum(organization=slug, **counts) for slug, counts in found.items()]


def _whole(sums: Sequence[Sum]) -> Sum:
    return Sum(
        organization="",
        uploads=sum(one.uploads for one in sums),
        delivered=sum(one.delivered for one in sums),
        ended=sum(one.ended for one in sums),
        bytes=sum(one.bytes for one in sums),
    )
