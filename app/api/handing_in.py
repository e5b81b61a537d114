"""One hand-in from its headers to its answer, whatever shape its body has."""

from __future__ import annotations

from typing import Final

from flask import Response, request

from app.api import answers, entrance, limits, problems, waiting
from app.api.entrance import Entrance
from app.api.errors import BadDurable, DurableNotOffered
from app.api.idempotency import Key
from app.api.receiving import Receive, Received
from app.api.waiting import Patience
from app.checks import Policy
from app.delivery import Result
from app.intake import Collected
from app.providers.operation import Mode, Operation
from app.records.states import State
from app.services import services

#: What `?durable` may say, and what that means.
DURABLE: Final = {None: None, "0": False, "1": True}


def take(way: Entrance, receive: Receive) -> Response:
    """Take a hand-in, pass it on, and say what became of it."""
    mode = _mode(way.operation)
    patience = Patience.of_request(mode)
    key = Key.of_request(way)
    is_new = key is None or key.known is None
    if is_new and mode is not Mode.DURABLE:
        way.destination.check_open()
    keeps = (request.content_length or 0) if is_new and mode is Mode.DURABLE else None
    limits.tell(limits.UPLOADS, services().shedding.uploads, way.caller.names)
    with services().shedding.admit(way.caller, keeps=keeps):
        with receive(way.operation, mode) as received:
            if key is not None and key.known is not None:
                return key.repeat(way, received)
            result = _deliver(way, mode, received, key, later=patience.later)
        response = _answer(way, result, patience)  # who waits for it takes up a thread
    if key is not None:
        key.remember(way, result.upload_id, response)
    return response


def _mode(operation: Operation) -> Mode:
    """How the caller wants it to travel; who asks for a copy where none may be kept is told so."""
    asked = request.args.get("durable")
    if asked not in DURABLE:
        raise BadDurable(field="durable", name="durable", value=str(asked)[:40])
    durable = DURABLE[asked]
    if durable and not operation.durable:
        raise DurableNotOffered(field="durable")
    return operation.mode(durable=durable)


def _deliver(way: Entrance, mode: Mode, received: Received, key: Key | None, *, later: bool) -> Result:
    deliverer, body = services().deliverer, received.body
    claim = key.claim(way, received) if key else None
    origin = way.origin(external_id=received.external_id, metadata=received.metadata, key=claim)
    if isinstance(body, Collected):
        return deliverer.hand_in(origin, way.operation, body, replace=received.replace, destination=way.destination)
    return deliverer.stream(
        origin, way.operation, body, policy=Policy(), mode=mode, destination=way.destination, later=later
    )


def _answer(way: Entrance, result: Result, patience: Patience) -> Response:
    """Say what came of it, after waiting for as long as the caller wants to."""
    record = result.record
    if record is None or result.state not in answers.TAKEN:
        return problems.undelivered(result, way.destination.organization.name)
    if patience.seconds and result.state is State.WAITING:
        record = waiting.wait_for(way, result.upload_id, patience.seconds) or record
    response = answers.by_record(entrance.handed_in(way, record))
    if applied := patience.applied(response.status_code):
        response.headers["Preference-Applied"] = applied
    return response
