"""`policies`: an organization's rules, attached to its documents."""

from __future__ import annotations

from typing import Any, Final

from app.sandbox.factify import inputs, paging
from app.sandbox.factify.errors import Refused
from app.sandbox.factify.ids import checked
from app.sandbox.factify.inputs import Field
from app.sandbox.factify.moments import iso
from app.sandbox.factify.papers import Document
from app.sandbox.factify.people import Policy
from app.sandbox.factify.routing import operation
from app.sandbox.factify.service import Caller, service

_ATTACH: Final = {"policy_id": Field(read=inputs.an_id("pol"), required=True)}


def _policies(document: Document) -> dict[str, Policy]:
    """All that its organization has."""
    organization = service().organizations.get(document.organization_id or "")
    return organization.policies if organization else {}


def _shown(document: Document, policy_id: str) -> dict[str, Any]:
    return {
        "policy": _policies(document)[policy_id].shown(),
        "document_id": document.id,
        "attached_at": iso(document.policies[policy_id]),
    }


@operation("GET", "/documents/<document_id>/policies")
def search(caller: Caller, document_id: str) -> dict[str, Any]:
    document = service().document(caller, document_id, "view")
    return paging.page(
        document.policies, lambda one: _shown(document, one), key=lambda one: (iso(document.policies[one]), one)
    )


@operation("POST", "/documents/<document_id>/policies")
def attach(caller: Caller, document_id: str) -> dict[str, Any]:
    document = service().document(caller, document_id, "attach_policy")
    policy_id = inputs.body(_ATTACH)["policy_id"]
    if policy_id not in _policies(document):
        raise Refused("resource_not_found", "Policy not found")
    document.policies.setdefault(policy_id, service().now())
    return _shown(document, policy_id)


@operation("DELETE", "/documents/<document_id>/policies/<policy_id>")
def detach(caller: Caller, document_id: str, policy_id: str) -> dict[str, Any]:
    document = service().document(caller, document_id, "attach_policy")
    if checked("pol", policy_id, "policy_id") not in document.policies:
        raise Refused("resource_not_found", "Policy not attached")
    del document.policies[policy_id]
    return {}
