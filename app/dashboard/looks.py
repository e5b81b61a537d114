"""How the pages look to somebody: light, dark, or as their device has it. It is kept by the browser, not by us."""

from __future__ import annotations

from typing import Final

from flask import current_app, redirect, request
from flask.typing import ResponseReturnValue

from app.api.asking import Asker
from app.dashboard import pages
from app.dashboard.pages import page
from app.errors import N_
from app.portal.language import YEAR_SECONDS

COOKIE: Final = "theme"
AUTO: Final = "auto"
#: What stands in the cookie → what it is called.
THEMES: Final = {AUTO: N_("As this device"), "light": N_("Light"), "dark": N_("Dark")}


def theme() -> str:
    """The theme that was chosen in this browser."""
    chosen = request.cookies.get(COOKIE, AUTO)
    return chosen if chosen in THEMES else AUTO


@page("POST", "/theme", right=None)
def set_theme(asker: Asker) -> ResponseReturnValue:  # noqa: ARG001 - whoever it is
    """Keep a theme, and show the page again from which it was chosen."""
    response = redirect(pages.came_from() or pages.PREFIX, 303)
    chosen = request.form.get("theme")
    if chosen in THEMES:
        secure: bool = current_app.config["SESSION_COOKIE_SECURE"]
        response.set_cookie(COOKIE, chosen, max_age=YEAR_SECONDS, httponly=True, secure=secure, samesite="Lax")
    return response
