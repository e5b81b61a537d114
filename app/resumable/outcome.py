"""What is said of a file that became an upload, or that came to nothing."""

from __future__ import annotations

from typing import Final

from flask import Response, request, url_for

from app.api import problems
from app.errors import Refusal
from app.records.models import Upload
from app.records.states import State
from app.resumable import protocol
from app.resumable.entrance import Found
from app.resumable.errors import OtherVersion, WrongOffset
from app.services import services
from app.tenants import organizations

#: The upload's id, its state, and where it is followed: with a token the API's address, else the outcome page.
UPLOAD, STATE, PLACE = "Ventanilla-Upload", "Ventanilla-State", "Ventanilla-Outcome"

#: What a file that is whole has come to for now, where that is no promise broken.
TAKEN: Final = frozenset({State.RECEIVING, State.DELIVERING, State.WAITING, State.DELIVERED})
REJECTED: Final = 422


def told(found: Found, upload: Upload, response: Response) -> Response:
    """The response with the upload's state in it; or a problem, where nothing comes of the file."""
    if upload.state not in TAKEN:
        response = _problem(found, upload)
        if not found.by_token:
            del response.headers["Location"]
    response.headers[UPLOAD] = str(upload.id)
    response.headers[STATE] = upload.state
    if found.by_token:
        response.headers[PLACE] = url_for("api.upload", upload_id=upload.id)
    elif found.purpose.outcome_token:
        response.headers[PLACE] = url_for("portal.outcome", token=found.purpose.outcome_token)
    return response


def refused(refusal: Refusal) -> Response:
    """Say why it was not done; where the offset is what is wrong, also which one is right."""
    response = problems.refused(refusal)
    if "Authorization" not in request.headers:  # the API's address of an upload is not for pages
        response.headers.pop("Location", None)
    if isinstance(refusal, OtherVersion):
        response.headers["Tus-Version"] = protocol.VERSION
    if isinstance(refusal, WrongOffset) and "offset" in refusal.params:
        response.headers["Upload-Offset"] = str(refusal.params["offset"])
    if refusal.upload_id is not None:
        response.headers[UPLOAD] = str(refusal.upload_id)
        response.headers[STATE] = State.REJECTED
    return response


def _problem(found: Found, upload: Upload) -> Response:
    """What became of it, as the API would say it."""
    slug = upload.problem or "provider-error"
    status = problems.FAILURES.get(slug, problems.REFUSED_THERE)
    if upload.state == State.UNKNOWN:
        status, slug = problems.UNCONFIRMED, "unconfirmed"
    elif upload.state in {State.REJECTED, State.CANCELLED}:
        status = REJECTED
    with services().database.transaction(found.organization_id) as session:
        organization = organizations.get(session, found.organization_id).name
    detail = problems.say(slug, {"organization": organization, **upload.problem_params})
    return problems.problem(status, slug, detail, upload_id=upload.id)
