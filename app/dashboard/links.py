"""Personal links: made, mailed, drawn for phones, withdrawn, and where each got to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from app.api import forms as forms_api
from app.api import links as api
from app.api.asking import Asker
from app.dashboard import whose
from app.dashboard.pages import page
from app.dashboard.rights import Right
from app.dashboard.taking import filled
from app.dashboard.whose import ORGANIZATION
from app.errors import N_
from app.providers import registry
from app.services import services
from app.tenants.links import Standing

#: What a list can be narrowed to, in words.
STANDINGS: Final[Mapping[Standing, str]] = {
    Standing.OPEN: N_("Lead in"),
    Standing.EXPIRING: N_("End within a week"),
    Standing.UNOPENED: N_("Never opened"),
    Standing.UNUSED: N_("Not used yet"),
    Standing.USED_UP: N_("Used up"),
    Standing.EXPIRED: N_("Ended"),
    Standing.REVOKED: N_("Withdrawn"),
}
INTO: Final = f"{ORGANIZATION}/forms/<uuid:form_id>/links"


@page("GET", f"{ORGANIZATION}/links", right=Right.SEE)
def list_links(asker: Asker) -> ResponseReturnValue:
    """List the links into all forms, narrowed by what the address says."""
    query = whose.asked(api.LinkQuery)
    found = api.search_links(asker, query)
    return render_template("dashboard/links.html", asker=asker, found=found, query=query, standings=STANDINGS)


@page("GET", f"{INTO}/new", right=Right.CHANGE)
def new_link(asker: Asker, form_id: UUID) -> ResponseReturnValue:
    """Ask whom a new link is for, and for how long."""
    form = forms_api.show_form(asker, form_id)
    return render_template(
        "dashboard/link_new.html",
        asker=asker,
        form=form,
        operation=registry.operation(form.operation),
        mails=services().mailer is not None,
        usual=api.USUAL.days,
    )


@page("POST", INTO, right=Right.CHANGE, again="new_link")
def create_link(asker: Asker, form_id: UUID) -> ResponseReturnValue:
    """Make a link, and show where it leads in this once."""
    made, _ = api.create_link(asker, form_id, filled(api.NewLink, expires_at=whose.last_moment("expires_at")))
    return render_template("dashboard/link_made.html", asker=asker, made=made, email=request.form.get("email", ""))


@page("POST", f"{ORGANIZATION}/links/<uuid:link_id>/revoke", right=Right.CHANGE)
def revoke_link(asker: Asker, link_id: UUID) -> ResponseReturnValue:
    """Withdraw a link."""
    api.revoke_link(asker, link_id)
    flash(gettext("The link was withdrawn and leads in no more."), "good")
    return redirect(url_for("dashboard.list_links", organization=asker.slug), 303)
