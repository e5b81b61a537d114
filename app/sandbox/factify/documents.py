"""`documents`: created with their first file, listed, changed, exported, compared, thrown away and taken back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from flask import request

from app.sandbox.factify import inputs, paging
from app.sandbox.factify.errors import Refused
from app.sandbox.factify.ids import new_id
from app.sandbox.factify.inputs import Field
from app.sandbox.factify.moments import iso
from app.sandbox.factify.papers import Document, Grant, Version
from app.sandbox.factify.routing import operation
from app.sandbox.factify.service import Caller, Export, service
from app.sandbox.factify.uploads import add_version, form

_NEW: Final = {
    "title": Field(read=inputs.TITLE, required=True),
    "access_level": Field(read=inputs.one_of(inputs.ACCESS_LEVELS)),
    "description": Field(read=inputs.DESCRIPTION),
}
_CHANGE: Final = {"title": Field(read=inputs.TITLE), "description": Field(read=inputs.DESCRIPTION)}
_PROCESS: Final = {"version_id": Field(read=inputs.an_id("ver")), "async": Field(read=inputs.boolean)}
_TRANSFER: Final = {"new_owner_id": Field(read=inputs.an_id("user"), required=True)}


def _shared_at(document: Document, caller: Caller) -> str:
    shared = document.shared_at(caller.user)
    return iso(shared) if shared else ""


#: What a list can be sorted by. Nobody has viewed anything here.
_SORTS: Final[dict[str, Callable[[Document, Caller], str]]] = {
    "created_at": lambda document, _: iso(document.created_at),
    "updated_at": lambda document, _: iso(document.updated_at),
    "name": lambda document, _: document.title.casefold(),
    "last_viewed_at": lambda *_: "",
    "last_shared_at": _shared_at,
}


@operation("GET", "/documents")
def search(caller: Caller) -> dict[str, Any]:
    sort = request.args.get("sort", "-created_at")
    by = _SORTS.get(sort.removeprefix("-"))
    if by is None:
        raise Refused("invalid_field_value", param="sort")
    wanted = _filter(caller)
    return paging.page(
        [one for one in service().documents.values() if wanted(one)],
        lambda one: service().shown(caller, one),
        key=lambda one: (by(one, caller), one.id),
        descending=sort.startswith("-"),
    )


def _filter(caller: Caller) -> Callable[[Document], bool]:
    """Whether a document is one that the query asks for, of those that the caller has any part in."""
    text = request.args.get("query", "").casefold()
    levels = inputs.choices("access_level", inputs.ACCESS_LEVELS)
    statuses = inputs.choices("processing_status", inputs.STATUSES)
    ownership = inputs.choices("ownership", ("owned", "not_owned"))
    trash = inputs.choices("trash_state", ("active", "trashed")) or {"active"}
    authors = set(request.args.getlist("created_by_id"))
    in_time = inputs.bounds("created")
    within = inputs.flag("organization_scope")
    now = service().now()

    def wanted(one: Document) -> bool:
        return (
            service().role(caller.user, one, by_link=False) is not None
            and text in f"{one.title}\n{one.description or ''}".casefold()
            and (not levels or one.access_level in levels)
            and (not statuses or one.current.status(now) in statuses)
            and (not ownership or ("owned" if one.owner_id == caller.user.id else "not_owned") in ownership)
            and ("trashed" if one.trashed_at else "active") in trash
            and (not authors or one.created_by.id in authors)
            and in_time(one.created_at)
            and not (within and (caller.organization is None or one.organization_id != caller.organization.id))
        )

    return wanted


@operation("POST", "/documents")
def create(caller: Caller) -> dict[str, Any]:
    came, organization, now = form(_NEW), caller.organization, service().now()
    if organization is not None and organization.document_quota and not _quota(caller)["available"]:
        raise Refused("quota_exceeded", "Document quota exceeded")
    usual = "organization" if organization else "private"
    document = Document(
        id=new_id("doc"),
        title=came.fields["title"],
        description=came.fields.get("description"),
        access_level=came.fields.get("access_level", usual),
        created_at=now,
        updated_at=now,
        created_by=caller.user,
        owner_id=caller.user.id,
        organization_id=organization.id if organization else None,
    )
    add_version(service(), caller, document, came.payload)
    service().documents[document.id] = document
    document.note("DOCUMENT_CREATED", caller.user, now)
    return {"document": service().shown(caller, document)}


@operation("GET", "/documents/quota")
def get_quota(caller: Caller) -> dict[str, Any]:
    return _quota(caller)


def _quota(caller: Caller) -> dict[str, Any]:
    """Thrown away documents count too; `available` means nothing where there is no limit."""
    organization = caller.organization
    limit = organization.document_quota if organization else 0
    mine = organization.id if organization else None
    used = sum(one.organization_id == mine for one in service().documents.values())
    return {"limit": limit, "used": used, "available": max(0, limit - used)}


@operation("GET", "/documents/<document_id>")
def get(caller: Caller, document_id: str) -> dict[str, Any]:
    return {"document": service().shown(caller, service().document(caller, document_id, "view"))}


@operation("PATCH", "/documents/<document_id>")
def update(caller: Caller, document_id: str) -> dict[str, Any]:
    document = service().document(caller, document_id, "create_version")
    change = inputs.body(_CHANGE)
    document.title = change.get("title") or document.title
    if "description" in change:
        document.description = change["description"]
    document.updated_at = service().now()
    document.note("DOCUMENT_UPDATED", caller.user, document.updated_at)
    return {"document": service().shown(caller, document)}


@operation("GET", "/documents/<document_id>/duplicates")
def list_duplicates(caller: Caller, document_id: str) -> dict[str, Any]:
    """The newest version of each other document that has the same bytes; the service compares what can be seen."""
    document = service().document(caller, document_id, "view")
    same = request.args.get("file_contents_hash") or document.current.sha256
    found = {
        version.document_id: version
        for version in service().versions.values()
        if version.sha256 == same.lower() and version.document_id != document.id
    }
    visible = ((service().documents[key], version) for key, version in found.items())
    return {
        "items": [
            _duplicate(one, version)
            for one, version in visible
            if one.trashed_at is None and service().role(caller.user, one, by_link=False) is not None
        ]
    }


def _duplicate(document: Document, version: Version) -> dict[str, Any]:
    shown = {"document_id": document.id, "title": document.title, "version_id": version.id}
    return shown if version.title is None else shown | {"version_title": version.title}


def _version_of(document: Document, version_id: str | None) -> Version:
    """That version of the document; None: the current one. Raises Refused."""
    if version_id is None:
        return document.current
    for version in document.versions:
        if version.id == version_id:
            return version
    raise Refused("resource_not_found", "Version not found")


@operation("GET", "/documents/<document_id>/export")
def export(caller: Caller, document_id: str) -> dict[str, Any]:
    document = service().document(caller, document_id, "export")
    version_id = request.args.get("version_id")
    if version_id is not None:
        inputs.an_id("ver")("version_id", version_id)
    stored, store = _version_of(document, version_id).stored, service().world.store
    how = service().exports.get(document.organization_id, Export())
    return {
        "url": store.sign("factify", stored, method="GET", seconds=how.seconds, headers=how.headers),
        "expires_at": iso(service().now() + timedelta(seconds=how.seconds)),
        "headers": dict(how.headers),
    }


@operation("POST", "/documents/<document_id>/process")
def process(caller: Caller, document_id: str) -> dict[str, Any]:
    """Process a version once more, if that failed; how it ends is as for any other."""
    document = service().document(caller, document_id, "create_version")
    version = _version_of(document, inputs.body(_PROCESS).get("version_id"))
    status = version.status(service().now())
    if status == "failed":
        ends = service().ends(document.organization_id)
        version.result, version.ends_at = ends["result"], ends["ends_at"]
    outcome = {"processing": "ALREADY_PROCESSING", "ready": "ALREADY_COMPLETED", "failed": "STARTED"}[status]
    return {"document_id": document.id, "version_id": version.id, "status": f"PROCESSING_OUTCOME_{outcome}"}


@operation("POST", "/documents/<document_id>/transfer")
def transfer_ownership(caller: Caller, document_id: str) -> dict[str, Any]:
    """Give it to another member; the former owner stays on as its admin."""
    document = service().document(caller, document_id, "trash")
    heir = inputs.body(_TRANSFER)["new_owner_id"]
    organization = service().organizations.get(document.organization_id or "")
    if organization is None or heir not in organization.members:
        raise Refused("precondition_failed", "The new owner is not a member of the organization")
    now = service().now()
    document.grants[document.owner_id] = Grant(role="admin", at=now)
    document.grants.pop(heir, None)
    document.owner_id, document.updated_at = heir, now
    return {"document_id": document.id, "new_owner_id": heir}


@operation("POST", "/documents/<document_id>/trash")
def trash(caller: Caller, document_id: str) -> dict[str, Any]:
    """Throw it away: nobody but its owner sees it from then on, not even when it is taken back."""
    document = service().document(caller, document_id, "trash")
    inputs.body({})
    if document.trashed_at is None:
        document.trashed_at = document.updated_at = service().now()
        document.access_level = "private"
        document.grants.clear()
    return {}


@operation("POST", "/documents/<document_id>/untrash")
def untrash(caller: Caller, document_id: str) -> dict[str, Any]:
    document = service().document(caller, document_id, "trash")
    inputs.body({})
    if document.trashed_at is not None:
        document.trashed_at, document.updated_at = None, service().now()
    return {}
