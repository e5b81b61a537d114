"""How the pages are to somebody: their language, light or dark or as their device has it, and whether single keys do
something.

The language is the person's and is kept with them; the rest is the browser's, and no matter of ours.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from flask import redirect, request
from flask.typing import ResponseReturnValue

from app.api.asking import Asker
from app.api.errors import NothingHere
from app.dashboard import pages
from app.dashboard.pages import page
from app.database import HOUSE
from app.errors import N_
from app.portal import cookies
from app.portal.language import YEAR_SECONDS
from app.services import services
from app.tenants import people

COOKIE: Final = "theme"
AUTO: Final = "auto"
#: What stands in the cookie → what it is called.
THEMES: Final = {AUTO: N_("As this device"), "light": N_("Light"), "dark": N_("Dark")}


KEYS: Final = "keys"
ON, OFF = "on", "off"


def keys() -> str:
    """Whether single keys do something in this browser."""
    return OFF if cookies.read(KEYS) == OFF else ON


def theme() -> str:
    """The theme that was chosen in this browser."""
    chosen = cookies.read(COOKIE)
    return chosen if chosen in THEMES else AUTO


@page("POST", "/theme", right=None)
def set_theme(asker: Asker) -> ResponseReturnValue:  # noqa: ARG001 - whoever it is
    """Keep a theme, and show the page again from which it was chosen."""
    return _kept(COOKIE, THEMES)


@page("POST", "/keys", right=None)
def set_keys(asker: Asker) -> ResponseReturnValue:  # noqa: ARG001 - whoever it is
    """Turn single keys off or on, and show the page again."""
    return _kept(KEYS, {ON, OFF})


@page("POST", "/language", right=None)
def set_language(asker: Asker) -> ResponseReturnValue:
    """Speak another language to somebody from now on, and show the page again from which they chose it."""
    with services().database.transaction(HOUSE) as session:
        user = people.lock(session, asker.id)
        if user is None:
            raise NothingHere
        people.edit(user, locale=request.form.get("language", ""))
    return redirect(pages.came_from() or pages.PREFIX, 303)


def _kept(name: str, choices: Container[str]) -> ResponseReturnValue:
    """Keep in this browser what was chosen."""
    response = redirect(pages.came_from() or pages.PREFIX, 303)
    chosen = request.form.get(name)
    if chosen is not None and chosen in choices:
        cookies.keep(response, name, chosen, seconds=YEAR_SECONDS)
    return response
