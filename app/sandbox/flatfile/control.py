"""What only the simulated Flatfile can be told: how a file's processing ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flask import Blueprint, jsonify, request

from app.sandbox.provider import BadSeed
from app.sandbox.state import sandbox

if TYPE_CHECKING:
    from flask import Response

    from app.sandbox.flatfile import Flatfile

bp = Blueprint("control", __name__)


@bp.put("/status")
def set_status() -> Response:
    """`{"id": …, "status": "failed"}`: that file has this status from now on."""
    data = request.get_json()
    accounts = cast("Flatfile", sandbox().providers["flatfile"]).accounts
    with accounts.lock:
        file = accounts.file(data["id"]) if isinstance(data, dict) and isinstance(data.get("id"), str) else None
        if file is None:
            raise BadSeed("id: that of a file")
        if not isinstance(data.get("status"), str):
            raise BadSeed("status: a text")
        file.status, file.updated_at = data["status"], accounts.world.clock.now()
    return jsonify({})
