"""What a page of the dashboard sends: taken by intake, within bounds, and only with the token that the page carries.

A form without files is `application/x-www-form-urlencoded` and is read here, so that `request.form` holds it and
Flask's own parser, which would keep files on disk in the clear, is asked for nothing. What has files is taken by the
view, through `collected` or `streamed`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qsl, urlencode

from flask import g, request
from flask_wtf.csrf import validate_csrf
from pydantic import BaseModel
from werkzeug.datastructures import ImmutableMultiDict
from wtforms import ValidationError as BadToken

from app.api.schemas import Change, held
from app.dashboard.errors import Stale
from app.intake import Collected, Deadlines, Limits, receive
from app.intake.body import Body
from app.intake.document import read_whole
from app.intake.errors import Malformed, NotText
from app.providers.operation import KIB
from app.services import services

if TYPE_CHECKING:
    from app.intake import Streamed

M = TypeVar("M", bound=BaseModel)

#: Where the page's token stands: in a field, or in a header where a script sends.
FIELD: Final = "csrf_token"
HEADER: Final = "X-CSRF-Token"
FORM: Final = "application/x-www-form-urlencoded"
MOST_BYTES: Final = 512 * KIB
MOST_FIELDS: Final = 5_000


def by_htmx() -> bool:
    """Whether a part of an open page is asked for."""
    return request.headers.get("HX-Request") == "true"


def query(**values: str) -> str:
    """Write the query of an address."""
    return urlencode(values)


def take(*, own_body: bool) -> None:
    """Take what a form sent, and check that a page of ours sent it; with files in it, that is the view's to do."""
    g.taken = False
    token = request.headers.get(HEADER)
    if token is not None:
        _check(token)
    if own_body:
        request.form = ImmutableMultiDict()  # what was typed, once that has come in
        return
    request.form = ImmutableMultiDict(_fields())
    if token is None:
        _check(request.form.get(FIELD, ""))


def assert_taken() -> None:
    """Hold a view that takes its body by itself to having looked at the page's token."""
    assert g.taken, f"{request.endpoint} did not look at its page's token"  # noqa: S101 - every request would do


def collected(
    limits: Limits, *, files: Collection[str], fields: Collection[str] = (), secrets: Collection[str] = ()
) -> Collected:
    """Take a form with files whole, into memory."""
    with receive(request.environ, limits, _deadlines()) as reception:
        found = reception.collect(files=files, fields={*fields, FIELD}, secrets=secrets)
    request.form = ImmutableMultiDict(found.fields)
    _check_field(found.fields)
    return replace(found, fields={name: value for name, value in found.fields.items() if name != FIELD})


@contextmanager
def streamed(
    limits: Limits,
    *,
    files: Collection[str],
    fields: Collection[str] = (),
    secrets: Collection[str] = (),
    measured: bool = False,
) -> Iterator[Streamed]:
    """Take a form up to its first file, which has to be taken before this ends.

    `measured`: whether its length has to be known before, because it is passed on as it comes.
    """
    with receive(request.environ, limits, _deadlines()) as reception:
        found = reception.stream(files=files, fields={*fields, FIELD}, secrets=secrets, measured=measured)
        request.form = ImmutableMultiDict(found.fields)
        _check_field(found.fields)
        yield replace(found, fields={name: value for name, value in found.fields.items() if name != FIELD})


def filled(model: type[M], **more: Any) -> M:
    """What was typed, as a model of the API's; raises NotValid, and then the faults are shown beside the fields.

    A field that was left empty is not said; of a `Change`, it takes away what was there. `more`: what stands in no
    field, or not as text.
    """
    typed = {name: value.strip() or None for name, value in request.form.items() if name in model.model_fields}
    said = {name: value for name, value in typed.items() if value is not None or issubclass(model, Change)}
    return held(lambda: model.model_validate(said | more))


def _fields() -> list[tuple[str, str]]:
    body = Body.of(request.environ, _deadlines())
    content = read_whole(body, MOST_BYTES)
    if content and request.mimetype != FORM:
        raise Malformed
    try:
        found = parse_qsl(content.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        found = None
    if found is None:  # raised out here, because the decoder's exception holds on to the text
        raise Malformed
    for name, value in found:
        if "\0" in name or "\0" in value:
            raise NotText(field=name, name=name)
    return found


def _deadlines() -> Deadlines:
    return Deadlines.from_settings(services().settings)


def _check_field(fields: Mapping[str, str]) -> None:
    if not g.taken:
        _check(fields.get(FIELD, ""))


def _check(token: str) -> None:
    try:
        validate_csrf(token)
    except BadToken:
        good = False
    else:
        good = True
    if not good:
        raise Stale
    g.taken = True
