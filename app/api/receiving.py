"""The body of a hand-in comes in: the operation's own parts, and what the caller wants to find again."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Protocol

from flask import request
from pydantic import SecretStr

from app.api.errors import BadMetadata, LongExternalId
from app.intake import Collected, Deadlines, Limits, Streamed, receive
from app.intake.body import Body
from app.intake.digests import Digests
from app.intake.document import BadJson, parse_object, receive_object
from app.intake.errors import DuplicatePart, FieldTooLarge, NotText, UnknownPart
from app.intake.raw import receive_file
from app.providers.operation import KIB, Mode, Operation
from app.services import services

#: Fields of the API itself, which no operation declares.
EXTERNAL_ID, METADATA, REPLACE = OWN_FIELDS = ("external_id", "metadata", "replace")
#: What an address may say that is no field: the file's name, where the body is nothing but the file; how it travels,
#: and how long its caller waits.
FILENAME, *_ = WAYS = ("filename", "durable", "wait")
LONGEST_EXTERNAL_ID: Final = 200
MOST_METADATA: Final = 4 * KIB
DEEPEST: Final = 32
#: Room for the API's own fields and their framing.
OWN_BYTES: Final = 16 * KIB
YES: Final = frozenset({"1", "true", "on", "yes"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What a caller sent, taken apart."""

    #: Whole; or up to its file, which is still to come.
    body: Collected | Streamed
    external_id: str | None
    metadata: dict[str, Any]
    replace: bool


class Receive(Protocol):
    """Takes the body of a hand-in, in one of the shapes that it may have."""

    def __call__(self, operation: Operation, mode: Mode, /) -> AbstractContextManager[Received]: ...


@contextmanager
def receive_hand_in(operation: Operation, mode: Mode) -> Iterator[Received]:
    """Take the body of a hand-in. A file that streams has to be taken before this ends."""
    if not operation.parts:
        yield taken_apart(_from_object(operation, receive_json(operation.body_bytes + OWN_BYTES)))
        return
    deadlines = _deadlines()
    secrets = {field.name for field in operation.fields if field.kind == "password"}
    fields = {field.name for field in operation.fields} - secrets
    with receive(request.environ, Limits.of(operation, beside=OWN_BYTES), deadlines) as reception:
        take = reception.collect if mode is Mode.DIRECT else partial(reception.stream, measured=mode is Mode.RELAY)
        files = [part.name for part in operation.parts]
        yield taken_apart(take(files=files, fields={*fields, *OWN_FIELDS}, secrets=secrets))


def receive_json(most: int) -> dict[str, Any]:
    """Take a body that is one JSON object of at most so many bytes."""
    return receive_object(request.environ, most, _deadlines())


def takes_raw(operation: Operation) -> bool:
    """Whether the file may be the body itself: it is the only one, and nothing secret comes with it."""
    return len(operation.parts) == 1 and all(field.kind != "password" for field in operation.fields)


@contextmanager
def receive_raw(operation: Operation, mode: Mode) -> Iterator[Received]:
    """Take a body that is the file; its name and the fields are in the address."""
    deadlines, limits = _deadlines(), Limits.of(operation)
    fields, filename = _from_query(operation, limits.field_bytes), request.args.get(FILENAME, "")
    part, measured = operation.parts[0].name, mode is not Mode.DURABLE
    with receive_file(request.environ, part, filename, limits, deadlines, measured=measured) as arriving:
        yield taken_apart(Streamed(fields=fields, secrets={}, file=arriving))


def _deadlines() -> Deadlines:
    """This request's, whose body is held against what its headers say of it from now on."""
    deadlines = Deadlines.from_settings(services().settings)
    Body.of(request.environ, deadlines).digests = Digests.of(request.environ)
    return deadlines


def _from_query(operation: Operation, most: int) -> dict[str, str]:
    known = {*OWN_FIELDS, *(field.name for field in operation.fields)}
    fields: dict[str, str] = {}
    for name, value in request.args.items(multi=True):
        if name in WAYS:
            continue
        if name not in known:
            raise UnknownPart(name=name)
        if name in fields:
            raise DuplicatePart(field=name, name=name)
        if len(value.encode(errors="replace")) > most:
            raise FieldTooLarge(most, field=name, name=name)
        if not _is_text(value):
            raise NotText(field=name, name=name)
        fields[name] = value
    return fields


def taken_apart(body: Collected | Streamed) -> Received:
    """The operation's own fields, and what the caller wants to find again; raises LongExternalId and BadMetadata."""
    own = body.fields
    external_id = own.get(EXTERNAL_ID) or None
    if external_id is not None and len(external_id) > LONGEST_EXTERNAL_ID:
        raise LongExternalId(field=EXTERNAL_ID, name=EXTERNAL_ID, limit=LONGEST_EXTERNAL_ID)
    return Received(
        body=replace(body, fields={name: value for name, value in own.items() if name not in OWN_FIELDS}),
        external_id=external_id,
        metadata=_metadata(own.get(METADATA, "")),
        replace=own.get(REPLACE, "").lower() in YES,
    )


def _metadata(text: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        found = parse_object(text) if len(text.encode()) <= MOST_METADATA else None
    except BadJson:
        found = None
    if found is None or not can_be_kept(found):
        raise BadMetadata(field=METADATA, limit=MOST_METADATA)
    return found


def can_be_kept(value: Any, depth: int = DEEPEST) -> bool:
    """Whether the database takes it: no text with a NUL or half a character, no infinity, no nesting without end."""
    if depth == 0:
        return False
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, str):
        return _is_text(value)
    if isinstance(value, dict):
        return all(_is_text(name) and can_be_kept(item, depth - 1) for name, item in value.items())
    if isinstance(value, list):
        return all(can_be_kept(item, depth - 1) for item in value)
    return True


def _from_object(operation: Operation, given: Mapping[str, Any]) -> Collected:
    """The members of a JSON object as fields; a value that is no text is its JSON, and null is none."""
    declared = {field.name: field for field in operation.fields}
    fields: dict[str, str] = {}
    secrets: dict[str, SecretStr] = {}
    for name, value in given.items():
        if name not in declared and name not in OWN_FIELDS:
            raise UnknownPart(name=name)
        if value is None:
            continue
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if not _is_text(text):
            raise NotText(field=name, name=name)
        if name in declared and declared[name].kind == "password":
            secrets[name] = SecretStr(text)
        else:
            fields[name] = text
    return Collected(fields=fields, secrets=secrets, files={})


def _is_text(text: str) -> bool:
    """Whether it has no NUL and no half characters, which JSON can spell and nothing else takes."""
    return not any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in text)
