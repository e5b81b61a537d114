"""The receipt of an upload, for services."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from flask import Response
from flask.typing import ResponseReturnValue

from app.api import entrance
from app.api.errors import NotSealed
from app.api.resources import ALWAYS, PREFIX, Address, served
from app.api.uploads import TAG
from app.records import receipts
from app.records.models import Receipt
from app.records.states import State
from app.services import services
from app.tenants.tokens import Scope

#: Seconds after which it is worth asking again, where one is on its way.
AGAIN: Final = 1.0


#: What the document says of it.
FILE: Final = {
    "responses": {
        "200": {
            "description": "The file of its receipt, as it can be checked anywhere.",
            "content": {receipts.MEDIA_TYPE: {"schema": {"type": "object"}}},
        }
    }
}


@served(
    Address(
        endpoint="receipt",
        method="GET",
        path=f"{PREFIX}/uploads/<uuid:upload_id>/receipt",
        tag=TAG,
        scope=Scope.UPLOADS_READ,
        problems=(*ALWAYS, 404),
        besides=FILE,
    )
)
def receipt(upload_id: UUID) -> ResponseReturnValue:
    """Give the file of an upload's receipt, to the byte as it can be checked anywhere."""
    found = entrance.to_upload(upload_id)
    with services().database.transaction(found.organization.id) as session:
        sealed = receipts.of_upload(session, upload_id)
    if sealed is None:
        refusal = NotSealed()
        refusal.upload_id = upload_id
        refusal.retry_after = AGAIN if found.upload.state is State.DELIVERED else None
        raise refusal
    return given(sealed)


def given(receipt: Receipt) -> Response:
    """The file of a receipt."""
    response = Response(receipts.file(receipt), content_type=receipts.MEDIA_TYPE)
    response.headers.set("Content-Disposition", "attachment", filename=receipts.filename(receipts.told(receipt)))
    return response
