"""The form of an operation, built from its declaration, and the way its body comes in.

WTForms renders and validates; the body itself is intake's alone. Flask's own parser would keep files on disk in the
clear and take malformed bodies, so `request.form` and `request.files` are read nowhere in the portal, and Flask-WTF is
given what intake collected. Where a file streams, all of that happened before its first byte is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from flask import request
from flask_babel import gettext
from flask_wtf import FlaskForm
from pydantic import SecretStr
from werkzeug.datastructures import MultiDict
from wtforms import (
    BooleanField,
    FileField,
    HiddenField,
    PasswordField,
    StringField,
    TextAreaField,
    ValidationError,
)

from app.intake import Collected, Deadlines, Limits, Reception, check_origin, receive
from app.portal import framing
from app.portal.errors import NoticeNotAccepted, StalePage
from app.portal.language import say
from app.providers.operation import Mode
from app.records import uploads
from app.services import services
from app.tenants import names

if TYPE_CHECKING:
    from app.errors import Refusal
    from app.intake import Streamed
    from app.portal.entrance import Entrance
    from app.providers.operation import Field

#: Fields of the page itself, which no operation may declare.
OWN_FIELDS: Final = ("csrf_token", "outcome", "notice", "replace")
#: Refusals that are a question: the same files are taken once the customer says yes.
QUESTIONS: Final = frozenset({"older_certificate", "test_certificate"})
KINDS: Final = {
    "text": StringField,
    "long": TextAreaField,
    "password": PasswordField,
    "checkbox": BooleanField,
    "choice": StringField,  # which values it may have is the check's to judge, as for every face
}
PASSPHRASE_BYTES: Final = 1024
#: A receipt has a few thousand.
RECEIPT_BYTES: Final = 64 * 1024
OUTCOME: Final = re.compile(r"[\w-]{32}", re.ASCII)
EMAIL: Final = "email"
#: Refusals that one file has when it is all that there is.
SIZES: Final = frozenset({"file-too-large", "body-too-large"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a page sent, taken apart: what delivery gets, and what was said to the page."""

    #: Whole; or up to its file, which is still to come.
    body: Collected | Streamed
    form: FlaskForm

    @property
    def replace(self) -> bool:
        return bool(self.form.replace.data)

    @property
    def outcome_token(self) -> str | None:
        """What the outcome page is to be found by: the page brought it, so that sent twice it is found again."""
        token = self.form.outcome.data or ""
        return token if OUTCOME.fullmatch(token) else None

    @property
    def chosen(self) -> Mapping[str, str]:
        """Names of the files that came, by field."""
        if isinstance(self.body, Collected):
            return {name: file.filename for name, file in self.body.files.items()}
        return {self.body.file.name: self.body.file.filename} if self.body.file else {}

    def check(self) -> None:
        """Raise unless the page is one of ours, of this visitor, and the notice in force was accepted."""
        _check_token(self.form)
        if "notice" in self.form and self.form.notice.errors:
            raise NoticeNotAccepted(field="notice")


def build(way: Entrance, sent: Mapping[str, str] | None = None) -> FlaskForm:
    """Make the form of a way in, as it is before anybody filled it in or with what was sent."""
    operation, notice = way.operation, way.organization.notice_version

    def accepted(_form: FlaskForm, field: BooleanField) -> None:
        if field.raw_data != [notice]:
            raise ValidationError(say("notice"))

    fields: dict[str, Any] = {
        part.name: FileField(gettext(part.label), description=gettext(part.help) if part.help else "")
        for part in operation.parts
    }
    fields |= {field.name: _field(field) for field in way.fields}
    if notice is not None:
        fields["notice"] = BooleanField(validators=[accepted])
    fields["replace"] = BooleanField()
    fields["outcome"] = HiddenField()
    # None says that nothing was sent; left out, Flask-WTF would read the request's own body.
    formdata = None if sent is None else MultiDict(sent)
    form: FlaskForm = type("HandInForm", (framing.base(),), fields)(formdata=formdata)
    return form


def fresh(form: FlaskForm) -> FlaskForm:
    """Let what is sent next be a hand-in of its own."""
    form.outcome.data, _ = uploads.new_outcome_token()
    return form


@contextmanager
def receive_form(way: Entrance) -> Iterator[Sent]:
    """Take the body of a hand-in: headers first; all of it in memory, or its fields and then the file as it arrives.

    What was sent is still to be checked. A file that streams has to be taken before this ends.
    """
    operation = way.operation
    secrets = {field.name for field in way.fields if field.kind == "password"}
    declared = {field.name for field in way.fields} - secrets
    with _receive(Limits.of(operation, files=way.files)) as reception:
        take = partial(reception.stream, measured=way.mode is Mode.RELAY) if way.streams else reception.collect
        body = take(files=[part.name for part in operation.parts], fields={*declared, *OWN_FIELDS}, secrets=secrets)
        form = build(way, body.fields)
        said = {name: value for name, value in body.fields.items() if name in declared and value}
        yield Sent(body=replace(body, fields={**said, **way.presets}), form=form)


def receive_passphrase() -> SecretStr:
    """Take the passphrase of a link."""
    with _receive(Limits(body_bytes=16 * PASSPHRASE_BYTES)) as reception:
        collected = reception.collect(files=(), fields={"csrf_token"}, secrets={"passphrase"})
    _check_token(bare(collected))
    return collected.secrets.get("passphrase", SecretStr(""))


def receive_receipt() -> bytes | None:
    """Take a receipt that somebody shows, as a file or as text; None: neither."""
    most = Limits(file_bytes=RECEIPT_BYTES, field_bytes=RECEIPT_BYTES, body_bytes=3 * RECEIPT_BYTES)
    with _receive(most) as reception:
        collected = reception.collect(files=["receipt"], fields={"csrf_token", "text"}, secrets=())
    _check_token(bare(collected))
    file, pasted = collected.files.get("receipt"), collected.fields.get("text", "").strip()
    return file.content if file else pasted.encode() or None


def receive_nothing() -> None:
    """Take a button's body, which holds nothing but the page's token."""
    with _receive(Limits(body_bytes=16 * PASSPHRASE_BYTES)) as reception:
        collected = reception.collect(files=(), fields={"csrf_token"}, secrets=())
    _check_token(bare(collected))


def receive_email() -> str:
    """Take an e-mail address; raises BadEmail."""
    with _receive(Limits(body_bytes=16 * PASSPHRASE_BYTES)) as reception:
        collected = reception.collect(files=(), fields={"csrf_token", EMAIL}, secrets=())
    _check_token(bare(collected))
    return names.email(collected.fields.get(EMAIL, ""), EMAIL)


def bare(collected: Collected | None = None) -> FlaskForm:
    """Make a form that holds nothing but the page's token."""
    return framing.base()(formdata=MultiDict(collected.fields) if collected else None)


def check_token(token: str) -> None:
    """Raise StalePage unless a page of ours brought this token."""
    _check_token(framing.base()(formdata=MultiDict({"csrf_token": token})))


def explain(form: FlaskForm, refusal: Refusal, way: Entrance) -> None:
    """Put the sentence of a refusal next to the field that it is about, or above them all."""
    operation = way.operation
    declared = [(part.name, part.label) for part in operation.parts]
    declared += [(field.name, field.label) for field in operation.fields]
    labels = {name: gettext(label) for name, label in declared}
    params = dict(refusal.params)
    if params.get("name") in labels:
        params["name"] = labels[str(params["name"])]
    message = say(refusal.slug, params, check=operation.check)
    field = "replace" if asks(refusal) else refusal.field
    if refusal.slug in SIZES and way.streams and (way.files == 1 or refusal.slug == "file-too-large"):
        picker = way.pickers[0]
        field, message = picker.part.name, picker.huge
    if field in form:
        form[field].errors = [message]
    else:
        form.form_errors = [message]


def asks(refusal: Refusal | None) -> bool:
    """Whether a refusal is a question that the customer may answer with yes."""
    return refusal is not None and refusal.slug in QUESTIONS


def _field(field: Field) -> Any:
    return KINDS[field.kind](gettext(field.label), description=gettext(field.help) if field.help else "")


@contextmanager
def _receive(limits: Limits) -> Iterator[Reception]:
    settings = services().settings
    check_origin(request.headers, settings.origins)
    with receive(request.environ, limits, Deadlines.from_settings(settings)) as reception:
        yield reception


def _check_token(form: FlaskForm) -> None:
    form.validate()
    if form.csrf_token.errors:
        raise StalePage
