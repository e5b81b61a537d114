"""What was handed in: a table that stays true while it is open, narrowed by its address, and taken out as one.

What changes in a row changes in its place; what comes in is only counted above, until somebody wants to see it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from flask import Response, render_template, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import spreadsheets
from app.api import places
from app.api.asking import Asker
from app.api.errors import BadCursor
from app.dashboard import narrowing
from app.dashboard.pages import page
from app.dashboard.rights import Right
from app.dashboard.seeing import seen
from app.providers import registry
from app.records import finding
from app.records.finding import Slice, Sought
from app.records.searching import Place
from app.records.states import State
from app.services import services

ROWS: Final = 50
#: Rows that are looked at for what changed, and new ones that are counted.
MOST: Final = 200
#: Whoever writes looked at the clock some time before what it wrote was seen.
LATE: Final = timedelta(seconds=15)
COLUMNS: Final = (
    "id",
    "organization",
    "connection",
    "operation",
    "state",
    "provider_status",
    "problem",
    "filename",
    "size",
    "sha256",
    "reference",
    "external_id",
    "created_at",
    "updated_at",
)


@page("GET", "/uploads", right=Right.SEE, everywhere=True)
def list_uploads(asker: Asker) -> ResponseReturnValue:
    """List uploads, the newest first."""
    now = services().clock()
    with seen(asker) as session:
        sought = narrowing.narrowed(asker, session, request.args)
        found = _page(session, sought)
    newest = found.lines[0].place if found.lines else (now, narrowing.NOWHERE)
    oldest = found.lines[-1].place if found.lines else newest
    kept = narrowing.kept(request.args)
    return render_template(
        "dashboard/uploads.html",
        found=found,
        kept=kept,
        narrower=not kept.keys() <= {"q", "state"},
        everywhere=asker.organization_id is None,
        states=State,
        chosen=request.args.getlist("state"),
        providers=registry.PROVIDERS,
        operations=registry.OPERATIONS,
        most=MOST,
        live=_live(kept, newest, oldest, now, first=not found.newer),
        newer=url_for("dashboard.list_uploads", **kept, before=places.written(newest)),
        older=url_for("dashboard.list_uploads", **kept, behind=places.written(oldest)),
    )


@page("GET", "/uploads/live", right=Right.SEE, everywhere=True)
def show_changes(asker: Asker) -> ResponseReturnValue:
    """Show what changed of the rows that are on an open page, and how many came in since; nothing where nothing did."""
    now, args = services().clock(), request.args
    newest, oldest = narrowing.place(args, "newest"), narrowing.place(args, "oldest")
    if newest is None or oldest is None:
        raise BadCursor(field="newest")
    with seen(asker) as session:
        sought = narrowing.narrowed(asker, session, args)
        # Before a page further on there is always more: that is not new.
        new = finding.newer(session, sought, newest, most=MOST) if args.get("first") else 0
        changed = finding.changed(session, newest, oldest, _moment(args.get("at"), now), most=MOST)
    if not changed and new == args.get("new", type=int):
        return "", 204
    kept = narrowing.kept(args)
    return render_template(
        "dashboard/_uploads_live.html",
        kept=kept,
        new=new,
        changed=changed,
        most=MOST,
        live=_live(kept, newest, oldest, now, new=new, first=bool(args.get("first"))),
    )


@page("GET", "/uploads.csv", right=Right.SEE, everywhere=True)
def export_uploads(asker: Asker) -> ResponseReturnValue:
    """Take out what the filters leave, all of it, as a table."""
    with seen(asker) as session:
        sought = narrowing.narrowed(asker, session, request.args)
    headers = {"Content-Disposition": 'attachment; filename="uploads.csv"', "Cache-Control": "no-store"}
    return Response(stream_with_context(_sheet(asker, sought)), headers=headers, content_type="text/csv; charset=utf-8")


def _page(session: Session, sought: Sought) -> Slice:
    before, behind = narrowing.place(request.args, "before"), narrowing.place(request.args, "behind")
    if before is not None:
        found = finding.before(session, sought, before, limit=ROWS)
        if found.newer:
            return found
        behind = None  # from the beginning, so that the first page is a whole one
    return finding.behind(session, sought, behind, limit=ROWS)


def _live(kept: dict[str, Any], newest: Place, oldest: Place, now: datetime, *, first: bool, new: int = 0) -> str:
    """Where an open page asks what changed; `new`: how many it offers to show already."""
    at: dict[str, Any] = {
        "newest": places.written(newest),
        "oldest": places.written(oldest),
        "at": (now - LATE).isoformat(),
        "first": "1" if first else None,
        "new": new,
    }
    return url_for("dashboard.show_changes", **kept, **at)


def _moment(written: str | None, now: datetime) -> datetime:
    try:
        return datetime.fromisoformat(written or "").astimezone(now.tzinfo)
    except (ValueError, OverflowError):
        raise BadCursor(field="at") from None


def _sheet(asker: Asker, sought: Sought) -> Iterator[str]:
    yield spreadsheets.written([COLUMNS])
    place: Place | None = None
    more = True
    while more:
        with seen(asker) as session:
            found = finding.behind(session, sought, place, limit=finding.BATCH)
        yield spreadsheets.written([getattr(line, name) for name in COLUMNS] for line in found.lines)
        more, place = found.older, found.lines[-1].place if found.lines else None
