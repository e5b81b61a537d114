"""Connections, of organizations and the house: tried and kept in one go, replaced without a gap, paused, looked at."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, TypeVar

from flask import Response, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from pydantic import SecretStr

from app.api import connections as api
from app.api import replacing, stored
from app.api.asking import Asker
from app.api.errors import NothingHere, NotOffered, SharedKey, Untold
from app.api.paging import Cursor, Paging, signed
from app.api.schemas import held
from app.dashboard import choosing, declared, refusing, whose
from app.dashboard.pages import page
from app.dashboard.rights import Right
from app.dashboard.whose import address, both
from app.delivery.errors import ConnectionPaused
from app.errors import N_
from app.providers import registry
from app.providers.base import Lists, Provider
from app.records import directory, in_use
from app.services import services
from app.tenants import connections
from app.tenants.models import Environment

T = TypeVar("T")

ONE: Final = "/connections/<connection>"
#: Credentials that end so soon are among those that end.
SOON: Final = timedelta(days=30)
#: What a list can be narrowed to.
PAUSED, ENDING = "paused", "ending"
#: In the place of a connection's name, where one is not kept yet.
BEYOND: Final = "\x1f"
#: What reads differently to whoever set it up than to customers.
SAID: Final = {
    "credential-refused": N_("It refuses the credential. Check that it was copied whole, and is for this environment."),
    "settings-wrong": N_("The credential does not reach what the settings name. Check both there."),
}


@page("GET", "/connections", right=Right.SEE, everywhere=True)
def all_connections(asker: Asker) -> ResponseReturnValue:
    """List the connections of all organizations, and the house's."""
    if asker.organization_id is not None:
        return redirect(url_for("dashboard.list_connections", organization=whose.slug(asker)))
    query, state, provider = whose.asked(Paging), request.args.get("state"), request.args.get("provider") or None
    before, _, last = (query.after or "").partition(BEYOND)
    with services().database.overview() as session:
        rows = directory.ways(
            session,
            after=(before, last),
            limit=query.limit + 1,
            paused=state == PAUSED,
            ending_before=services().clock() + SOON if state == ENDING else None,
            provider=provider,
        )
    shown = rows[: query.limit]
    place = f"{shown[-1].organization or ''}{BEYOND}{shown[-1].name}" if len(rows) > query.limit else None
    return render_template(
        "dashboard/connections/all.html",
        found=shown,
        next=signed(place),
        providers=registry.PROVIDERS,
        soon=services().clock() + SOON,
    )


@both("GET", "/connections", right=Right.SEE)
def list_connections(asker: Asker) -> ResponseReturnValue:
    """List the connections of an organization, or the house's."""
    found = api.list_connections(asker, whose.asked(Paging))
    return render_template("dashboard/connections/list.html", asker=asker, found=found, providers=registry.PROVIDERS)


@both("GET", "/connections/new", right=Right.CHANGE, sensitive=True)
def new_connection(asker: Asker) -> ResponseReturnValue:
    """Ask for what a connection to a provider is made of, as that one declares it."""
    return render_template("dashboard/connections/new.html", asker=asker, **asked_for(asker))


@both("POST", "/connections", right=Right.CHANGE, sensitive=True, again="new_connection")
def create_connection(asker: Asker) -> ResponseReturnValue:
    """Try what was typed, and keep it if the provider takes it."""
    made = make(asker)
    if isinstance(made, Response):
        return made
    flash(gettext("The connection is there, and the provider takes its credential."), "good")
    return redirect(address("show_connection", asker, connection=made.name), 303)


@both("GET", ONE, right=Right.SEE)
def show_connection(asker: Asker, connection: str) -> ResponseReturnValue:
    """Show a connection: how it stands, when it was used, what it last came to nothing by."""
    return _shown(asker, connection)


@both("POST", f"{ONE}/settings", right=Right.CHANGE, again="show_connection")
def edit_connection(asker: Asker, connection: str) -> ResponseReturnValue:
    """Change a connection's settings."""
    provider = _provider(asker, connection)
    api.edit_connection(asker, connection, api.ConnectionChange(settings=declared.typed_settings(provider)))
    flash(gettext("Saved. Verify it, if it leads elsewhere now."), "good")
    return redirect(address("show_connection", asker, connection=connection), 303)


@both("POST", f"{ONE}/credential", right=Right.CHANGE, sensitive=True, again="show_connection")
def replace_credential(asker: Asker, connection: str) -> ResponseReturnValue:
    """Put a new credential in the place of the former once the provider has taken it."""
    secrets = {name: SecretStr(value) for name, value in declared.typed_secrets(_provider(asker, connection)).items()}
    try:
        replacing.replace_credential(asker, connection, replacing.Replacement(credential=secrets))
    except Untold as untold:
        return _answered(_shown(asker, connection, refused=told(untold)))
    flash(
        gettext("The new credential is in use. The former is not used any more; withdraw it at the provider."), "good"
    )
    return redirect(address("show_connection", asker, connection=connection), 303)


@both("POST", f"{ONE}/verify", right=Right.CHANGE)
def verify_connection(asker: Asker, connection: str) -> ResponseReturnValue:
    """Try the credential, and say what the provider says."""
    verdict = api.verify_connection(asker, connection)
    flash(
        gettext("The provider takes it: %(detail)s", detail=verdict.detail) if verdict.ok else verdict.detail,
        "good" if verdict.ok else "bad",
    )
    return redirect(address("show_connection", asker, connection=connection), 303)


@both("POST", f"{ONE}/pause", right=Right.CHANGE)
def pause_connection(asker: Asker, connection: str) -> ResponseReturnValue:
    """Let nothing more be sent along a connection."""
    api.pause_connection(asker, connection)
    flash(gettext("Nothing more is sent along it. What is kept waits."), "good")
    return redirect(address("show_connection", asker, connection=connection), 303)


@both("POST", f"{ONE}/resume", right=Right.CHANGE)
def resume_connection(asker: Asker, connection: str) -> ResponseReturnValue:
    """Let a paused connection be used again."""
    api.resume_connection(asker, connection)
    flash(gettext("It is used again, and what waited goes on."), "good")
    return redirect(address("show_connection", asker, connection=connection), 303)


@page("GET", f"/organizations/<organization>{ONE}/files", right=Right.CHANGE)
def list_files(asker: Asker, connection: str) -> ResponseReturnValue:
    """List what lies at the provider, asked for at this moment."""
    found, refused = None, None
    try:
        found = stored.list_files(asker, connection, whose.asked(Cursor))
    except Untold as untold:
        refused = told(untold)
    except (NotOffered, SharedKey, ConnectionPaused) as refusal:
        refused = refusing.sentence(refusal.slug, refusal.params)
    return render_template(
        "dashboard/connections/files.html", asker=asker, connection=connection, found=found, refused=refused
    )


@page("GET", f"/organizations/<organization>{ONE}/file", right=Right.CHANGE)
def give_file(asker: Asker, connection: str) -> ResponseReturnValue:
    """Give one thing that lies there, while it comes."""
    return stored.give_file(asker, connection, request.args.get("id", ""))


def asked_for(asker: Asker) -> dict[str, Any]:
    """What the form of a new connection needs: the provider that was chosen, what it declares, who may lend."""
    chosen = request.values.get("provider", "") if "faults" not in g else request.form.get("provider", "")
    provider = registry.PROVIDERS.get(chosen)
    return {
        "providers": registry.PROVIDERS,
        "provider": provider,
        "settings": declared.settings(provider) if provider and asker.organization_id else (),
        "secrets": declared.secrets(provider) if provider else (),
        "secret_words": declared.SECRETS,
        "lenders": _lenders(asker, chosen),
        "environments": [
            one for one in Environment if one is not Environment.SANDBOX or services().settings.sandbox_url
        ],
        "makes": provider is not None and any(declared.choosable(provider).values()),
    }


def make(asker: Asker, template: str = "dashboard/connections/new.html", **more: Any) -> api.Connection | Response:
    """Make the connection that was typed, if its provider takes it; else the page again, with why not.

    Of Facturapi's organization: the one that was picked, or made there by the name that was given.
    """
    form, provider = request.form, registry.PROVIDERS.get(request.form.get("provider", ""))
    if provider is None:
        raise NothingHere
    secrets, lender = declared.typed_secrets(provider), form.get("house_connection", "") or None
    settings = declared.typed_settings(provider) if asker.organization_id else {}
    said = {
        "name": form.get("name", "").strip() or None,
        "provider": provider.slug,
        "environment": form.get("environment", ""),
        "settings": settings,
        "house_connection": lender,
        "credential": None if lender else secrets,
    }
    body = held(lambda: api.NewConnection.model_validate(said))
    try:
        chosen = choosing.choose(asker, provider, body)
        if isinstance(chosen, list):
            page_ = render_template(template, asker=asker, choices=chosen, **asked_for(asker), **more)
            return _answered(page_, 200)
        if lender is None and "anyway" not in form:
            return replacing.create_tried(asker, chosen)
        made, _ = api.create_connection(asker, chosen)
    except Untold as untold:
        return _answered(render_template(template, asker=asker, refused=told(untold), **asked_for(asker), **more))
    verdict = api.verify_connection(asker, made.name)
    if not verdict.ok and "anyway" not in form:
        flash(verdict.detail, "bad")
    return made


def told(untold: Untold) -> str:
    """What a provider did not do, in our words and its own."""
    return refusing.told(untold.outcome, untold.organization, SAID)


def _lenders(asker: Asker, provider: str) -> Sequence[str]:
    """House connections that may lend; the house alone says so."""
    if asker.organization_id is None or not asker.is_house or not provider:
        return ()
    with services().database.transaction(None) as session:
        return [one.name for one in connections.listing(session) if one.provider == provider]


def _provider(asker: Asker, connection: str) -> Provider:
    return registry.provider(api.show_connection(asker, connection).provider)


def _shown(asker: Asker, connection: str, **more: Any) -> str:
    row = api.show_connection(asker, connection)
    provider = registry.provider(row.provider)
    with asker.transaction() as session:
        used = in_use.use(session, api.find(session, connection).id)
    return render_template(
        "dashboard/connections/one.html",
        asker=asker,
        connection=row,
        provider=provider,
        used=used,
        settings=declared.settings(provider) if asker.organization_id else (),
        secrets=declared.secrets(provider),
        secret_words=declared.SECRETS,
        lists=isinstance(provider, Lists) and asker.organization_id is not None,
        soon=services().clock() + SOON,
        **more,
    )


def _answered(page_: str, status: int = 422) -> Response:
    return make_response(page_, status)
