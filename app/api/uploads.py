"""The addresses: hand something in, and look at what became of it."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from flask import Blueprint, Response, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from werkzeug.exceptions import HTTPException

from app.api import entrance, problems
from app.api.entrance import Entrance, Found
from app.api.errors import BadDurable, DurableNotOffered
from app.api.receiving import Received, receive_hand_in
from app.checks import Policy
from app.database import AWAY
from app.delivery import Result
from app.errors import Refusal
from app.intake import Collected
from app.providers.operation import Mode, Operation
from app.records.models import Attempt
from app.records.states import State
from app.services import services
from app.words import WORDS

#: What is answered to what arrived, or is sure to.
TAKEN: Final = {State.DELIVERED: 201, State.WAITING: 202}
#: What `?durable` may say, and what that means.
DURABLE: Final = {None: None, "0": False, "1": True}

api = Blueprint("api", __name__)
api.register_error_handler(Refusal, problems.refused)
api.register_error_handler(HTTPException, problems.failed)
for fault in AWAY:
    api.register_error_handler(fault, problems.away)


@api.post("/api/v1/organizations/<slug>/<connection>/<operation>", endpoint="hand_in", provide_automatic_options=False)
def hand_in(slug: str, connection: str, operation: str) -> ResponseReturnValue:
    """Take a hand-in, pass it on, and say what became of it."""
    way = entrance.to_hand_in(slug, connection, operation)
    mode = _mode(way.operation)
    if mode is not Mode.DURABLE:
        way.destination.check_open()
    keeps = (request.content_length or 0) if mode is Mode.DURABLE else None
    with services().shedding.admit(way.caller, keeps=keeps), receive_hand_in(way.operation, mode) as received:
        result = _deliver(way, mode, received)
    status = TAKEN.get(result.state)
    if status and result.record:
        return _shown(entrance.handed_in(way, result.record), status)
    return problems.undelivered(result, way.destination.organization.name)


@api.get("/api/v1/uploads/<uuid:upload_id>", provide_automatic_options=False)
def upload(upload_id: UUID) -> ResponseReturnValue:
    """Show an upload as it is known now."""
    return _shown(entrance.to_upload(upload_id), 200)


@api.get(problems.PAGE)
def problem_page() -> ResponseReturnValue:
    """Show every problem with its sentence: what a problem's `type` leads to."""
    return render_template("api/problems.html", problems={slug: gettext(told) for slug, told in WORDS.items()})


def _mode(operation: Operation) -> Mode:
    """How the caller wants it to travel; who asks for a copy where none may be kept is told so."""
    asked = request.args.get("durable")
    if asked not in DURABLE:
        raise BadDurable(field="durable", name="durable", value=str(asked)[:40])
    durable = DURABLE[asked]
    if durable and not operation.durable:
        raise DurableNotOffered(field="durable")
    return operation.mode(durable=durable)


def _deliver(way: Entrance, mode: Mode, received: Received) -> Result:
    deliverer = services().deliverer
    origin = way.origin(external_id=received.external_id, metadata=received.metadata)
    if isinstance(received.body, Collected):
        return deliverer.hand_in(
            origin, way.operation, received.body, replace=received.replace, way=way.destination.way
        )
    return deliverer.stream(origin, way.operation, received.body, policy=Policy(), mode=mode, way=way.destination.way)


def _shown(found: Found, status: int) -> Response:
    """Write an upload out."""
    upload = found.upload
    part: dict[str, Any] = upload.parts[0] if upload.parts else {}
    response = jsonify(
        id=str(upload.id),
        state=upload.state,
        provider_status=upload.provider_status,
        organization=found.organization.slug,
        connection=found.connection.name,
        operation=upload.operation,
        filename=part.get("filename"),
        size=part.get("size"),
        sha256=part.get("sha256"),
        reference=upload.reference,
        external_id=upload.external_id,
        metadata=upload.caller_metadata,
        attempts=[_attempt(one) for one in found.attempts],
        created_at=upload.created_at.isoformat(),
    )
    response.status_code = status
    if status in TAKEN.values():
        response.headers["Location"] = url_for(".upload", upload_id=upload.id)
    return response


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "started_at": attempt.started_at.isoformat(),
        "ended_at": attempt.ended_at.isoformat() if attempt.ended_at else None,
        "outcome": attempt.outcome,
        "problem": attempt.problem,
        "provider_http_status": attempt.provider_http_status,
        "provider_code": attempt.provider_code,
    }
