"""One field to find anything by: organizations and uploads that have these words."""

from __future__ import annotations

from typing import Final

from flask import render_template, request
from flask.typing import ResponseReturnValue

from app.api.asking import Asker
from app.dashboard import seeing
from app.dashboard.pages import page
from app.dashboard.rights import Right
from app.records import directory, finding
from app.services import services

#: Of each kind; the lists have the others.
SHOWN: Final = 8
LONGEST: Final = 200


@page("GET", "/search", right=Right.SEE, everywhere=True)
def search(asker: Asker) -> ResponseReturnValue:
    """Show organizations and uploads that have these words, of those that one may see."""
    words, now = request.args.get("q", "")[:LONGEST].replace("\0", "").strip(), services().clock()
    organizations: list[tuple[directory.Listed, str | None]] = []
    uploads: list[tuple[finding.Line, str | None]] = []
    more = False
    if words:
        with seeing.seen(asker) as session:
            found = finding.behind(session, finding.Sought(words=words), None, limit=SHOWN)
            if asker.organization_id is None:
                listed = directory.organizations(
                    session, directory.Sought(words=words), now=now, month=now, limit=SHOWN
                )
                organizations = [(one, seeing.way("/organizations/<>", one.slug)) for one in listed]
        uploads = [(one, seeing.way("/uploads/<>", one.id)) for one in found.lines]
        more = found.older
    every = seeing.way("/uploads") if more else None
    return render_template(
        "dashboard/search.html",
        words=words,
        organizations=organizations,
        uploads=uploads,
        every=every,
    )
