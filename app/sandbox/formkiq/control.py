"""What only the simulated FormKiQ can be told: whom to give a token, and how to behave."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, jsonify, request

from app.sandbox.formkiq import cognito, tokens
from app.sandbox.formkiq.installation import Switches
from app.sandbox.formkiq.views import installation
from app.sandbox.provider import BadSeed

if TYPE_CHECKING:
    from flask import Response
    from flask.typing import ResponseReturnValue

bp = Blueprint("control", __name__)

CLIENT_ID: Final = "sandbox-client"


@bp.post("/token")
def give_token() -> ResponseReturnValue:
    """`{"groups": […], "use": "access" | "id", "seconds": …}`: a token, and what it can be renewed with."""
    asked = _object()
    groups, use, seconds = asked.get("groups"), asked.get("use", "access"), asked.get("seconds", 3600)
    if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
        raise BadSeed("groups: a list of texts")
    if use not in {"access", "id"}:
        raise BadSeed("use: access or id")
    if type(seconds) not in {int, float}:
        raise BadSeed("seconds: a number; of the past if negative")
    user, refresh_token = tokens.User(client_id=CLIENT_ID, groups=tuple(groups)), tokens.new_refresh_token()
    with installation().lock:
        installation().users[refresh_token] = user
    made = cognito.token(user, use, seconds)
    return jsonify(token=made, refresh_token=refresh_token, client_id=CLIENT_ID), 201


@bp.get("/switches")
def read_switches() -> Response:
    return jsonify(asdict(installation().switches))


@bp.put("/switches")
def set_switches() -> Response:
    """Any of `delay_seconds`, `max_bytes` (null: none), `lifetime_scale`."""
    asked = _object()
    for name, value in asked.items():
        if name not in Switches.__dataclass_fields__:
            raise BadSeed(f"switches: at most {', '.join(Switches.__dataclass_fields__)}")
        if not (type(value) in {int, float} and value >= 0) and not (name == "max_bytes" and value is None):
            raise BadSeed(f"{name}: a number from 0")
    with installation().lock:
        installation().switches = replace(installation().switches, **asked)
    return read_switches()


@bp.delete("/switches")
def reset_switches() -> Response:
    with installation().lock:
        installation().switches = Switches()
    return read_switches()


def _object() -> dict[str, Any]:
    data = request.get_json()
    if not isinstance(data, dict):
        raise BadSeed("a JSON object is needed")
    return data
