"""Forms: built, looked at as customers see them, published, closed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final
from uuid import UUID

from flask import Response, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale, gettext

from app.api import forms as api
from app.api.asking import Asker
from app.api.errors import NothingHere
from app.api.paging import Paging
from app.api.schemas import held
from app.checks.form_settings import LANGUAGES, LONGEST, judged
from app.checks.types import TYPES
from app.dashboard import refusing, whose
from app.dashboard.pages import page
from app.dashboard.rights import Right
from app.dashboard.taking import filled
from app.dashboard.whose import ORGANIZATION
from app.portal import embedding, headers, language, previewing
from app.providers import registry
from app.providers.operation import Operation
from app.services import services
from app.tenants import across, connections, organizations
from app.tenants.models import Connection

ONE: Final = f"{ORGANIZATION}/forms/<uuid:form_id>"
#: A preview is shown inside the page that it is built on; whatever else is, is not.
FRAMING: Final = f"{refusing.POLICY}; frame-src 'self'"
#: Nothing runs there and nothing can be sent.
FRAMED: Final = "; ".join(
    f"{name} {said}"
    for name, said in {
        **headers.POLICY,
        "frame-ancestors": "'self'",
        "script-src": "'none'",
        "form-action": "'none'",
    }.items()
)
#: Whether a copy is kept, as it stands in the form.
DURABLE: Final[Mapping[str, bool | None]] = {"": None, "true": True, "false": False}


@page("GET", "/forms", right=Right.SEE, everywhere=True)
def all_forms(asker: Asker) -> ResponseReturnValue:
    """List the forms of all organizations."""
    if asker.organization_id is not None:
        return redirect(url_for("dashboard.list_forms", organization=whose.slug(asker)))
    query, words, operation = whose.asked(Paging), whose.words(), request.args.get("operation") or None
    with services().database.overview() as session:
        rows = across.forms(session, words, operation=operation, before=query.after_id, limit=query.limit + 1)
    found = whose.listed(rows, query)
    return render_template("dashboard/forms_all.html", found=found, operations=registry.OPERATIONS, words=words or "")


@page("GET", f"{ORGANIZATION}/forms", right=Right.SEE)
def list_forms(asker: Asker) -> ResponseReturnValue:
    """List the forms of an organization."""
    found = api.list_forms(asker, whose.asked(Paging))
    return render_template(
        "dashboard/forms.html",
        asker=asker,
        found=found,
        operations=registry.OPERATIONS,
        own={one.id: getattr(one.settings.texts, language.language()).title for one in found.items},
    )


@page("GET", f"{ORGANIZATION}/forms/new", right=Right.CHANGE)
def new_form(asker: Asker) -> ResponseReturnValue:
    """Ask for which operation of which connection; then build it."""
    through, operation = _chosen(asker, request.form if "faults" in g else request.args)
    if through is None or operation is None:
        ways = {one.name: list(_operations(one.provider)) for one in _connections(asker)}
        return render_template("dashboard/form_choose.html", asker=asker, ways=ways)
    return _framing(_builder(asker, through.name, operation, {}, ends_at=through.credential_ends_at))


@page("POST", f"{ORGANIZATION}/forms", right=Right.CHANGE, again="new_form")
def create_form(asker: Asker) -> ResponseReturnValue:
    """Publish a form."""
    body = filled(
        api.NewForm,
        settings=_settings(),
        open="open" in request.form,
        link_only="link_only" in request.form,
        attended="attended" in request.form,
    )
    made, _ = api.create_form(asker, body)
    flash(gettext("The form is there."), "good")
    return redirect(url_for("dashboard.show_form", organization=asker.slug, form_id=made.id), 303)


@page("GET", ONE, right=Right.SEE)
def show_form(asker: Asker, form_id: UUID) -> ResponseReturnValue:
    """Show a form: where it is, what it presets and takes, and how it looks."""
    form = api.show_form(asker, form_id)
    settings = form.settings.model_dump()
    return _framing(_builder(asker, form.connection, registry.operation(form.operation), settings, form=form))


@page("POST", ONE, right=Right.CHANGE, again="show_form")
def edit_form(asker: Asker, form_id: UUID) -> ResponseReturnValue:
    """Change what a form presets, takes and says."""
    api.edit_form(asker, form_id, api.FormChange(settings=_settings(), link_only="link_only" in request.form))
    flash(gettext("Saved. Whoever opens the form sees it as it is now."), "good")
    return redirect(url_for("dashboard.show_form", organization=asker.slug, form_id=form_id), 303)


@page("POST", f"{ONE}/open", right=Right.CHANGE)
def open_form(asker: Asker, form_id: UUID) -> ResponseReturnValue:
    """Let a form take hand-ins."""
    return _opened(asker, form_id, gettext("The form is open."), is_open=True)


@page("POST", f"{ONE}/close", right=Right.CHANGE)
def close_form(asker: Asker, form_id: UUID) -> ResponseReturnValue:
    """Close a form."""
    return _opened(asker, form_id, gettext("The form is closed, and so are the links into it."), is_open=False)


@page("GET", f"{ONE}/preview", right=Right.SEE)
def preview_form(asker: Asker, form_id: UUID) -> ResponseReturnValue:
    """Show a form as customers see it; nothing can be handed in there."""
    form = api.show_form(asker, form_id)
    settings = judged(registry.operation(form.operation), form.settings.model_dump())
    return _previewed(asker, form.connection, registry.operation(form.operation), settings)


@page("POST", f"{ORGANIZATION}/forms/preview", right=Right.CHANGE)
def preview_draft(asker: Asker) -> ResponseReturnValue:
    """The same of one that is being built, and is kept nowhere."""
    through, operation = _chosen(asker, request.form)
    if through is None or operation is None:
        raise NothingHere
    return _previewed(asker, through.name, operation, judged(operation, _settings().model_dump()))


def _opened(asker: Asker, form_id: UUID, said: str, *, is_open: bool) -> ResponseReturnValue:
    api.edit_form(asker, form_id, api.FormChange(open=is_open))
    flash(said, "good")
    return redirect(url_for("dashboard.show_form", organization=asker.slug, form_id=form_id), 303)


def _builder(asker: Asker, connection: str, operation: Operation, settings: Mapping[str, Any], **more: Any) -> str:
    """The page that a form is built on; shown again, it holds what was typed."""
    draft, form = _typed() if "faults" in g else settings, more.get("form")
    own = form and getattr(form.settings.texts, language.language()).title
    name = own or gettext(operation.title)
    types = [name for part in operation.parts for name in part.types]
    return render_template(
        "dashboard/form.html",
        asker=asker,
        connection=connection,
        operation=operation,
        draft=draft,
        name=name,
        button=f'<a href="{escape(form.address)}">{escape(name)}</a>' if form else "",
        snippets=_snippets(form, operation) if form and form.settings.frame_origins else {},
        taken={name: gettext(TYPES[name].words) for name in types},
        presettable=[field for field in operation.fields if field.kind != "password"],
        choosable=operation.durable and len(operation.modes) > 1,
        documents=operation.check == "document" and bool(operation.parts),
        longest=LONGEST,
        **more,
    )


def _snippets(form: api.Form, operation: Operation) -> dict[str, str]:
    """What shows the form inside another page, by language."""
    snippets = {}
    for code in LANGUAGES:
        with force_locale(code):
            title = getattr(form.settings.texts, code).title or gettext(operation.title)
        snippets[code] = embedding.snippet(form.address.rpartition("/")[2], code=code, title=title)
    return snippets


def _framing(written: str) -> Response:
    return Response(written, headers={"Content-Security-Policy": FRAMING})


def _previewed(asker: Asker, connection: str, operation: Operation, settings: Mapping[str, Any]) -> Response:
    with asker.transaction() as session:
        organization = organizations.get(session, asker.the_organization)
        through = connections.by_name(session, connection)
    if through is None:
        raise NothingHere
    locale = request.values.get("language")
    shown = previewing.form(
        organization, through, operation, settings, locale=locale if locale in LANGUAGES else organization.locale
    )
    return Response(shown, headers={"Content-Security-Policy": FRAMED})


def _settings() -> api.FormSettings:
    """What was built; raises NotValid."""
    return held(lambda: api.FormSettings.model_validate(_typed()), "settings")


def _typed() -> dict[str, Any]:
    """What a form presets, takes and says, as its page sent it; all types ticked is none narrowed."""
    form = request.form
    chosen, offered = form.getlist("types"), form.get("offered", type=int) or 0
    texts = {code: {name: form.get(f"settings.texts.{code}.{name}") or None for name in LONGEST} for code in LANGUAGES}
    return {
        "types": None if len(chosen) == offered else chosen,
        "uninspected": "uninspected" in form,
        "protected": "protected" in form,
        "durable": DURABLE.get(form.get("durable", "")),
        "presets": {
            name.removeprefix("presets."): value
            for name, value in form.items()
            if name.startswith("presets.") and value.strip()
        },
        "texts": texts,
        "frame_origins": form.get("frame_origins", "").split(),
    }


def _connections(asker: Asker) -> list[Connection]:
    with asker.transaction() as session:
        return list(connections.listing(session))


def _operations(provider: str) -> Iterator[Operation]:
    return (one for one in registry.operations() if one.provider == provider)


def _chosen(asker: Asker, said: Mapping[str, str]) -> tuple[Connection | None, Operation | None]:
    """The connection and the operation that were named, where that provider does it."""
    through = next((one for one in _connections(asker) if one.name == said.get("connection")), None)
    operation = registry.OPERATIONS.get(said.get("operation", ""))
    good = through is not None and operation is not None and operation.provider == through.provider
    return (through, operation) if good else (None, None)
