"""`/_sandbox`: reading the ledger, ordering faults, preloading, moving the clock. JSON in and out, for tests."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from app.sandbox.faults import BadFault, Fault
from app.sandbox.provider import BadSeed
from app.sandbox.state import sandbox

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

bp = Blueprint("control", __name__, url_prefix="/_sandbox")


def refusal(error: Exception) -> Response:
    """What is answered outside of the providers when something cannot be done: why, and nothing that was sent."""
    if isinstance(error, BadFault | BadSeed):
        status, why = 400, str(error)
    elif isinstance(error, HTTPException):
        status, why = error.code or 500, error.description or error.name
    else:
        status, why = 500, "a mistake in the sandbox; its log says where"
    answer = jsonify(error=why)
    answer.status_code = status
    return answer


@bp.get("/ledger")
def read_ledger() -> Response:
    provider = request.args.get("provider")
    if provider is not None and provider not in sandbox().providers:
        # An empty list would let a test with a slip in it pass.
        raise BadSeed(f"provider: one of {', '.join(sandbox().providers)}")
    return jsonify(requests=sandbox().ledger.listing(provider))


@bp.delete("/ledger")
def clear_ledger() -> Response:
    sandbox().ledger.clear()
    return jsonify({})


@bp.get("/faults")
def read_faults() -> Response:
    return jsonify(faults=sandbox().faults.listing())


@bp.post("/faults")
def order_fault() -> ResponseReturnValue:
    sandbox().faults.add(Fault.parse(request.get_json(), sandbox().providers))
    return jsonify({}), 201


@bp.delete("/faults")
def clear_faults() -> Response:
    sandbox().faults.clear()
    return jsonify({})


@bp.post("/seed")
def preload() -> ResponseReturnValue:
    sandbox().seed(request.get_json())
    return jsonify({}), 201


@bp.put("/clock")
def set_clock() -> Response:
    try:
        now = datetime.fromisoformat(_object()["now"])
    except (KeyError, TypeError, ValueError):
        raise BadSeed("now: a date and time as ISO 8601 writes it") from None
    if now.tzinfo is None:
        raise BadSeed("now: say in which zone, as in 2026-11-21T00:00:00Z")
    sandbox().world.clock.set(now)
    return jsonify({})


@bp.delete("/clock")
def reset_clock() -> Response:
    sandbox().world.clock.reset()
    return jsonify({})


@bp.put("/limits")
def switch_limits() -> Response:
    on = _object().get("on")
    if not isinstance(on, bool):
        raise BadSeed("on: true or false")
    sandbox().world.limits = on
    return jsonify({})


def _object() -> dict[str, Any]:
    data = request.get_json()
    if not isinstance(data, dict):
        raise BadSeed("a JSON object is needed")
    return data
