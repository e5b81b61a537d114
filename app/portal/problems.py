"""Pages for what went wrong where no form can say it: nothing here, closed, withdrawn, our own fault."""

from __future__ import annotations

import math
from typing import Final

import structlog
from flask import Flask, Response, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from werkzeug.exceptions import HTTPException

from app.database import AWAY, DatabaseAway
from app.errors import N_, Refusal
from app.portal.errors import Closed, NothingHere
from app.portal.language import say
from app.tenants.errors import LinkClosed

log = structlog.get_logger("ventanilla.portal")

#: Headings of the pages that a refusal has to itself.
TITLES: Final = {
    "not-found": N_("There is nothing here"),
    "form-closed": N_("This form is closed"),
    "form-link-only": N_("You need your personal link"),
    "not-embedded": N_("Open the form on its own page"),
    "organization-suspended": N_("Not at the moment"),
    "link-expired": N_("This link has expired"),
    "link-used-up": N_("This link has been used"),
    "link-revoked": N_("This link was withdrawn"),
    "foreign-origin": N_("Open the form here"),
}
FAULTS: Final = {
    403: (N_("You cannot go in here"), N_("This page is not open to you. If somebody sent you the address, ask them.")),
    404: (TITLES["not-found"], N_("Check the address: part of it may be missing. If you copied it, copy it whole.")),
    405: (N_("This page cannot do that"), N_("Go back, open the page again and try once more.")),
    413: (
        N_("That is too large"),
        N_("What was sent is larger than this page takes. Check that you chose the right file."),
    ),
    500: (
        N_("Something failed on our side"),
        N_(
            "It is not your fault. Wait a few minutes and try again; if you were handing something in, "
            "ask first whether it arrived."
        ),
    ),
}
OTHERWISE: Final = (N_("That did not work"), N_("Go back, open the page again and try once more."))


def init_app(app: Flask) -> None:
    """Answer every refusal and every HTTP error with a page of the portal's kind."""
    app.register_error_handler(Refusal, refused)
    app.register_error_handler(HTTPException, failed)
    for fault in AWAY:
        app.register_error_handler(fault, away)


def shuts(refusal: Refusal) -> bool:
    """Whether the way in is shut, so that showing the form again would be a false promise."""
    return isinstance(refusal, Closed | LinkClosed)


def come_again(refusal: Refusal) -> dict[str, str]:
    """The header that says when, where that can be said."""
    return {} if refusal.retry_after is None else {"Retry-After": str(math.ceil(refusal.retry_after))}


def refused(refusal: Refusal) -> ResponseReturnValue:
    """Show a refusal that no form can."""
    title, text = gettext(TITLES.get(refusal.slug, OTHERWISE[0])), say(refusal.slug, refusal.params)
    if refusal.slug == NothingHere.slug:  # whoever looks at a page can do something about it
        text = gettext(FAULTS[404][1])
    response = _page(refusal.status, title, text)
    response.headers.update(come_again(refusal))
    return response


def away(fault: Exception) -> ResponseReturnValue:
    """Show that the database is away."""
    log.error("database away", cause=type(fault).__name__)
    return refused(DatabaseAway())


def failed(fault: HTTPException) -> ResponseReturnValue:
    """Show an HTTP error; redirects pass as they are."""
    code = fault.code or 500
    if code < 400:
        return fault.get_response(request.environ)
    title, text = FAULTS.get(code, OTHERWISE)
    response = _page(code, gettext(title), gettext(text))
    for name, value in fault.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def _page(status: int, title: str, text: str) -> Response:
    return make_response(render_template("portal/problem.html", title=title, text=text, status=status), status)
