"""Addresses of forms and links as drawings that a phone reads, each an own resource, to be shown or printed."""

from __future__ import annotations

import io

import segno
from flask import Response, url_for

from app.portal.errors import NothingHere
from app.portal.pages import portal
from app.services import services
from app.tenants import doors

MEDIA_TYPE = "image/svg+xml"


@portal.get("/f/<public_id>/qr.svg")
def form_code(public_id: str) -> Response:
    """Draw the address of a form, also while it is closed: what is printed waits for nobody."""
    if doors.form(services().database, public_id) is None:
        raise NothingHere
    return drawn(url_for("portal.form", public_id=public_id))


@portal.get("/l/<token>/qr.svg")
def link_code(token: str) -> Response:
    """Draw the address of a personal link: whoever can ask for that has it already. It is not counted as opened."""
    if doors.link(services().database, token) is None:
        raise NothingHere
    return drawn(url_for("portal.link", token=token))


def drawn(path: str) -> Response:
    """An address of ours as a drawing of its own, without a style."""
    written = io.BytesIO()
    code = segno.make(services().settings.public_url + path, error="m", micro=False)
    code.save(written, kind="svg", border=4, scale=8, dark="#000", light="#fff", svgclass=None, lineclass=None)
    return Response(written.getvalue(), content_type=MEDIA_TYPE)
