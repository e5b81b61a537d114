"""What the document says of hand-ins, whose bodies no model takes: they stream, and their parts differ."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field

from app.api.receiving import LONGEST_EXTERNAL_ID, MOST_METADATA
from app.api.resources import ALWAYS, BODY
from app.api.schemas import Model
from app.api.waiting import LONGEST
from app.intake.digests import WANTED
from app.providers import registry
from app.providers.base import ProviderStatus
from app.records.states import State

#: What a hand-in that is not taken, or not delivered, is answered with.
PROBLEMS: Final = tuple(sorted({*ALWAYS, *BODY, 404, 409, 424, 501, 502, 504, 507}))


class Attempt(Model):
    """One try to deliver an upload."""

    number: int
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    problem: Annotated[str | None, Field(description="Slug of what went wrong.")]
    provider_http_status: int | None
    provider_code: str | None


class Upload(Model):
    """One hand-in and its whole history."""

    id: UUID
    state: State
    provider_status: Annotated[
        ProviderStatus | None, Field(description="What the provider does with it since; null where none can be seen.")
    ]
    organization: str
    connection: str
    operation: Annotated[str, Field(examples=["formkiq/document"])]
    filename: Annotated[str | None, Field(description="Of the file; of the first, where there are two.")]
    size: int | None
    sha256: str | None
    reference: Annotated[str | None, Field(description="What the provider calls it.")]
    external_id: Annotated[str | None, Field(description="What its caller calls it.")]
    metadata: Annotated[dict[str, Any], Field(description="What its caller wants to find again.")]
    attempts: list[Attempt]
    created_at: datetime


def _parameter(name: str, about: str, schema: dict[str, Any], *, place: str = "query") -> dict[str, Any]:
    return {"name": name, "in": place, "required": False, "description": about, "schema": schema}


_OWN: Final[dict[str, Any]] = {
    "external_id": {
        "type": "string",
        "maxLength": LONGEST_EXTERNAL_ID,
        "description": "The caller's own name of it; kept and given back.",
    },
    "metadata": {
        "type": "string",
        "contentMediaType": "application/json",
        "description": f"A JSON object of at most {MOST_METADATA} bytes; kept and given back, never sent on.",
    },
    "replace": {"type": "string", "description": "`true`: yes to the question that a certificate may be asked."},
}
_FILE: Final = {"type": "string", "format": "binary"}
_PARTS: Final = {part.name: _FILE for one in registry.operations() for part in one.parts}
_FIELDS: Final = {
    field.name: {"type": "string"} | ({"format": "password"} if field.kind == "password" else {})
    for one in registry.operations()
    for field in one.fields
}
_MEMBERS: Final[dict[str, Any]] = {
    field.name: {} for one in registry.operations() if not one.parts for field in one.fields
}
SHOWN: Final[dict[str, Any]] = {
    "description": "The upload.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Upload"}}},
    "headers": {
        name: {"description": "Of this answer (RFC 9530).", "schema": {"type": "string"}}
        for name in ("Content-Digest", "Repr-Digest")
    },
}
_LOCATED: Final = SHOWN["headers"] | {
    "Location": {"$ref": "#/components/headers/Location"},
    "Idempotent-Replayed": {
        "description": "`true`: this is the answer to the first of several with one key.",
        "schema": {"type": "string"},
    },
    "Preference-Applied": {"description": "What of `Prefer` was followed.", "schema": {"type": "string"}},
}
_ANSWERS: Final = {
    "201": SHOWN | {"description": "Delivered: the provider has it.", "headers": _LOCATED},
    "202": SHOWN | {"description": "Waiting: it is safe here, and will be delivered.", "headers": _LOCATED},
}
_ASKED: Final = [
    _parameter("durable", "`0`: keep no copy. `1`: insist on one.", {"type": "string", "enum": ["0", "1"]}),
    _parameter("wait", "Seconds to wait for its delivery.", {"type": "integer", "minimum": 0, "maximum": LONGEST}),
    _parameter(
        "Idempotency-Key",
        "Sent again under the same key, it is done once.",
        {"type": "string", "minLength": 1, "maxLength": 257},
        place="header",
    ),
    _parameter("Prefer", "`respond-async`, `wait=30` (RFC 7240).", {"type": "string"}, place="header"),
    *(
        _parameter(name, f"What the body hashes to (RFC 9530): {WANTED}.", {"type": "string"}, place="header")
        for name in ("Content-Digest", "Repr-Digest")
    ),
]
_FORM: Final = {"type": "object", "properties": _OWN | _FIELDS | _PARTS, "additionalProperties": False}
_OBJECT: Final = {"type": "object", "properties": _MEMBERS | _OWN}

#: As a form, or as an object.
FORM: Final[dict[str, Any]] = {
    "parameters": _ASKED,
    "requestBody": {
        "required": True,
        "description": "The operation's own fields, then its file; docs/api.md says what each takes.",
        "content": {"multipart/form-data": {"schema": _FORM}, "application/json": {"schema": _OBJECT}},
    },
    "responses": _ANSWERS,
}
#: As a file alone.
FILE: Final[dict[str, Any]] = {
    "parameters": [
        {**_parameter("filename", "The file's name.", {"type": "string", "minLength": 1}), "required": True},
        *(
            _parameter(name, schema.get("description", "A field of the operation."), schema)
            for name, schema in (
                _OWN | {name: one for name, one in _FIELDS.items() if one.get("format") != "password"}
            ).items()
        ),
        *_ASKED,
    ],
    "requestBody": {"required": True, "content": {"*/*": {"schema": _FILE}}},
    "responses": _ANSWERS,
}
