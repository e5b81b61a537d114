"""`sharing`: who may see a document, by name, by organization, by link."""

from __future__ import annotations

import re
from typing import Any, Final

from app.sandbox.factify import inputs
from app.sandbox.factify.errors import Refused
from app.sandbox.factify.ids import new_id
from app.sandbox.factify.inputs import Field
from app.sandbox.factify.moments import iso
from app.sandbox.factify.papers import GENERAL_ACCESS, ROLES, Document, Grant
from app.sandbox.factify.routing import operation
from app.sandbox.factify.service import Caller, service

MOST_RECIPIENTS: Final = 50

_LEVEL: Final = {"general_access_level": Field(read=inputs.one_of(GENERAL_ACCESS.values()), required=True)}
_ROLE: Final = Field(read=inputs.one_of(ROLES), required=True)
_GRANT: Final = {
    "recipients": Field(
        read=inputs.records({"role": _ROLE, "recipient": Field(read=inputs.text())}, most=MOST_RECIPIENTS),
        required=True,
    ),
    "custom_message": Field(read=inputs.text()),
    "should_send_notification": Field(read=inputs.boolean),
}


def _general(document: Document) -> dict[str, Any]:
    return {"document_id": document.id, "general_access_level": GENERAL_ACCESS[document.access_level]}


@operation("GET", "/documents/<document_id>/general-access")
def get_general_access(caller: Caller, document_id: str) -> dict[str, Any]:
    return _general(service().document(caller, document_id, "view"))


@operation("PUT", "/documents/<document_id>/general-access")
def set_general_access(caller: Caller, document_id: str) -> dict[str, Any]:
    document = service().document(caller, document_id, "manage_access")
    wanted = inputs.body(_LEVEL)["general_access_level"]
    document.access_level = next(level for level, name in GENERAL_ACCESS.items() if name == wanted)
    document.note("DOCUMENT_SETTINGS_ACCESS_CHANGED", caller.user, service().now())
    return _general(document)


@operation("GET", "/documents/<document_id>/share")
def search(caller: Caller, document_id: str) -> dict[str, Any]:
    document = service().document(caller, document_id, "view")
    holders = {document.owner_id: "owner"} | {holder: grant.role for holder, grant in document.grants.items()}
    return _general(document) | {"recipients": [_recipient(holder, role) for holder, role in holders.items()]}


def _recipient(holder: str, role: str) -> dict[str, Any]:
    user = service().users.get(holder)
    shown = {"id": holder, "type": "user", "document_role": role}
    return shown if user is None else shown | {"email": user.email, "name": user.name}


@operation("POST", "/documents/<document_id>/share")
def grant(caller: Caller, document_id: str) -> dict[str, Any]:
    """Each recipient succeeds or fails alone."""
    document = service().document(caller, document_id, "grant_access")
    results = [_granted(caller, document, one) for one in inputs.body(_GRANT)["recipients"]]
    successful = sum(one["success"] for one in results)
    counts = {"total": len(results), "successful": successful, "failed": len(results) - successful}
    return {"document_id": document.id, "results": results, **counts}


def _granted(caller: Caller, document: Document, wanted: dict[str, Any]) -> dict[str, Any]:
    recipient, now = wanted.get("recipient") or "", service().now()
    user = service().users.get(recipient)
    if user is None and re.fullmatch(r"[^@\s]+@[^@\s]+", recipient):
        user = service().user(recipient)
    if user is None:
        return {"recipient": recipient, "success": False, "error": "Recipient not found"}
    if user.id == document.owner_id or wanted["role"] == "owner":
        return {"recipient": recipient, "success": False, "error": "Ownership is transferred, not granted"}
    document.grants[user.id] = Grant(role=wanted["role"], at=now)
    document.note("DOCUMENT_USER_ACCESS_GRANTED", caller.user, now)
    return {"recipient": recipient, "success": True}


def _granted_document(caller: Caller, document_id: str, recipient_id: str) -> Document:
    """The document, if that recipient has a part in it that can be changed. Raises Refused."""
    document = service().document(caller, document_id, "manage_access")
    if recipient_id == document.owner_id:
        raise Refused("precondition_failed", "The owner's access cannot be changed")
    if recipient_id not in document.grants:
        raise Refused("resource_not_found", "Recipient not found")
    return document


@operation("PATCH", "/documents/<document_id>/share/<recipient_id>")
def update(caller: Caller, document_id: str, recipient_id: str) -> dict[str, Any]:
    document = _granted_document(caller, document_id, recipient_id)
    role = inputs.body({"document_role": _ROLE})["document_role"]
    if role == "owner":
        raise Refused("precondition_failed", "Ownership is transferred, not granted")
    document.grants[recipient_id] = Grant(role=role, at=document.grants[recipient_id].at)
    return {"success": True}


@operation("DELETE", "/documents/<document_id>/share/<recipient_id>")
def revoke(caller: Caller, document_id: str, recipient_id: str) -> dict[str, Any]:
    document = _granted_document(caller, document_id, recipient_id)
    del document.grants[recipient_id]
    document.note("DOCUMENT_USER_ACCESS_REVOKED", caller.user, service().now())
    return {"success": True}


@operation("POST", "/documents/<document_id>/share-links")
def create_share_link(caller: Caller, document_id: str) -> dict[str, Any]:
    document = service().document(caller, document_id, "grant_access")
    inputs.body({})
    link = {
        "id": new_id("sl"),
        "document_id": document.id,
        "creator_id": caller.user.id,
        "created_at": iso(service().now()),
    }
    return {"share_link": link}
