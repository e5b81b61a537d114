"""How a page of the dashboard is declared: who may open it, with whose things, and what is shown where it refuses.

One declaration makes the route, lets the person in before anything of the request is read, takes what a form sent and
stands in `PAGES`, which the tests enumerate. A view is given who asks (`asker`) and what its address names, and answers
as any view of Flask's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final, TypeVar

from flask import Blueprint, abort, g, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from app.api.asking import Asker
from app.api.errors import NothingHere
from app.dashboard import people, rights, taking
from app.dashboard.people import Person
from app.dashboard.rights import RIGHTS, Right
from app.intake import check_origin
from app.portal import language
from app.portal.assets import ROOT
from app.seeing import ids
from app.services import services
from app.tenants import doors, names

V = TypeVar("V", bound=Callable[..., Any])

PREFIX: Final = "/admin"
SAFE: Final = frozenset({"GET", "HEAD"})

dashboard: Final = Blueprint("dashboard", __name__, url_prefix=PREFIX, template_folder=str(ROOT / "templates"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One method of one address, as it was declared."""

    endpoint: str
    method: str
    path: str
    view: Callable[..., ResponseReturnValue]
    #: What the person has to be allowed; None: anybody who is signed in may.
    right: Right | None
    #: Whether “house” may stand for the organization.
    house: bool = False
    #: Whether an address without an organization is also a manager's: it shows what the person may see of all.
    everywhere: bool = False
    #: Whether it is asked again who is there, unless that was shown just now.
    sensitive: bool = False
    #: Whether nobody has to be signed in; its view is given no asker.
    anybody: bool = False
    #: Endpoint of the page that is shown again, with what was typed and what is wrong, where this one refuses.
    again: str | None = None
    #: Whether the view takes the body by itself, by `taking.collected` or `taking.streamed`: there are files in it.
    own_body: bool = False


#: Every page there is, by its endpoint.
PAGES: Final[dict[str, Page]] = {}


def page(
    method: str,
    path: str,
    *,
    right: Right | None,
    house: bool = False,
    everywhere: bool = False,
    sensitive: bool = False,
    anybody: bool = False,
    again: str | None = None,
    own_body: bool = False,
) -> Callable[[V], V]:
    """Declare a page; its view stays a plain function, and its name is the endpoint."""

    def declare(view: V) -> V:
        declared = Page(
            endpoint=view.__name__,
            method=method,
            path=PREFIX + path,
            view=view,
            right=right,
            house=house,
            everywhere=everywhere,
            sensitive=sensitive,
            anybody=anybody,
            again=again,
            own_body=own_body,
        )
        assert declared.endpoint not in PAGES, declared.endpoint  # noqa: S101 - one would take the other's place
        PAGES[declared.endpoint] = declared
        options: dict[str, Any] = {"methods": [method], "provide_automatic_options": False}
        dashboard.add_url_rule(path, declared.endpoint, _let_in(declared), **options)
        return view

    return declare


def declared() -> Page | None:
    """The page that was asked for, if it is one of ours."""
    blueprint, _, endpoint = (request.endpoint or "").partition(".")
    return PAGES.get(endpoint) if blueprint == dashboard.name else None


def _let_in(declared: Page) -> Callable[..., ResponseReturnValue]:
    """Let the person in, and take what the page sent, before the view begins."""

    @wraps(declared.view)
    def serve(**named: Any) -> ResponseReturnValue:
        unsafe = declared.method not in SAFE
        if unsafe:
            check_origin(request.headers, services().settings.origins)
        if any(isinstance(value, str) and "\0" in value for value in named.values()):
            raise NothingHere  # no text of the database has one
        if not declared.anybody:
            person = recognize()
            if person is None:
                return elsewhere("/login")
            g.asker = admitted(declared, person, named.pop("organization", None))
            if declared.sensitive and services().clock() >= person.fresh_until:
                return elsewhere("/confirm")
            g.named = named
            named = {"asker": g.asker, **named}
        if unsafe:
            taking.take(own_body=declared.own_body)
        answer = make_response(declared.view(**named))
        if unsafe:
            taking.assert_taken()
        return answer

    return serve


def recognize() -> Person | None:
    """Who is signed in; the page speaks their language, and writes times in their zone."""
    person = people.signed_in()
    if person is not None:
        g.person = person
        g.own_language = person.locale
        language.prefer(timezone=person.timezone)
    return person


def admitted(declared: Page, person: Person, slug: str | None) -> Asker:
    """Say for whose things a person asks; NothingHere for what is another's, 403 for what their role may not do."""
    organization_id, mine = person.organization_id, person.organization_id is not None
    if slug == names.HOUSE:
        if mine or not declared.house:
            raise NothingHere
    elif slug is not None:
        found = doors.organization(services().database, slug)
        if found is None or (mine and found != organization_id):
            raise NothingHere
        organization_id = found
    elif mine and declared.right is not None and not declared.everywhere:
        raise NothingHere
    if declared.right is not None and declared.right not in RIGHTS[person.role]:
        abort(403)
    ids.bind(organization=organization_id, person=person.id)
    return Asker(
        id=person.id,
        actor=person.actor,
        owner=person.organization_id,
        scopes=rights.scopes(person.role),
        organization_id=organization_id,
        slug=slug,
    )


def may(endpoint: str) -> bool:
    """Whether the person who is signed in may open a page, as far as their role says."""
    wanted, person = PAGES.get(endpoint), g.get("person")
    if wanted is None or person is None:
        return False
    theirs = person.organization_id is None or wanted.everywhere or "<organization>" in wanted.path
    return wanted.right is None or (theirs and wanted.right in RIGHTS[person.role])


def elsewhere(path: str) -> Response:
    """Send to a page that comes first, which leads back to this one; htmx is told, for it would show it inside ours."""
    address = url_for("dashboard.home").rstrip("/") + path
    back = request.full_path.rstrip("?") if request.method in SAFE and not taking.by_htmx() else came_from()
    address = f"{address}?{taking.query(next=back)}" if back else address
    if taking.by_htmx():
        return make_response("", 200, {"HX-Redirect": address})
    return redirect(address, 303)


def came_from() -> str | None:
    """Path of the page of ours that sent this request, where the browser tells it."""
    sent = request.headers.get("HX-Current-URL") or request.headers.get("Referer") or ""
    path = sent.removeprefix(request.host_url.rstrip("/"))
    return path if path != sent and is_ours(path) else None


def is_ours(path: str) -> bool:
    """Whether it is the address of a page of the dashboard, and so safe to lead somebody to."""
    if not path.isprintable() or "\\" in path:
        return False
    plain, *_ = path.partition("?")
    climbs = {".", ".."} & set(plain.lower().replace("%2e", ".").split("/"))  # browsers take these out, either way
    return (plain == PREFIX or plain.startswith(f"{PREFIX}/")) and "//" not in plain and not climbs
