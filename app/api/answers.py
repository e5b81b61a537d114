"""What is answered to a hand-in: its upload where it was taken, a problem where not; and what browsers make of it."""

from __future__ import annotations

from typing import Final

from flask import Response, jsonify, url_for

from app.api import problems
from app.api.entrance import Found
from app.delivery import Result
from app.intake import digests
from app.providers.base import Ending, Outcome
from app.records import showing
from app.records.states import State

#: What is answered to what arrived, or is sure to.
TAKEN: Final = {State.DELIVERED: 201, State.WAITING: 202}
#: What came to nothing, or nobody knows what it came to, although it had been taken.
LOST: Final = {State.FAILED: Ending.FAILED, State.UNKNOWN: Ending.UNKNOWN}


def shown(found: Found, status: int) -> Response:
    """Write an upload out."""
    names = {"organization": found.organization.slug, "connection": found.connection.name}
    response = jsonify(showing.shown(found.upload, **names, attempts=found.attempts))
    response.status_code = status
    if status in TAKEN.values():
        response.headers["Location"] = url_for("api.upload", upload_id=found.upload.id)
    # Of this answer, not of the file: that one's hash stands in it. Nothing else may stand in an answer's header.
    response.headers["Content-Digest"] = response.headers["Repr-Digest"] = digests.sha256(response.get_data())
    return response


def attach(response: Response) -> Response:
    """Let no browser show what is answered as if it were a page, unless it is one."""
    if response.mimetype != "text/html" and response.calculate_content_length() != 0:
        response.headers.setdefault("Content-Disposition", problems.ATTACHMENT)
    return response


def by_record(found: Found) -> Response:
    """Say what became of a hand-in that was taken, by what its record says now."""
    upload = found.upload
    if upload.state not in LOST:
        return shown(found, TAKEN.get(upload.state, TAKEN[State.WAITING]))
    last = found.attempts[-1] if found.attempts else None
    outcome = Outcome(
        ending=LOST[upload.state],
        problem=upload.problem,
        params=upload.problem_params,
        message=upload.provider_message,
        code=last.provider_code if last else None,
    )
    result = Result(upload_id=upload.id, state=upload.state, outcome=outcome)
    return problems.undelivered(result, found.organization.name)
