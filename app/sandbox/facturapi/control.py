"""What only the simulated Facturapi can be told: which certificates the SAT has revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flask import Blueprint, jsonify, request

from app.sandbox.provider import BadSeed
from app.sandbox.state import sandbox

if TYPE_CHECKING:
    from flask import Response
    from flask.typing import ResponseReturnValue

    from app.sandbox.facturapi import Facturapi
    from app.sandbox.facturapi.account import Account

bp = Blueprint("control", __name__)


def _account() -> Account:
    return cast("Facturapi", sandbox().providers["facturapi"]).account


@bp.post("/revoked")
def revoke() -> ResponseReturnValue:
    """`{"numbers": […]}`: refuse these from now on, as `certificate_invalid`, however good they look."""
    data = request.get_json()
    numbers = data.get("numbers") if isinstance(data, dict) else None
    if not isinstance(numbers, list) or not all(isinstance(number, str) for number in numbers):
        raise BadSeed("numbers: a list of certificate numbers, as texts")
    _account().revoked.update(numbers)
    return jsonify({}), 201


@bp.delete("/revoked")
def forget() -> Response:
    _account().revoked.clear()
    return jsonify({})
