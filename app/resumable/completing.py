"""A file is whole: its pieces become one copy, which goes the way of every other file, once.

The id of that copy is the upload's, and is written down before the file is handed on. So whoever comes second, because
an answer was lost or a node died, finds the upload by it, or hands the same copy on under the same id.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from app.checks import Rejected
from app.delivery.spooling import Spooled
from app.errors import Refusal
from app.records import resumables, uploads
from app.records.jsonable import jsonable
from app.records.models import Resumable, ResumableKind, Upload
from app.records.resumables import Part
from app.resumable import entrance
from app.resumable.entrance import Found
from app.resumable.holding import Hold
from app.services import services


def is_whole(row: Resumable) -> bool:
    """Whether nothing of a file is missing, and it is no part of another."""
    return row.kind is ResumableKind.JOINED or (row.kind is ResumableKind.WHOLE and row.received == row.length)


def complete(found: Found, hold: Hold) -> Upload:
    """Hand a whole file on, or find what became of it; raises what refused it, the same each time.

    Refusals of ours that pass, such as a spool that does not answer, leave it as it is, to be asked for again.
    """
    row = hold.row
    if row.refused is not None:
        raise _again(row.refused)
    upload = find(row)
    if upload is not None:
        return upload
    part = _one_part(found, hold)
    origin, policy = entrance.origin(found)
    try:
        services().deliverer.accept(origin, entrance.operation(found), _spooled(found, part), policy=policy)
    except Refusal as refusal:
        if refusal.status < 500:
            _refuse(hold, part, refusal)
        raise
    _change(hold, parts=())
    with services().database.transaction(found.organization_id) as session:
        return uploads.get(session, part.id)


def find(row: Resumable) -> Upload | None:
    """The upload that a file became, if there is one."""
    if row.upload_id is None:
        return None
    with services().database.transaction(row.organization_id) as session:
        return uploads.find(session, row.upload_id)


def _one_part(found: Found, hold: Hold) -> Part:
    """The file as one copy, whose id is written down as the upload's."""
    parts = resumables.parts(hold.row, begun=True)
    part = parts[0] if len(parts) == 1 and hold.row.kind is ResumableKind.WHOLE else _merged(found, parts)
    try:
        _change(hold, parts=(part,), upload_id=part.id, received=part.size, length=part.size)
    finally:
        services().spool.settle(found.organization_id, part.id)
    for merged in {one.id for one in parts} - {part.id}:
        services().spool.remove(merged)
    return part


def _merged(found: Found, parts: tuple[Part, ...]) -> Part:
    """A copy of its own of several, one behind the other."""
    spool, merged = services().spool, Part(id=uuid7())
    size = sum(part.size for part in parts)
    with spool.write(found.cipher, found.organization_id, merged.id, size=size) as writer:
        for part in parts:
            for block in spool.read(found.cipher, found.organization_id, part.id, part.segments):
                writer.feed(block)
    return merged.grown(size=size, stored=writer.stored)


def _spooled(found: Found, part: Part) -> Spooled:
    purpose = found.purpose
    return Spooled(
        upload_id=part.id,
        name=purpose.part,
        filename=purpose.filename,
        content_type=purpose.content_type,
        size=part.size,
        stored=part.stored,
        segments=part.segments,
        fields=purpose.fields,
    )


def _refuse(hold: Hold, part: Part, refusal: Refusal) -> None:
    """Keep why, and nothing of the file."""
    told: dict[str, Any] = {"slug": refusal.slug, "status": refusal.status, "field": refusal.field}
    told |= {"params": dict(refusal.params), "upload": str(refusal.upload_id) if refusal.upload_id else None}
    _change(hold, parts=(), refused=jsonable(told))
    services().spool.remove(part.id)


def _again(told: dict[str, Any]) -> Refusal:
    """A refusal as it was said before."""
    refusal = Rejected(told["slug"], field=told["field"], status=told["status"], **told["params"])
    refusal.upload_id = UUID(told["upload"]) if told["upload"] else None
    return refusal


def _change(hold: Hold, **to: Any) -> None:
    row = hold.row
    with services().database.transaction(row.organization_id) as session:
        resumables.change(session, row.id, hold.lock, **to)
