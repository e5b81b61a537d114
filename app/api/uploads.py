"""The addresses of hand-ins: hand something in, and look at what became of it."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from flask.typing import ResponseReturnValue
from werkzeug.exceptions import MethodNotAllowed

from app.api import answers, entrance, hand_ins
from app.api.handing_in import take
from app.api.receiving import receive_hand_in, receive_raw, takes_raw
from app.api.resources import ALWAYS, PREFIX, TAGS, Address, served
from app.tenants.tokens import Scope

TAG: Final = "Uploads"
TAGS[TAG] = "One hand-in and its whole history."
HAND_IN: Final = f"{PREFIX}/organizations/<organization>/<connection:connection>/<operation>"


@served(
    Address(
        endpoint="hand_in",
        method="POST",
        path=HAND_IN,
        tag=TAG,
        scope=Scope.UPLOADS_WRITE,
        problems=hand_ins.PROBLEMS,
        besides=hand_ins.FORM,
    )
)
def hand_in(organization: str, connection: str, operation: str) -> ResponseReturnValue:
    """Hand a file in.

    As a form, whose fields come before its file. An operation without a file takes one JSON object.
    """
    return take(entrance.to_hand_in(organization, connection, operation), receive_hand_in)


@served(
    Address(
        endpoint="put_in",
        method="PUT",
        path=HAND_IN,
        tag=TAG,
        scope=Scope.UPLOADS_WRITE,
        problems=tuple(sorted((*hand_ins.PROBLEMS, 405))),
        besides=hand_ins.FILE,
    )
)
def put_in(organization: str, connection: str, operation: str) -> ResponseReturnValue:
    """Hand a file in alone.

    The body is the file and nothing else; its name and the fields are in the query. For what takes one file and
    nothing secret; others answer 405.
    """
    way = entrance.to_hand_in(organization, connection, operation)
    if not takes_raw(way.operation):
        raise MethodNotAllowed(valid_methods=["POST"])
    return take(way, receive_raw)


@served(
    Address(
        endpoint="upload",
        method="GET",
        path=f"{PREFIX}/uploads/<uuid:upload_id>",
        tag=TAG,
        scope=Scope.UPLOADS_READ,
        problems=(*ALWAYS, 404),
        besides={"responses": {"200": hand_ins.SHOWN}},
    )
)
def upload(upload_id: UUID) -> ResponseReturnValue:
    """Show an upload as it is known now."""
    return answers.shown(entrance.to_upload(upload_id), 200)
