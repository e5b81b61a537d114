"""What only the simulated Codat tells and can be told: uploads counted, and requests already made today."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, cast

from flask import Blueprint, jsonify, request

from app.sandbox.provider import BadSeed
from app.sandbox.state import sandbox

if TYPE_CHECKING:
    from flask import Response

    from app.sandbox.codat import Codat
    from app.sandbox.codat.clients import Client, Clients

bp = Blueprint("control", __name__)


def _clients() -> Clients:
    return cast("Codat", sandbox().providers["codat"]).clients


def _client(key: object) -> Client:
    found = _clients().named(key) if isinstance(key, str) else None
    if found is None:
        raise BadSeed("key: that of a client")
    return found


@bp.get("/uploads")
def uploads() -> Response:
    """`?key=…&company=…`: how often each file came, so that one that was sent twice shows."""
    with _clients().lock:
        company = _client(request.args.get("key")).companies.get(request.args.get("company", ""))
        if company is None:
            raise BadSeed("company: the id of one of that client's")
        times = Counter((one.connection.id, one.name, one.size, one.sha256) for one in company.files)
    names = ("connectionId", "fileName", "size", "sha256")
    return jsonify(uploads=[dict(zip(names, one, strict=True)) | {"times": count} for one, count in times.items()])


@bp.put("/used")
def use() -> Response:
    """`{"key": …, "requests": …}`: so many of today's requests are used up, which matters while limits are on."""
    data = request.get_json()
    count = data.get("requests") if isinstance(data, dict) else None
    if type(count) is not int or count < 0:
        raise BadSeed("requests: a number")
    with _clients().lock:
        client = _client(data.get("key"))
        client.day, client.used = _clients().world.clock.now().date(), count
    return jsonify({})
