"""A page inside another's: by whom it may be framed, where it leads, and what stands there in the place of a cookie.

Browsers keep no cookie for a frame on another site's page. What proves there that a page was one of ours is a nonce,
signed, for so long as a page may lie open, and for the form, the link or the upload that it was given for alone.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any, Final

from flask import g, request, url_for
from flask_wtf import FlaskForm
from itsdangerous import BadData, URLSafeTimedSerializer
from wtforms import ValidationError
from wtforms.csrf.core import CSRF

from app.portal.errors import NotEmbedded
from app.tenants import forms
from app.tenants.models import Form

SALT: Final = "ventanilla/embedded/1"
NONCE_BYTES: Final = 12
#: Names of the blueprints: pages of their own, and the same inside others.
OWN, EMBEDDED = "portal", "embedded"


def begin() -> None:
    """Say that the page is asked for from inside another."""
    g.framed = True


def is_framed() -> bool:
    """Whether it is."""
    return bool(g.get("framed"))


def framed_by() -> tuple[str, ...]:
    """Origins whose pages may frame what is shown now."""
    found: tuple[str, ...] = g.get("framed_by", ())
    return found


def enter(form: Form | None, about: str) -> None:
    """Let the page be framed by whom its form names, and bind its nonce to what it is `about`.

    Does nothing where it is not inside another; raises NotEmbedded where its form names nobody.
    """
    if not is_framed():
        return
    g.framed_by = forms.frame_origins(form) if form else ()
    g.nonce_for = about
    if not g.framed_by:
        raise NotEmbedded


def at(page: str, **values: Any) -> str:
    """Where a page of the portal is for whoever looks at one now: inside another's, or on its own."""
    return url_for(f"{EMBEDDED if is_framed() else OWN}.{page}", **values)


def in_language(address: str, code: str) -> str:
    """The same page in another language; without an address, the page that is asked for."""
    if not is_framed():
        return f"{address}?lang={code}"
    _, embedded, _, *rest = (address or request.path).split("/")
    return "/".join(["", embedded, code, *rest])


class Nonce(CSRF):  # type: ignore[misc] # of a library without types, as the two below
    """Signs what a page is about, and takes it back from that page alone."""

    def setup_form(self, form: FlaskForm) -> Any:
        self._age = form.meta.csrf_time_limit
        self._signer = URLSafeTimedSerializer(
            form.meta.csrf_secret, salt=SALT, signer_kwargs={"digest_method": hashlib.sha256}
        )
        return super().setup_form(form)

    def generate_csrf_token(self, csrf_token_field: Any) -> str:
        del csrf_token_field
        return str(self._signer.dumps([g.nonce_for, secrets.token_urlsafe(NONCE_BYTES)]))

    def validate_csrf_token(self, form: FlaskForm, field: Any) -> None:
        del form
        try:
            said = self._signer.loads(field.data or "", max_age=self._age)
        except BadData:
            raise ValidationError from None
        if said[0] != g.nonce_for:
            raise ValidationError


class FramedForm(FlaskForm):  # type: ignore[misc]
    """A form whose page is inside another's."""

    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        csrf_class = Nonce


def base() -> type[FlaskForm]:
    """What the forms of the page are made from."""
    return FramedForm if is_framed() else FlaskForm
