"""`access_requests`: what a caller may do with a document, and asking for more."""

from __future__ import annotations

from typing import Any, Final

from app.sandbox.factify import inputs
from app.sandbox.factify.errors import Refused
from app.sandbox.factify.ids import checked
from app.sandbox.factify.inputs import Field
from app.sandbox.factify.papers import REQUESTED, AccessRequest, Document, Grant, permissions
from app.sandbox.factify.routing import operation
from app.sandbox.factify.service import Caller, service

_NEW: Final = {
    "permission": Field(read=inputs.one_of(REQUESTED), required=True),
    "message": Field(read=inputs.text()),
}


@operation("GET", "/documents/<document_id>/access")
def inspect(caller: Caller, document_id: str) -> dict[str, Any]:
    document = service().document(caller, document_id, None)
    return {"document_id": document.id, "permission_set": permissions(service().role(caller.user, document))}


@operation("GET", "/documents/<document_id>/access-requests")
def search(caller: Caller, document_id: str) -> dict[str, Any]:
    document = service().document(caller, document_id, "manage_access")
    pending = [one.shown() for one in document.requests.values() if one.status == "pending"]
    return {"items": pending[::-1], "has_more": False}


def _has_pending(caller: Caller, document: Document) -> bool:
    return any(one.user.id == caller.user.id and one.status == "pending" for one in document.requests.values())


@operation("POST", "/documents/<document_id>/access-requests")
def create(caller: Caller, document_id: str) -> dict[str, Any]:
    document, now = service().document(caller, document_id, None), service().now()
    wanted = inputs.body(_NEW)
    if _has_pending(caller, document):
        raise Refused("resource_already_exists", "A request is pending")
    made = AccessRequest(document_id=document.id, user=caller.user, created_at=now, updated_at=now, **wanted)
    document.requests[made.id] = made
    return {"access_request": made.shown()}


@operation("GET", "/documents/<document_id>/access-requests/status")
def check_status(caller: Caller, document_id: str) -> dict[str, Any]:
    return {"has_pending_request": _has_pending(caller, service().document(caller, document_id, None))}


def _decide(caller: Caller, document_id: str, request_id: str, status: str) -> AccessRequest:
    """Settle a pending request. Raises Refused."""
    document = service().document(caller, document_id, "manage_access")
    inputs.body({})
    found = document.requests.get(checked("acr", request_id, "access_request_id"))
    if found is None:
        raise Refused("resource_not_found", "Access request not found")
    if found.status != "pending":
        raise Refused("precondition_failed", "The request is settled")
    found.status, found.updated_at = status, service().now()
    return found


@operation("POST", "/documents/<document_id>/access-requests/<request_id>/approve")
def approve(caller: Caller, document_id: str, request_id: str) -> dict[str, Any]:
    settled = _decide(caller, document_id, request_id, "approved")
    document = service().documents[document_id]
    document.grants[settled.user.id] = Grant(role=REQUESTED[settled.permission], at=settled.updated_at)
    document.note("DOCUMENT_USER_ACCESS_GRANTED", caller.user, settled.updated_at)
    return {"access_request": settled.shown()}


@operation("POST", "/documents/<document_id>/access-requests/<request_id>/deny")
def deny(caller: Caller, document_id: str, request_id: str) -> dict[str, Any]:
    return {"access_request": _decide(caller, document_id, request_id, "denied").shown()}
