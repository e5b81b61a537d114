"""The addresses: hand something in, and look at what became of it."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from app.api import answers, entrance, problems
from app.api.handing_in import take
from app.api.receiving import receive_hand_in, receive_raw, takes_raw
from app.database import AWAY
from app.errors import Refusal
from app.words import WORDS

HAND_IN: Final = "/api/v1/organizations/<slug>/<connection>/<operation>"

api = Blueprint("api", __name__)
api.register_error_handler(Refusal, problems.refused)
api.register_error_handler(HTTPException, problems.failed)
for fault in AWAY:
    api.register_error_handler(fault, problems.away)


@api.post(HAND_IN, endpoint="hand_in", provide_automatic_options=False)
def hand_in(slug: str, connection: str, operation: str) -> ResponseReturnValue:
    """Take a hand-in, pass it on, and say what became of it."""
    return take(entrance.to_hand_in(slug, connection, operation), receive_hand_in)


@api.put(HAND_IN, endpoint="put_in", provide_automatic_options=False)
def put_in(slug: str, connection: str, operation: str) -> ResponseReturnValue:
    """The same of a body that is the file and nothing else."""
    way = entrance.to_hand_in(slug, connection, operation)
    if not takes_raw(way.operation):
        raise MethodNotAllowed(valid_methods=["POST"])
    return take(way, receive_raw)


@api.get("/api/v1/uploads/<uuid:upload_id>", provide_automatic_options=False)
def upload(upload_id: UUID) -> ResponseReturnValue:
    """Show an upload as it is known now."""
    return answers.shown(entrance.to_upload(upload_id), 200)


@api.get(problems.PAGE)
def problem_page() -> ResponseReturnValue:
    """Show every problem with its sentence: what a problem's `type` leads to."""
    return render_template("api/problems.html", problems={slug: gettext(told) for slug, told in WORDS.items()})
