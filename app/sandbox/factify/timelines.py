"""`timelines`: what happened to a document, newest first; all of it for its admins, the others' own doings for them."""

from __future__ import annotations

from typing import Any

from app.sandbox.factify import paging
from app.sandbox.factify.moments import iso
from app.sandbox.factify.papers import permissions
from app.sandbox.factify.routing import operation
from app.sandbox.factify.service import Caller, service


@operation("GET", "/documents/<document_id>/timeline")
def get(caller: Caller, document_id: str) -> dict[str, Any]:
    document = service().document(caller, document_id, "view_timeline")
    sees_all = permissions(service().role(caller.user, document))["view_analytics"]
    cut = paging.cut_out(
        [one for one in document.events if sees_all or one.user_id == caller.user.id],
        key=lambda one: (iso(one.at), one.id),
        descending=True,
        token_name="cursor",  # noqa: S106 - a parameter's name
    )
    shown = {"events": [one.shown() for one in cut.items], "has_more": bool(cut.after)}
    return shown | ({"next_cursor": cut.after} if cut.after else {})
