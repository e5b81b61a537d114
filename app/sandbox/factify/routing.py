"""One way into every operation: under any prefix, for known callers, one at a time, answered with JSON and 200."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from flask import Blueprint, Response, jsonify, request

from app.sandbox.factify.errors import Refused, present
from app.sandbox.factify.service import Caller, service

P = ParamSpec("P")
View = Callable[Concatenate[Caller, P], dict[str, Any]]

bp = Blueprint("factify", __name__, url_prefix="/factify")
bp.register_error_handler(Refused, present)


@bp.url_value_preprocessor
def _under_any_prefix(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    (values or {}).pop("prefix", None)


def operation(method: str, path: str) -> Callable[[View[P]], View[P]]:
    """The view answers that method at that path, below `/v1beta`; it gets who calls, and what the path names."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def answer(*args: P.args, **kwargs: P.kwargs) -> Response:
            with service().lock:
                caller = service().admit(request.headers.get("Authorization"), method, request.path)
                return jsonify(view(caller, *args, **kwargs))

        endpoint = f"{view.__module__.rpartition('.')[2]}_{view.__name__}"
        for prefix in ("", "/<path:prefix>"):
            bp.add_url_rule(f"{prefix}/v1beta{path}", endpoint, answer, methods=[method])
        return view

    return decorate
