"""Forms: published pages, one for an operation of a connection."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

from flask import url_for
from pydantic import Field
from sqlalchemy.orm import Session

from app.api import connections, etags
from app.api.asking import Asker
from app.api.errors import NothingHere
from app.api.paging import Page, Paging, page
from app.api.resources import Resource
from app.api.schemas import UNSAID, Change, Model
from app.checks.form_settings import LONGEST, MOST_ORIGINS, judged
from app.providers import registry
from app.services import services
from app.tenants import forms, models
from app.tenants.errors import BadValue, CredentialEnds
from app.tenants.tokens import Scope

resource = Resource("Forms", "Published pages, one for an operation of a connection.")

#: Every operation there is, by its whole name.
OperationSlug = StrEnum("OperationSlug", {slug: slug for slug in registry.OPERATIONS})  # type: ignore[misc]


class FormWords(Model):
    """What a form says instead of what its operation does; what is null or empty is as the operation says it."""

    title: Annotated[str | None, Field(max_length=LONGEST["title"])] = None
    explanation: Annotated[str | None, Field(description="Below the title.", max_length=LONGEST["explanation"])] = None


class FormTexts(Model):
    """A form's own words, by language; where it has none, the operation's are shown."""

    es: FormWords = FormWords()
    en: FormWords = FormWords()


class FormSettings(Model):
    """What a form presets, and what it takes of what its operation does; what is not named is as the operation is."""

    types: Annotated[list[str] | None, Field(description="Types of files that are taken; null: all of them.")] = None
    uninspected: Annotated[bool, Field(description="Take archives that are too large to look into.")] = False
    protected: Annotated[bool, Field(description="Take PDFs that have a password.")] = False
    durable: Annotated[bool | None, Field(description="Keep a copy until it is delivered.")] = None
    presets: Annotated[dict[str, str], Field(description="Values that nobody is asked for, by their fields.")] = Field(
        default_factory=dict
    )
    texts: FormTexts = FormTexts()
    frame_origins: Annotated[
        list[Annotated[str, Field(max_length=300)]],
        Field(
            description="Origins whose pages may show the form inside them, as `https://www.example.com`.",
            max_length=MOST_ORIGINS,
        ),
    ] = Field(default_factory=list)


Open = Annotated[bool, Field(description="Whether it takes hand-ins.")]
LinkOnly = Annotated[bool, Field(description="Whether only personal links lead in.")]


class Form(Model):
    """A published page."""

    id: UUID
    connection: str
    operation: OperationSlug
    address: Annotated[str, Field(description="Where people open it.")]
    open: Open
    link_only: LinkOnly
    settings: FormSettings
    created_at: datetime


class FormPage(Page[Form]):
    """Forms, oldest first."""


class NewForm(Model):
    """A form that is to be published."""

    connection: str
    operation: OperationSlug
    open: Annotated[bool | None, Field(description="Whether it takes hand-ins; null: as the operation says.")] = None
    link_only: LinkOnly = False
    attended: Annotated[bool, Field(description="Somebody renews the connection's credential whenever it ends.")] = (
        False
    )
    settings: FormSettings = FormSettings()


class FormChange(Change):
    """What is to be changed of a form."""

    open: Open = UNSAID
    link_only: LinkOnly = UNSAID
    settings: FormSettings = UNSAID


COLLECTION: Final = "/organizations/<organization>/forms"
ONE: Final = f"{COLLECTION}/<uuid:form_id>"


@resource.route("GET", COLLECTION, scope=Scope.FORMS_MANAGE, query=Paging, shows=FormPage)
def list_forms(asker: Asker, query: Paging) -> FormPage:
    """List the forms of an organization."""
    with asker.transaction() as session:
        found = forms.after(session, query.after_id, query.limit + 1)
    return page(FormPage, found, query, key=lambda one: str(one[0].id), show=lambda one: shown(*one))


@resource.route("POST", COLLECTION, scope=Scope.FORMS_MANAGE, takes=NewForm, shows=Form, status=201, tagged=True)
def create_form(asker: Asker, body: NewForm) -> tuple[Form, dict[str, str]]:
    """Publish a form."""
    with asker.transaction() as session:
        through = _connection(session, body.connection)
        operation = registry.OPERATIONS[body.operation]
        if operation.provider != through.provider:
            raise BadValue(field="operation", name="operation", value=operation.slug)
        if through.credential_ends_at is not None and not body.attended:
            raise CredentialEnds(field="attended", date=through.credential_ends_at)
        made = forms.add(
            session,
            organization_id=asker.the_organization,
            connection_id=through.id,
            operation=operation.slug,
            open=operation.open if body.open is None else body.open,
            link_only=body.link_only,
            settings=judged(operation, body.settings.model_dump()),
        )
        asker.written(session, "form.added", made, operation=operation.slug, settings=made.settings)
    where = url_for("api.show_form", organization=asker.slug, form_id=made.id)
    return shown(made, through.name), {"Location": where}


@resource.route("GET", ONE, scope=Scope.FORMS_MANAGE, shows=Form, tagged=True)
def show_form(asker: Asker, form_id: UUID) -> Form:
    """Show a form."""
    with asker.transaction() as session:
        found = find(session, form_id)
        return shown(found, _name(session, found))


@resource.route("PATCH", ONE, scope=Scope.FORMS_MANAGE, takes=FormChange, shows=Form, tagged=True)
def edit_form(asker: Asker, form_id: UUID, body: FormChange) -> Form:
    """Open or close a form, or change what it presets and takes; `settings` are taken whole."""
    said = body.model_fields_set
    with asker.transaction() as session:
        found = find(session, form_id, lock=True)
        name = _name(session, found)
        etags.check(shown(found, name))
        changes: dict[str, Any] = {}
        if "settings" in said:
            changes["settings"] = judged(registry.operation(found.operation), body.settings.model_dump())
        if "link_only" in said:
            changes["link_only"] = body.link_only
        if changes:
            asker.written(session, "form.changed", found, **changes)
        if "open" in said and body.open is not found.open:
            asker.written(session, "form.opened" if body.open else "form.closed", found)
            changes["open"] = body.open
        for column, value in changes.items():
            setattr(found, column, value)
        session.flush()
        return shown(found, name)


def find(session: Session, form_id: UUID, *, lock: bool = False) -> models.Form:
    """The form of that id; raises NothingHere."""
    found = session.get(models.Form, form_id, with_for_update=lock or None)
    if found is None:
        raise NothingHere
    return found


def shown(row: models.Form, connection: str) -> Form:
    """Show a form."""
    return Form(
        id=row.id,
        connection=connection,
        operation=OperationSlug(row.operation),
        address=f"{services().settings.public_url}/f/{row.public_id}",
        open=row.open,
        link_only=row.link_only,
        settings=FormSettings.model_validate(row.settings),
        created_at=row.created_at,
    )


def _name(session: Session, row: models.Form) -> str:
    return session.get_one(models.Connection, row.connection_id).name


def _connection(session: Session, name: str) -> models.Connection:
    try:
        return connections.find(session, name)
    except NothingHere:
        raise BadValue(field="connection", name="connection", value=name[:80]) from None
