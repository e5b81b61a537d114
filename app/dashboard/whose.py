"""Pages that an organization has and the house too; and what their views have in common.

The house's stand at addresses of their own, because another right is asked for: only owners see them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from functools import wraps
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from flask import Flask, g, request, url_for
from flask_babel import gettext
from pydantic import BaseModel

from app.api.asking import Asker
from app.api.paging import Paging, signed
from app.api.schemas import held
from app.dashboard import pages
from app.dashboard.pages import PAGES, page
from app.dashboard.rights import Right
from app.errors import N_
from app.intake.errors import NotText
from app.tenants import names, organizations
from app.tenants.errors import BadValue

V = TypeVar("V", bound=Callable[..., Any])
M = TypeVar("M", bound=BaseModel)

ORGANIZATION: Final = "/organizations/<organization>"
HOUSE: Final = f"/{names.HOUSE}"
#: What endpoints of the house's twins begin with.
TWIN: Final = f"{names.HOUSE}_"

#: Characters of what is searched for.
LONGEST: Final = 200
#: Pages of an organization, by what follows its own address; those that are there, and may be opened, are shown.
TABS: Final = (
    ("", N_("Overview")),
    ("/connections", N_("Connections")),
    ("/forms", N_("Forms")),
    ("/links", N_("Links")),
    ("/hand-in", N_("Hand in")),
    ("/tokens", N_("Tokens")),
    ("/webhooks", N_("Webhooks")),
    ("/audit", N_("Audit")),
    ("/settings", N_("Settings")),
)


def init_app(app: Flask) -> None:
    """Give the templates the ways to these pages."""
    app.add_template_global(address, "dashboard_of")
    app.add_template_global(may, "dashboard_may_of")
    app.add_template_global(tabs, "dashboard_tabs")


def both(method: str, path: str, *, right: Right, again: str | None = None, **options: Any) -> Callable[[V], V]:
    """Declare a page of an organization, and its twin for the house, which only owners open."""

    def declare(view: V) -> V:
        @wraps(view)
        def twin(asker: Asker, **named: Any) -> Any:
            return view(replace(asker, organization_id=None, slug=names.HOUSE), **named)

        twin.__name__ = TWIN + view.__name__
        page(method, HOUSE + path, right=Right.OWN, again=TWIN + again if again else None, **options)(twin)
        return page(method, ORGANIZATION + path, right=right, again=again, **options)(view)

    return declare


def address(endpoint: str, asker: Asker, **named: Any) -> str:
    """Address of a page for the organization that is asked for, or of its twin for the house."""
    if asker.slug == names.HOUSE:
        return url_for(f"dashboard.{TWIN}{endpoint}", **named)
    return url_for(f"dashboard.{endpoint}", organization=asker.slug, **named)


def may(endpoint: str, asker: Asker) -> bool:
    """Whether the person may open it, or press what leads to it."""
    return pages.may(TWIN + endpoint if asker.slug == names.HOUSE else endpoint)


def tabs(of: str) -> Iterator[tuple[str, str]]:
    """Address and word of each page of an organization, or of the house's."""
    known = {one.path.removeprefix(pages.PREFIX): one for one in PAGES.values() if one.method == "GET"}
    for path, word in TABS:
        found = known.get(ORGANIZATION + path)
        if of == names.HOUSE:
            found = known.get(HOUSE + path) or (found if found and found.house else None)
        if found is not None and pages.may(found.endpoint):
            named: dict[str, Any] = {"organization": of} if "<organization>" in found.path else {}
            yield url_for(f"dashboard.{found.endpoint}", **named), gettext(word)


def slug(asker: Asker) -> str:
    """What addresses call a manager's organization, on a page that names none."""
    with asker.transaction() as session:
        return organizations.get(session, asker.the_organization).slug


def asked(model: type[M], **more: Any) -> M:
    """The query of this page as a model of the API's; what is empty, or the model does not have, is not asked."""
    given = {name: value for name, value in request.args.items() if name in model.model_fields and value}
    for name, value in given.items():
        if "\0" in value:
            raise NotText(field=name, name=name)
    return held(lambda: model.model_validate_strings({**given, **more}))


def words() -> str | None:
    """What is searched for on this page; None: nothing."""
    return request.args.get("q", "").replace("\0", "").strip()[:LONGEST] or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Some of a list, as the API's own pages are."""

    items: Sequence[Any]
    next: str | None


def listed(rows: Sequence[Any], paging: Paging) -> Listed:
    """A page of rows, of which there is one more than was asked for where there is more; they go on by their ids."""
    shown = rows[: paging.limit]
    return Listed(items=shown, next=signed(str(shown[-1].id)) if len(rows) > paging.limit else None)


def last_moment(field: str) -> datetime | None:
    """The end of a day that was typed, in the person's zone; None where none was."""
    return midnight(request.form.get(field, ""), field, days=1)


def begins(field: str) -> datetime | None:
    """The beginning of a day that the query names, likewise."""
    return midnight(request.args.get(field, ""), field)


def ends(field: str) -> datetime | None:
    """The end of a day that the query names, likewise."""
    return midnight(request.args.get(field, ""), field, days=1)


def midnight(written: str, field: str, *, days: int = 0) -> datetime | None:
    """When a day begins that was written, in the person's zone, or one so many days later; raises BadValue."""
    if not written.strip():
        return None
    try:
        day = datetime.strptime(written.strip(), "%Y-%m-%d").date() + timedelta(days=days)  # noqa: DTZ007 - a day has no zone
    except (ValueError, OverflowError):
        raise BadValue(field=field, name=field, value=written[:80]) from None
    return datetime.combine(day, time(), ZoneInfo(g.person.timezone))
