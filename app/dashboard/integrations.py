"""What lets services in, and what they are told, of all organizations together."""

from __future__ import annotations

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from app.api.asking import Asker
from app.api.paging import Paging
from app.dashboard import pages, whose
from app.dashboard.pages import page
from app.dashboard.rights import Right
from app.services import services
from app.tenants import across


@page("GET", "/integrations", right=Right.SEE, everywhere=True)
def all_tokens(asker: Asker) -> ResponseReturnValue:
    """List the tokens of all organizations; the house's to owners."""
    if asker.organization_id is not None:
        return redirect(url_for("dashboard.list_tokens", organization=whose.slug(asker)))
    query, words = whose.asked(Paging), whose.words()
    with services().database.overview() as session:
        rows = across.tokens(session, words, house=_owns(), before=query.after_id, limit=query.limit + 1)
    return render_template(
        "dashboard/tokens_all.html", found=whose.listed(rows, query), words=words or "", owns=_owns()
    )


@page("GET", "/integrations/webhooks", right=Right.SEE, everywhere=True)
def all_webhooks(asker: Asker) -> ResponseReturnValue:
    """List the endpoints of all organizations; the house's to owners."""
    if asker.organization_id is not None:
        return redirect(url_for("dashboard.list_webhooks", organization=whose.slug(asker)))
    query, words = whose.asked(Paging), whose.words()
    with services().database.overview() as session:
        rows = across.endpoints(session, words, house=_owns(), before=query.after_id, limit=query.limit + 1)
    return render_template(
        "dashboard/webhooks_all.html", found=whose.listed(rows, query), words=words or "", owns=_owns()
    )


def _owns() -> bool:
    return pages.may("house_list_tokens")
