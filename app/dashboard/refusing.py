"""What is shown where a page refuses: beside the fields, above an open page, or as a page of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from flask import Flask, Response, g, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from werkzeug.exceptions import HTTPException

from app.api.errors import NothingHere, NotValid, Untold
from app.dashboard import pages, taking
from app.dashboard.errors import Stale
from app.dashboard.pages import PREFIX, dashboard
from app.database import AWAY, DatabaseAway
from app.errors import N_, Refusal
from app.portal import headers, problems
from app.portal.language import say
from app.providers.base import Outcome
from app.tenants.errors import BadName, NameTaken
from app.words import WORDS

log = structlog.get_logger("ventanilla.dashboard")

#: As everywhere: nothing inline and nothing of others. htmx alone makes markup of strings, by a policy of its own;
#: there is no `default`, so that whatever else tried to is stopped.
POLICY: Final = "; ".join(f"{name} {said}" for name, said in {**headers.POLICY, "trusted-types": "htmx"}.items())

#: What HTTP itself finds wrong, where it reads differently to those who run this than to customers.
FAULTS: Final = {
    403: (N_("Your role does not allow this"), N_("Ask an owner of this installation for it.")),
    404: (N_("There is nothing here"), N_("It was never there, was taken away, or is not yours to see.")),
    500: (N_("Something failed on our side"), N_("It is in the log. Try again; if it stays so, look there.")),
}
#: Titles of pages that a refusal has to itself.
TITLES: Final = {
    "csrf": N_("Load the page again"),
    "foreign-origin": N_("Open the page here"),
    "not-found": FAULTS[404][0],
    "changed-meanwhile": N_("Somebody changed it meanwhile"),
}
#: Sentences that read differently here.
SAID: Final = {
    "csrf": N_("The page was open for too long, or you signed in again meanwhile. Nothing was changed."),
    "not-found": FAULTS[404][1],
}


#: Problems of a name: their `name` is what was typed, and not where.
NAMES: Final = frozenset({BadName.slug, NameTaken.slug})


@dataclass(frozen=True, slots=True, kw_only=True)
class Faulty:
    """One thing that is wrong with what was typed."""

    #: Of the field; empty: of all of it.
    name: str
    slug: str
    params: Mapping[str, object]

    def said(self, label: str | None = None) -> str:
        """What to do about it, which calls the field by its label."""
        params = dict(self.params)
        if label is not None and "name" in params and self.slug not in NAMES:
            params["name"] = label
        return sentence(self.slug, params)


def init_app(app: Flask) -> None:
    """Answer what no address below the dashboard's fits, which never reaches the blueprint's handlers."""

    @app.before_request
    def nowhere() -> ResponseReturnValue | None:
        fault = request.routing_exception
        below = request.path == PREFIX or request.path.startswith(f"{PREFIX}/")
        if fault is None or (fault.code or 500) < 400 or not below:
            return None
        pages.recognize()
        return bound(failed(fault))


def bound(response: Response) -> Response:
    """Say what the browser may do on these pages."""
    response.headers.setdefault("Content-Security-Policy", POLICY)
    # No path of these pages is a key, and a page has to know from which of ours it was asked.
    response.headers.setdefault("Referrer-Policy", "same-origin")
    return response


def sentence(slug: str, params: Mapping[str, object] | None = None) -> str:
    """Write what is said of a problem; a slug that an adapter made up is better than nothing."""
    if slug in SAID:
        return str(gettext(SAID[slug]))
    return say(slug, params) if slug in WORDS else slug


def faults(refusal: Refusal) -> list[Faulty]:
    """What is wrong, each where it lies."""
    if isinstance(refusal, NotValid):
        return [Faulty(name=".".join(one.at), slug=one.slug, params=one.params) for one in refusal.faults]
    return [Faulty(name=refusal.field or "", slug=refusal.slug, params=refusal.params)]


def because(refusal: Refusal) -> str:
    """All that is wrong, in one line."""
    return " ".join(one.said() for one in faults(refusal))


def told(outcome: Outcome, organization: str, said: Mapping[str, str] | None = None) -> str:
    """What became of something at a provider, in our words and its own; `said`: ours, where they are others here."""
    problem = outcome.problem or "provider-error"
    if said and problem in said:
        text = gettext(said[problem])
    else:
        text = sentence(problem, {"organization": organization, **outcome.params})
    return f"{text} {outcome.message or ''}".strip()


def refused(refusal: Refusal) -> Response:
    """Show why it was not done: where it was typed, if it was."""
    page = pages.declared()
    if page is not None and page.again is not None and not isinstance(refusal, Stale | NothingHere) and "asker" in g:
        return _again(page.again, refusal)
    title = gettext(TITLES.get(refusal.slug, problems.OTHERWISE[0]))
    response = _shown(refusal.status, title, because(refusal))
    if refusal.retry_after is not None:
        response.headers["Retry-After"] = str(math.ceil(refusal.retry_after))
    return response


def untold(untold: Untold) -> Response:
    """Show why a provider did not do what it was asked for, in its own words where it said some."""
    return _shown(502, gettext(N_("The provider did not do it")), told(untold.outcome, untold.organization))


def away(fault: Exception) -> Response:
    """Show that the database is away."""
    log.error("database away", cause=type(fault).__name__)
    return refused(DatabaseAway())


def failed(fault: HTTPException) -> Response:
    """Show an HTTP error; redirects pass as they are."""
    code = fault.code or 500
    if code < 400:
        return make_response(fault.get_response(request.environ))
    title, text = FAULTS.get(code) or problems.FAULTS.get(code, problems.OTHERWISE)
    response = _shown(code, gettext(title), gettext(text))
    response.headers.extend((name, value) for name, value in fault.get_headers() if name == "Allow")
    return response


def _again(endpoint: str, refusal: Refusal) -> Response:
    """The page on which it was typed, with what is wrong beside the fields."""
    g.faults = faults(refusal)
    shown = pages.PAGES[endpoint]
    response = make_response(shown.view(asker=g.asker, **g.named))
    response.status_code = refusal.status
    return response


def _shown(status: int, title: str, text: str) -> Response:
    """As a notice above the page that is open, where htmx asked; else as a page."""
    if taking.by_htmx():
        response = make_response(render_template("dashboard/_notice.html", tone="bad", title=title, text=text), status)
        response.headers.update({"HX-Retarget": "#notices", "HX-Reswap": "beforeend", "HX-Push-Url": "false"})
        return response
    page = render_template(
        "dashboard/problem.html", title=title, text=text, status=status, back=pages.came_from() or PREFIX
    )
    return make_response(page, status)


dashboard.register_error_handler(Refusal, refused)
dashboard.register_error_handler(HTTPException, failed)
dashboard.register_error_handler(Untold, untold)
for fault in AWAY:
    dashboard.register_error_handler(fault, away)
dashboard.after_request(bound)
