"""What the templates of the dashboard are given: the ways to its pages, how times, sizes and states are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from babel.dates import format_skeleton, format_timedelta
from babel.numbers import format_decimal
from flask import Flask, g, request, url_for
from flask_wtf.csrf import generate_csrf

from app.dashboard import looks, pages
from app.dashboard.causes import answer, cause
from app.errors import N_
from app.portal import language
from app.portal.outcomes import LOOKS, Look
from app.providers import registry
from app.records.states import State
from app.services import services
from app.tenants import names


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """An entry of the navigation."""

    path: str
    icon: str
    word: str
    #: What leads there after a `g`.
    key: str
    #: Pages elsewhere that belong to it.
    also: str = ""


#: Each leads to the page of that path, and is shown to whoever may open it.
WAYS: Final = (
    Way(path="", icon="home", word=N_("Home"), key="h"),
    Way(path="/uploads", icon="uploads", word=N_("Uploads"), key="u"),
    Way(path="/organizations", icon="building", word=N_("Organizations"), key="o"),
    Way(path="/connections", icon="plug", word=N_("Connections"), key="c"),
    Way(path="/forms", icon="form", word=N_("Forms"), key="f"),
    Way(path="/integrations", icon="key", word=N_("Integrations"), key="i", also=f"/{names.HOUSE}"),
    Way(path="/audit", icon="journal", word=N_("Audit"), key="a"),
    Way(path="/people", icon="people", word=N_("People"), key="p"),
)
#: What a form says beside a box, so that one that is not ticked is told from one that was not there.
BOX: Final = ".shown"
#: Ids are told apart by their ends: they begin with the time.
HEAD, TAIL = 4, 6


def init_app(app: Flask) -> None:
    """Give the templates what is theirs; names that only these templates use."""
    own = (ways, way_to, nearest, may, csrf, fault, faults, typed, ticked, here, look, shortened, provider_name)
    for function in (*own, now, cause, answer, turn):
        app.add_template_global(function, f"dashboard_{function.__name__}")
    app.add_template_global(looks.theme, "dashboard_theme")
    app.add_template_global(looks.keys, "dashboard_keys")
    app.add_template_global(lambda: looks.THEMES, "dashboard_themes")
    app.add_template_filter(ago)
    app.add_template_filter(language.size, "size")
    app.add_template_filter(milliseconds)
    app.add_template_filter(count)
    app.add_template_filter(month_name)


def endpoint_of(path: str, method: str = "GET") -> str | None:
    """Endpoint of the page that has this path, if there is one."""
    whole = pages.PREFIX + path
    return next((one.endpoint for one in pages.PAGES.values() if one.path == whole and one.method == method), None)


def way_to(path: str) -> str | None:
    """Address of a page by its path, if the person may open it."""
    endpoint = endpoint_of(path)
    return url_for(f"dashboard.{endpoint}") if endpoint and may(endpoint) else None


def ways() -> Iterator[tuple[Way, str, bool]]:
    """Entries of the navigation for this person: each with its address, and whether it is where they are."""
    for way in WAYS:
        address = way_to(way.path)
        if address is not None:
            below = [one for one in (way.path, way.also) if one]
            yield way, address, request.path == address or any(_is_below(pages.PREFIX + one) for one in below)


def nearest(addresses: Iterable[str | None]) -> str | None:
    """Which of some pages this one is, or lies below most closely."""
    found = [one for one in addresses if one and (request.path == one or _is_below(one))]
    return max(found, key=len, default=None)


def _is_below(address: str) -> bool:
    return request.path.startswith(f"{address}/")


def may(endpoint: str) -> bool:
    """Whether the person may open a page, or press what leads to it."""
    return pages.may(endpoint)


def csrf() -> str:
    """The token that this page sends back with whatever it changes."""
    token: str = generate_csrf()
    return token


def now() -> datetime:
    """The gateway's clock."""
    return services().clock()


def fault(name: str, label: str | None = None) -> str | None:
    """What is wrong with what was typed in a field."""
    return next((one.said(label) for one in g.get("faults", ()) if one.name == name), None)


def faults() -> list[tuple[str, str]]:
    """All that is wrong with what was typed: name of the field, and what to do."""
    return [(one.name, one.said()) for one in g.get("faults", ())]


def typed(name: str, value: Any = "") -> Any:
    """What was typed in a field, on a page that is shown again; else what is there, as in the page's other forms."""
    if "faults" in g and name in request.form:
        return request.form[name]
    return "" if value is None else value


def ticked(name: str, value: str, *, there: bool) -> bool:
    """Whether a box is ticked, on a page that is shown again as it was sent; one that is not tells nothing itself."""
    if "faults" in g and f"{name}{BOX}" in request.form:
        return value in request.form.getlist(name)
    return there


def here(**changes: Any) -> str:
    """Address of this page with a changed query; None takes a name out of it. A changed filter begins a list anew."""
    asked = request.args.to_dict(flat=False)
    if "cursor" not in changes:
        asked.pop("cursor", None)
    for name, value in changes.items():
        asked.pop(name, None)
        if value is not None:
            asked[name] = [str(value)]
    return url_for(str(request.endpoint), **{**(request.view_args or {}), **asked})


def look(state: State | str) -> Look:
    """Colour, icon and word of a state."""
    return LOOKS[State(state)]


def turn(action: str) -> State | None:
    """The state that an upload came to by what an entry of the log tells of; None: it is about something else."""
    _, _, came_to = action.partition(".")
    return next((one for one in State if one == came_to), None)


def shortened(whole: object) -> str:
    """An id, short enough to read and still to tell from others."""
    text = str(whole)
    return text if len(text) <= HEAD + TAIL + 1 else f"{text[:HEAD]}…{text[-TAIL:]}"


def provider_name(slug: str) -> str:
    """What a provider calls itself."""
    known = registry.PROVIDERS.get(slug)
    return known.title if known else slug


def ago(moment: datetime) -> str:
    """Write a moment as people speak of it: `3 minutes ago`."""
    locale = language.REGIONS[language.language()]
    return str(format_timedelta(moment - now(), add_direction=True, locale=locale, threshold=1.2))


def milliseconds(duration: float) -> str:
    """Write how long something took: `120 ms`, `1.4 s`."""
    locale = language.REGIONS[language.language()]
    if duration < 1000:
        return f"{format_decimal(round(duration), locale=locale)} ms"
    return f"{format_decimal(round(duration / 1000, 1), locale=locale)} s"


def count(number: int) -> str:
    """Write a number as people do: `12,345`."""
    return str(format_decimal(number, locale=language.REGIONS[language.language()]))


def month_name(month: str) -> str:
    """Write a month that is given as `2026-11`."""
    locale = language.REGIONS[language.language()]
    return str(format_skeleton("yMMMM", date.fromisoformat(f"{month}-01"), locale=locale))
