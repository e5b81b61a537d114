"""A body that is one JSON object, for what has no file."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, ClassVar

from app.errors import Refusal
from app.intake.body import Body
from app.intake.errors import BodyTooLarge, Encoded, LengthRequired, Malformed, Truncated
from app.intake.pace import Clock, Deadlines

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class NotJson(Refusal):
    """Another media type than application/json."""

    slug: ClassVar[str] = "not-json"
    status: ClassVar[int] = 415


class BadJson(Refusal):
    """Not one JSON object, or one that two readers could understand differently."""

    slug: ClassVar[str] = "bad-json"


def receive_object(
    environ: WSGIEnvironment, most: int, deadlines: Deadlines, *, clock: Clock = time.monotonic
) -> dict[str, Any]:
    """Take a body of at most so many bytes; what its headers say is judged before a byte of it is read."""
    body = Body.of(environ, deadlines, clock)
    if environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() != "application/json":
        raise NotJson
    if environ.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        raise Encoded
    if not body.trusted:
        raise Malformed
    if not environ.get("CONTENT_LENGTH"):
        raise LengthRequired
    return parse_object(read_whole(body, most))


def read_whole(body: Body, most: int) -> bytes:
    """All of a body of at most so many bytes, into memory; nobody's length is taken for any."""
    if body.left is None:
        raise LengthRequired
    if body.left > most:
        raise BodyTooLarge(most)
    content = bytearray()
    try:
        while block := body.block():
            content += block
    except Truncated:
        body.trusted = False  # what follows on the connection is then no request
        raise
    return bytes(content)


def parse_object(text: str | bytes) -> dict[str, Any]:
    """Read one JSON object; raises BadJson, also for a name that comes twice and for numbers that JSON has not."""
    try:
        value = json.loads(text, object_pairs_hook=_once_each, parse_constant=_refuse)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):  # raised out here, because the decoder's exception holds on to the text
        raise BadJson
    return value


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _refuse(_: str) -> None:
    raise ValueError
