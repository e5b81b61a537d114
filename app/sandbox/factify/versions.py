"""`versions` and `entry_pages`: further files of a document, and the page that leads to it."""

from __future__ import annotations

from typing import Any, Final

from app.sandbox.factify import inputs, paging
from app.sandbox.factify.errors import Refused
from app.sandbox.factify.inputs import Field
from app.sandbox.factify.moments import iso
from app.sandbox.factify.routing import operation
from app.sandbox.factify.service import Caller, service
from app.sandbox.factify.uploads import add_version, form

ENTRY_PAGE_SECONDS: Final = 900
#: The least that is a PDF.
ENTRY_PAGE: Final = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]>>endobj\n"
    b"trailer<</Root 1 0 R>>\n%%EOF\n"
)

_NEW: Final = {"title": Field(read=inputs.text(most=inputs.TITLE_LENGTH)), "description": Field(read=inputs.text())}


@operation("GET", "/documents/<document_id>/versions")
def search(caller: Caller, document_id: str) -> dict[str, Any]:
    document, now = service().document(caller, document_id, "list_versions"), service().now()
    return paging.page(document.versions, lambda one: one.shown(now), key=lambda one: (iso(one.created_at), one.id))


@operation("POST", "/documents/<document_id>/versions")
def create(caller: Caller, document_id: str) -> dict[str, Any]:
    document = service().document(caller, document_id, "create_version")
    came = form(_NEW)
    if document.trashed_at is not None:
        raise Refused("precondition_failed", "The document is in the trash")
    made = add_version(service(), caller, document, came.payload, **came.fields)
    document.updated_at = made.created_at
    document.note("DOCUMENT_VERSION_UPLOADED", caller.user, made.created_at)
    return made.shown(service().now())


@operation("GET", "/versions/<version_id>")
def get(caller: Caller, version_id: str) -> dict[str, Any]:
    return service().version(caller, version_id, "view").shown(service().now())


@operation("PATCH", "/versions/<version_id>")
def update(caller: Caller, version_id: str) -> dict[str, Any]:
    version = service().version(caller, version_id, "create_version")
    change = inputs.body(_NEW)
    version.title = change.get("title", version.title)
    version.description = change.get("description", version.description)
    return version.shown(service().now())


@operation("POST", "/documents/<document_id>/entry_page")
def generate_entry_page(caller: Caller, document_id: str) -> dict[str, Any]:
    document, store = service().document(caller, document_id, "view"), service().world.store
    stored = f"entry-pages/{document.id}.pdf"
    store.keep("factify", stored, ENTRY_PAGE, "application/pdf")
    document.note("DOCUMENT_ENTRY_PAGE_DOWNLOADED", caller.user, service().now())
    return {"download_url": store.sign("factify", stored, method="GET", seconds=ENTRY_PAGE_SECONDS)}
