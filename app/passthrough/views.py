"""One address for every call: it is judged, passed on, and answered as the provider answers it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import structlog
from flask import Blueprint, Response, g, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from app.database import AWAY, DatabaseAway
from app.delivery import Result
from app.delivery.calls import Answered
from app.errors import Refusal
from app.passthrough import bucket, calling, entrance, headers, placing, refusing
from app.passthrough.address import Address
from app.passthrough.base import Speaks
from app.passthrough.errors import NoSuchProvider
from app.passthrough.faces import FACES
from app.services import services

log = structlog.get_logger("ventanilla.passthrough")

#: What a provider answers is for programs: should a browser show it, it is of no origin, and nothing in it runs.
POLICY: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"

METHODS: Final = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")

proxy = Blueprint("passthrough", __name__)


@proxy.route(
    "/proxy/<path:_>", methods=METHODS, provide_automatic_options=False, merge_slashes=False, strict_slashes=False
)
def call(_: str) -> ResponseReturnValue:
    """Make a call for whoever holds a token that allows it."""
    wanted = Address.of(request.environ)
    face = FACES.get(wanted.provider)
    if face is None:
        raise NoSuchProvider
    g.face = face
    way = entrance.find(request.environ, face, wanted)
    with services().shedding.admit(way.caller):
        outcome = calling.make(way, face, wanted, request.environ)
    return answered(face, outcome) if isinstance(outcome, Result) else given(outcome)


@proxy.put(f"{placing.PREFIX}<sealed>")
def put(sealed: str) -> ResponseReturnValue:
    """Take bytes for an address that was given out in the place of a store's."""
    g.face = bucket.Bucket()
    found = bucket.find(sealed, request.environ)
    with services().shedding.admit(found.way.caller):
        outcome = bucket.take(found, request.environ)
    return answered(g.face, outcome) if isinstance(outcome, Result) else given(outcome)


def given(answer: Answered) -> Response:
    """Answer byte for byte what the provider did."""
    response = Response(_blocks(answer), headers=list(headers.sent_back(answer.headers)), direct_passthrough=True)
    response.status = f"{answer.status} {answer.reason if answer.reason.isprintable() else ''}".strip()
    if not any(name.lower() == "content-type" for name, _ in answer.headers):
        del response.headers["Content-Type"]  # none of ours
    response.call_on_close(answer.close)
    return response


def answered(face: Speaks, result: Result) -> Response:
    """Answer to a hand-in that the provider gave no answer to."""
    return given(face.spell(refusing.of_result(face, result)).whole())


@proxy.after_request
def bound(response: Response) -> Response:
    """Say what a browser may do with it, whatever the provider has to say about that."""
    response.headers["Content-Security-Policy"] = POLICY
    return response


def _blocks(answer: Answered) -> Iterator[bytes]:
    yield from answer.blocks()


@proxy.errorhandler(Refusal)
def refused(refusal: Refusal) -> Response:
    """Say no in the vendor's words, as far as it is known whose they are."""
    face: Speaks | None = g.get("face")
    told = refusing.of_refusal(face, refusal)
    return given(face.spell(told).whole()) if face else refusing.plain(told)


@proxy.errorhandler(HTTPException)
def failed(fault: HTTPException) -> Response:
    """Our own faults say no more than that they are ours."""
    face: Speaks | None = g.get("face")
    told = refusing.of_fault(face, fault.code or 500)
    return given(face.spell(told).whole()) if face else refusing.plain(told)


def away(fault: Exception) -> Response:
    """Say that the database is away."""
    log.error("database away", cause=type(fault).__name__)
    return refused(DatabaseAway())


for one in AWAY:
    proxy.register_error_handler(one, away)
