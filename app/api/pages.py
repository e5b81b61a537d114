"""What anybody may read: the document, the same as a page, and what problems mean."""

from __future__ import annotations

from typing import Any, Final, cast

from apiflask import APIFlask
from flask import Response, current_app, json, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from app.api import problems
from app.api.reference import reference
from app.api.resources import PREFIX, api
from app.words import WORDS

DOCUMENT: Final = f"{PREFIX}/openapi.json"
PAGE: Final = f"{problems.PREFIX}docs"
#: Where an application keeps its document.
KEPT: Final = "ventanilla.openapi"


@api.get(DOCUMENT, provide_automatic_options=False)
def openapi() -> ResponseReturnValue:
    """Give the document."""
    response = Response(json.dumps(document()), content_type="application/json")
    response.add_etag()
    return response.make_conditional(request)


@api.get(PAGE, provide_automatic_options=False)
def page() -> ResponseReturnValue:
    """Show the document as a page."""
    return render_template("api/reference.html", page=reference(document()))


@api.get(problems.PAGE)
def problem_page() -> ResponseReturnValue:
    """Show every problem with its sentence: what a problem's `type` leads to."""
    return render_template("api/problems.html", problems={slug: gettext(told) for slug, told in WORDS.items()})


def document() -> dict[str, Any]:
    """The OpenAPI document, which is written once."""
    app = cast("APIFlask", current_app)
    if KEPT not in app.extensions:
        app.extensions[KEPT] = app.spec
    return cast("dict[str, Any]", app.extensions[KEPT])
