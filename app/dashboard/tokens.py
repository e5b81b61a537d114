"""Tokens, of an organization or the house: made, shown once, given a successor, withdrawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from flask import flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from app.api import tokens as api
from app.api.asking import Asker
from app.api.paging import Paging
from app.dashboard import whose
from app.dashboard.rights import Right
from app.dashboard.taking import filled
from app.dashboard.whose import both
from app.errors import N_
from app.services import services
from app.tenants.tokens import Scope

#: What each allows, in words.
SAID: Final[Mapping[Scope, str]] = {
    Scope.UPLOADS_WRITE: N_("Hand files in, and retry or cancel them"),
    Scope.UPLOADS_READ: N_("See uploads and what became of them"),
    Scope.ORGANIZATIONS_READ: N_("See how organizations are set up"),
    Scope.ORGANIZATIONS_MANAGE: N_("Make, change, suspend, export and import organizations"),
    Scope.CONNECTIONS_READ: N_("See connections; credentials are never shown"),
    Scope.CONNECTIONS_MANAGE: N_("Make, change, verify and pause connections, and replace their credentials"),
    Scope.FORMS_MANAGE: N_("Publish, change and close forms"),
    Scope.LINKS_MANAGE: N_("Make, mail and withdraw personal links"),
    Scope.RECEIPTS_READ: N_("Read receipts"),
    Scope.FILES_READ: N_("List and download what lies at the provider"),
    Scope.FILES_DELETE: N_("Delete what lies at the provider"),
    Scope.TOKENS_MANAGE: N_("Make and withdraw tokens that reach no further than this one"),
    Scope.WEBHOOKS_MANAGE: N_("Set up webhooks, and send them again"),
    Scope.AUDIT_READ: N_("Read, export and verify the audit log"),
    Scope.USAGE_READ: N_("See how much was handed in"),
    Scope.PROXY: N_("Use a provider's own API through the gateway, with the vendor's SDK"),
}
#: How long the former token is good yet, in seconds → in words.
OVERLAPS: Final = {
    "0": N_("Not at all: it ends at once"),
    "3600": N_("One hour"),
    "86400": N_("One day"),
    "604800": N_("One week"),
    "2592000": N_("30 days"),
}


@both("GET", "/tokens", right=Right.SEE)
def list_tokens(asker: Asker) -> ResponseReturnValue:
    """List the tokens, and when each was last used."""
    found = api.list_tokens(asker, whose.asked(Paging))
    return render_template("dashboard/tokens.html", asker=asker, found=found, said=SAID, overlaps=OVERLAPS)


@both("GET", "/tokens/new", right=Right.CHANGE, sensitive=True)
def new_token(asker: Asker) -> ResponseReturnValue:
    """Ask what a new token is to be called, and what it may do."""
    return render_template(
        "dashboard/token_new.html", asker=asker, scopes={one: SAID[one] for one in Scope if one in asker.scopes}
    )


@both("POST", "/tokens", right=Right.CHANGE, sensitive=True, again="new_token")
def create_token(asker: Asker) -> ResponseReturnValue:
    """Make a token, and show it this once."""
    more = {
        "scopes": request.form.getlist("scopes"),
        "networks": request.form.get("networks", "").split(),
        "expires_at": whose.last_moment("expires_at"),
    }
    made, _ = api.create_token(asker, filled(api.NewToken, **more))
    return render_template("dashboard/token_made.html", asker=asker, made=made, base=services().settings.public_url)


@both("POST", "/tokens/<uuid:token_id>/rotate", right=Right.CHANGE, sensitive=True)
def rotate_token(asker: Asker, token_id: UUID) -> ResponseReturnValue:
    """Make a token that takes the place of another, and show it this once."""
    made, _ = api.rotate_token(asker, token_id, filled(api.Rotation))
    former = api.show_token(asker, token_id)
    return render_template(
        "dashboard/token_made.html", asker=asker, made=made, former=former, base=services().settings.public_url
    )


@both("POST", "/tokens/<uuid:token_id>/revoke", right=Right.CHANGE)
def revoke_token(asker: Asker, token_id: UUID) -> ResponseReturnValue:
    """Withdraw a token."""
    gone = api.revoke_token(asker, token_id)
    flash(gettext("“%(name)s” was withdrawn and lets nobody in any more.", name=gone.name), "good")
    return redirect(whose.address("list_tokens", asker), 303)
