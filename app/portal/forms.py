"""The form of an operation, built from its declaration, and the way its body comes in.

WTForms renders and validates; the body itself is intake's alone. Flask's own parser would keep files on disk in the
clear and take malformed bodies, so `request.form` and `request.files` are read nowhere in the portal, and Flask-WTF is
given what intake collected.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from flask import request
from flask_babel import gettext
from flask_wtf import FlaskForm
from pydantic import SecretStr
from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, FileField, PasswordField, StringField, ValidationError

from app.intake import Collected, Deadlines, Limits, check_origin, receive
from app.portal.errors import NoticeNotAccepted, StalePage
from app.portal.language import say
from app.services import services

if TYPE_CHECKING:
    from collections.abc import Collection

    from app.errors import Refusal
    from app.providers.operation import Operation

#: Fields of the page itself, which no operation may declare.
OWN_FIELDS: Final = ("csrf_token", "notice", "replace")
#: Refusals that are a question: the same files are taken once the customer says yes.
QUESTIONS: Final = frozenset({"older_certificate", "test_certificate"})
KINDS: Final = {"text": StringField, "password": PasswordField, "checkbox": BooleanField}
PASSPHRASE_BYTES: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a page sent, taken apart: what delivery gets, and what was said to the page."""

    collected: Collected
    form: FlaskForm
    replace: bool = False


def build(operation: Operation, *, notice: str | None, sent: Collected | None = None) -> FlaskForm:
    """Make the form of an operation; `notice` is the version of the privacy notice that has to be accepted."""

    def accepted(_form: FlaskForm, field: BooleanField) -> None:
        if field.raw_data != [notice]:
            raise ValidationError(say("notice"))

    fields: dict[str, Any] = {
        part.name: FileField(gettext(part.label), description=gettext(part.help) if part.help else "")
        for part in operation.parts
    }
    for field in operation.fields:
        description = gettext(field.help) if field.help else ""
        fields[field.name] = KINDS[field.kind](gettext(field.label), description=description)
    if notice is not None:
        fields["notice"] = BooleanField(validators=[accepted])
    fields["replace"] = BooleanField()
    # None says that nothing was sent; left out, Flask-WTF would read the request's own body.
    formdata = MultiDict(sent.fields) if sent else None
    form: FlaskForm = type("HandInForm", (FlaskForm,), fields)(formdata=formdata)
    return form


def receive_form(operation: Operation, *, notice: str | None) -> Sent:
    """Take the body of a hand-in: headers first, then everything in memory, then the page's own token and notice."""
    secrets = {field.name for field in operation.fields if field.kind == "password"}
    declared = {field.name for field in operation.fields} - secrets
    collected = _collect(
        files=[part.name for part in operation.parts],
        fields={*declared, *OWN_FIELDS},
        secrets=secrets,
        # One byte more than the operation takes: its check then says of what is too large what to do about it.
        limits=Limits(
            file_bytes=max((part.max_bytes for part in operation.parts), default=0) + 1,
            body_bytes=operation.body_bytes,
        ),
    )
    form = build(operation, notice=notice, sent=collected)
    _check_token(form)
    return Sent(
        collected=replace(collected, fields={k: v for k, v in collected.fields.items() if k in declared}),
        form=form,
        replace=form.replace.data,
    )


def check_notice(sent: Sent) -> None:
    """Raise unless the notice that is in force was accepted."""
    if "notice" in sent.form and sent.form.notice.errors:
        raise NoticeNotAccepted(field="notice")


def receive_passphrase() -> SecretStr:
    """Take the passphrase of a link."""
    collected = _collect(fields={"csrf_token"}, secrets={"passphrase"}, limits=Limits(body_bytes=16 * PASSPHRASE_BYTES))
    _check_token(bare(collected))
    return collected.secrets.get("passphrase", SecretStr(""))


def receive_nothing() -> None:
    """Take a button's body, which holds nothing but the page's token."""
    _check_token(bare(_collect(fields={"csrf_token"}, limits=Limits(body_bytes=16 * PASSPHRASE_BYTES))))


def _collect(
    *, files: Collection[str] = (), fields: Collection[str], secrets: Collection[str] = (), limits: Limits
) -> Collected:
    settings = services().settings
    check_origin(request.headers, settings.origins)
    with receive(request.environ, limits, Deadlines.from_settings(settings)) as reception:
        return reception.collect(files=files, fields=fields, secrets=secrets)


def bare(collected: Collected | None = None) -> FlaskForm:
    """Make a form that holds nothing but the page's token."""
    return FlaskForm(formdata=MultiDict(collected.fields) if collected else None)


def _check_token(form: FlaskForm) -> None:
    form.validate()
    if form.csrf_token.errors:
        raise StalePage


def explain(form: FlaskForm, refusal: Refusal, operation: Operation) -> None:
    """Put the sentence of a refusal next to the field that it is about, or above them all."""
    declared = [(part.name, part.label) for part in operation.parts]
    declared += [(field.name, field.label) for field in operation.fields]
    labels = {name: gettext(label) for name, label in declared}
    params = dict(refusal.params)
    if params.get("name") in labels:
        params["name"] = labels[str(params["name"])]
    message = say(refusal.slug, params, check=operation.check)
    field = "replace" if asks(refusal) else refusal.field
    if field in form:
        form[field].errors = [message]
    else:
        form.form_errors = [message]


def asks(refusal: Refusal | None) -> bool:
    """Whether a refusal is a question that the customer may answer with yes."""
    return refusal is not None and refusal.slug in QUESTIONS
