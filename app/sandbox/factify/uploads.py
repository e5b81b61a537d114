"""The multipart forms that bring a file: parts in any order, and no others than those the form has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.sandbox.body import ReceivedPart
from app.sandbox.factify.errors import Refused
from app.sandbox.factify.ids import new_id
from app.sandbox.factify.inputs import Field
from app.sandbox.factify.papers import Document, Version
from app.sandbox.factify.service import Caller, Service
from app.sandbox.provider import received

PAYLOAD = "payload"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What came: the fields, read, and the file."""

    fields: Mapping[str, Any]
    payload: ReceivedPart


def form(fields: Mapping[str, Field]) -> Form:
    """Read the body as a form of those fields and a payload. Raises Refused."""
    body = received()
    if not body.multipart:
        raise Refused("invalid_field_value", "A whole multipart/form-data body was expected")
    parts: dict[str, ReceivedPart] = {}
    for part in body.parts:
        if part.name not in {*fields, PAYLOAD} or part.name in parts:
            raise Refused("invalid_field_value", "This field does not exist, or was given before", param=part.name)
        parts[part.name] = part
    required = [name for name, field in fields.items() if field.required]
    for name in (*required, PAYLOAD):
        if name not in parts:
            raise Refused("missing_required_field", param=name)
    payload = parts.pop(PAYLOAD)
    if not payload.is_file or not payload.held.size:
        raise Refused("missing_required_field", "payload is no file, or an empty one", param=PAYLOAD)
    return Form(fields={name: fields[name].read(name, _text(part)) for name, part in parts.items()}, payload=payload)


def _text(part: ReceivedPart) -> str:
    try:
        return (part.held.content() or b"").decode()
    except UnicodeDecodeError:
        raise Refused("invalid_field_value", param=part.name) from None


def add_version(service: Service, caller: Caller, document: Document, payload: ReceivedPart, **given: Any) -> Version:
    """Keep the file as the document's newest version."""
    version_id = new_id("ver")
    stored = f"documents/{document.id}/{version_id}.pdf"
    content = payload.held.content()
    if content is not None:
        service.world.store.keep("factify", stored, content, "application/pdf")
    made = Version(
        id=version_id,
        document_id=document.id,
        created_at=service.now(),
        created_by=caller.user,
        size=payload.held.size,
        sha256=payload.held.sha256,
        stored=stored,
        **service.ends(document.organization_id),
        **given,
    )
    document.versions.append(made)
    service.versions[made.id] = made
    return made
