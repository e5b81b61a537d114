"""A new organization, from nothing to a link that takes its first file: each step is kept, and any can be gone back to.

Where somebody is follows from what there is already, so who leaves in the middle goes on there.
"""

from __future__ import annotations

from typing import Final

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.api import connections as connections_api
from app.api import forms as forms_api
from app.api import links as links_api
from app.api import organizations as api
from app.api.asking import Asker
from app.api.errors import NothingHere
from app.api.paging import Paging
from app.api.schemas import held
from app.dashboard import connections as ways
from app.dashboard import whose
from app.dashboard.pages import page
from app.dashboard.rights import Right
from app.dashboard.taking import filled
from app.dashboard.whose import ORGANIZATION
from app.errors import N_
from app.providers import registry
from app.services import services
from app.tenants import names

#: The steps after the organization itself, in order.
STEPS: Final = {
    "connection": N_("Connection"),
    "verify": N_("Verify"),
    "form": N_("Form"),
    "link": N_("Link"),
}
SETUP: Final = f"{ORGANIZATION}/setup"


@page("GET", "/new-organization", right=Right.CHANGE)
def new_organization(asker: Asker) -> ResponseReturnValue:  # noqa: ARG001 - whoever it is
    """Ask for what an organization is called."""
    return render_template(
        "dashboard/organizations/new.html",
        steps=STEPS,
        zones=[(zone, zone) for zone in names.zones()],
        zone=services().settings.default_timezone,
    )


@page("POST", "/new-organization", right=Right.CHANGE, again="new_organization")
def create_organization(asker: Asker) -> ResponseReturnValue:
    """Make an organization, and go on to its connection."""
    made, _ = api.create_organization(asker, filled(api.NewOrganization))
    return _step(made.slug, "connection")


@page("GET", SETUP, right=Right.CHANGE)
def set_up(asker: Asker) -> ResponseReturnValue:
    """Go on where what there is ends."""
    through = connections_api.list_connections(asker, Paging()).items
    if not through:
        return _step(asker.slug, "connection")
    if through[0].verified_at is None:
        return _step(asker.slug, "verify")
    return _step(asker.slug, "link" if forms_api.list_forms(asker, Paging()).items else "form")


@page("GET", f"{SETUP}/connection", right=Right.CHANGE, sensitive=True)
def set_up_connection(asker: Asker) -> ResponseReturnValue:
    """Ask for the connection."""
    return render_template(
        "dashboard/organizations/setup_connection.html",
        asker=asker,
        steps=STEPS,
        through=connections_api.list_connections(asker, Paging()).items,
        **ways.asked_for(asker),
    )


@page("POST", f"{SETUP}/connection", right=Right.CHANGE, sensitive=True, again="set_up_connection")
def make_connection(asker: Asker) -> ResponseReturnValue:
    """Try what was typed, keep it, and go on."""
    template = "dashboard/organizations/setup_connection.html"
    made = ways.make(asker, template, steps=STEPS, through=())
    return made if isinstance(made, Response) else _step(asker.slug, "verify")


@page("GET", f"{SETUP}/verify", right=Right.CHANGE)
def set_up_verify(asker: Asker) -> ResponseReturnValue:
    """Show whether the provider takes it."""
    through = connections_api.list_connections(asker, Paging()).items
    if not through:
        return _step(asker.slug, "connection")
    return render_template("dashboard/organizations/setup_verify.html", asker=asker, steps=STEPS, through=through)


@page("POST", f"{SETUP}/verify", right=Right.CHANGE)
def verify_set_up(asker: Asker) -> ResponseReturnValue:
    """Try the connections, and say what their providers say."""
    for one in connections_api.list_connections(asker, Paging()).items:
        verdict = connections_api.verify_connection(asker, one.name)
        flash(f"{one.name}: {verdict.detail}", "good" if verdict.ok else "bad")
    return _step(asker.slug, "verify")


@page("GET", f"{SETUP}/form", right=Right.CHANGE)
def set_up_form(asker: Asker) -> ResponseReturnValue:
    """Ask what customers hand in."""
    through = connections_api.list_connections(asker, Paging()).items
    if not through:
        return _step(asker.slug, "connection")
    operations = [
        (f"{one.name} {operation.slug}", one.name, operation)
        for one in through
        for operation in registry.provider(one.provider).operations
    ]
    forms = forms_api.list_forms(asker, Paging()).items
    return render_template(
        "dashboard/organizations/setup_form.html", asker=asker, steps=STEPS, operations=operations, forms=forms
    )


@page("POST", f"{SETUP}/form", right=Right.CHANGE, again="set_up_form")
def make_form(asker: Asker) -> ResponseReturnValue:
    """Publish a form, and go on."""
    through, _, operation = request.form.get("operation", "").partition(" ")
    if operation not in registry.OPERATIONS:
        raise NothingHere
    said = {"connection": through, "operation": operation, "open": True, "attended": "attended" in request.form}
    body = held(lambda: forms_api.NewForm.model_validate(said))
    forms_api.create_form(asker, body)
    return _step(asker.slug, "link")


@page("GET", f"{SETUP}/link", right=Right.CHANGE)
def set_up_link(asker: Asker) -> ResponseReturnValue:
    """Ask whom the first link is for."""
    forms = forms_api.list_forms(asker, Paging()).items
    if not forms:
        return _step(asker.slug, "form")
    return render_template(
        "dashboard/organizations/setup_link.html",
        asker=asker,
        steps=STEPS,
        forms=forms,
        mails=services().mailer is not None,
        operations=registry.OPERATIONS,
    )


@page("POST", f"{SETUP}/link", right=Right.CHANGE, again="set_up_link")
def make_link(asker: Asker) -> ResponseReturnValue:
    """Make the link, and show where it leads in this once."""
    forms = {str(one.id): one for one in forms_api.list_forms(asker, Paging()).items}
    into = forms.get(request.form.get("form", ""))
    if into is None:
        raise NothingHere
    made, _ = links_api.create_link(
        asker, into.id, filled(links_api.NewLink, expires_at=whose.last_moment("expires_at"))
    )
    return render_template("dashboard/organizations/setup_done.html", asker=asker, steps=STEPS, made=made, form=into)


def _step(slug: str | None, step: str) -> Response:
    endpoint = f"dashboard.set_up_{step}"
    return redirect(url_for(endpoint, organization=slug), 303)  # type: ignore[return-value]
