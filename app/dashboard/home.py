"""Home: what needs a person now, how the providers do, and how it went over a period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.api.asking import Asker
from app.dashboard import charting, needing, seeing, taking
from app.dashboard.pages import page
from app.dashboard.rights import Right
from app.errors import N_
from app.records import standing
from app.records.models import Upload
from app.services import services
from app.tenants.models import Connection, Form, Organization


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """A step that a new installation, or organization, is still to take."""

    title: str
    about: str
    done: bool
    #: Where it is taken.
    address: str | None


@page("GET", "", right=Right.SEE, everywhere=True)
def home(asker: Asker) -> ResponseReturnValue:
    """Show what needs a person now."""
    with seeing.seen(asker) as session:
        firsts = first_steps(asker, session)
        entries = list(needing.entries(asker, session))
        standings = standing.standings(session, services().clock(), asker.organization_id)
    return render_template(
        "dashboard/home.html",
        firsts=[] if all(one.done for one in firsts) else firsts,
        entries=entries,
        standings=standings,
        spans=charting.SPANS,
        chosen=_chosen(),
        usage=seeing.way("/usage"),
    )


@page("GET", "/charts", right=Right.SEE, everywhere=True)
def show_charts(asker: Asker) -> ResponseReturnValue:
    """Show how it went over a period: a part of Home, or a page where there are no scripts."""
    chosen = _chosen()
    with seeing.seen(asker) as session:
        drawn = charting.draw(asker, session, chosen)
    template = "dashboard/_charts.html" if taking.by_htmx() else "dashboard/charts.html"
    return render_template(template, drawn=drawn, spans=charting.SPANS, chosen=chosen)


def first_steps(asker: Asker, session: Session) -> Sequence[First]:
    """What there has to be before the first file is delivered, and what of it is there."""
    house = asker.organization_id is None
    there = {
        kind: bool(session.scalar(select(exists(select(kind.id))))) for kind in (Organization, Connection, Form, Upload)
    }
    steps = [
        First(
            title=N_("Bring an organization in"),
            about=N_("Whoever hands in: its name, its RFC and how its pages look."),
            done=there[Organization],
            address=seeing.way("/new-organization"),
        ),
        First(
            title=N_("Connect a provider"),
            about=N_("The API that its files go to, and the key that opens it, which nobody is shown again."),
            done=there[Connection],
            address=seeing.way("/organizations") if house else None,
        ),
        First(
            title=N_("Publish a form"),
            about=N_("A page to hand files in, or a personal link for one customer."),
            done=there[Form],
            address=seeing.way("/forms"),
        ),
        First(
            title=N_("Have the first file delivered"),
            about=N_("Hand one in through the form, and see it arrive."),
            done=there[Upload],
            address=seeing.way("/uploads"),
        ),
    ]
    return steps if house else steps[1:]


def _chosen() -> str:
    chosen = request.args.get("period", "")
    return chosen if chosen in charting.SPANS else charting.USUAL
