"""A file is begun: all that can be refused is, before there is a byte of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app import checks
from app.intake.errors import BadFileName, FileTooLarge
from app.providers.operation import Operation
from app.records import resumables
from app.records.models import Resumable, ResumableKind
from app.records.resumables import Part
from app.resumable import protocol
from app.resumable.entrance import Found, Opening
from app.resumable.errors import NotResumable, NotWhole
from app.resumable.pieces import expires_at
from app.resumable.purpose import Purpose
from app.services import services

#: Judged instead of a size that is said later.
UNSAID: Final = 1


def begin(opening: Opening, given: Mapping[str, str], *, kind: ResumableKind, length: int | None, said: str) -> Found:
    """Begin a file, or a part of one; raises what keeps it out."""
    if length is not None and length > protocol.MOST_BYTES:
        raise FileTooLarge(protocol.MOST_BYTES, name="file")
    purpose = _purpose(opening, given, length, said=said)
    with services().database.transaction(opening.organization_id) as session:
        return _write(session, opening, purpose, [Part(id=uuid7())], kind=kind, length=length)


def join(opening: Opening, given: Mapping[str, str], parts: Sequence[Found], *, said: str, joined: str) -> Found:
    """Begin a file that is joined from parts, which belong to it from now on; or find the one that they are in.

    Raises NotWhole where one of them is no part, is not whole, is another's, or belongs to something else.
    """
    came = opening.organization_id, opening.form_id, opening.link_id
    if any((one.organization_id, one.row.form_id, one.row.link_id) != came for one in parts):
        raise NotWhole
    length = sum(one.row.received for one in parts)
    purpose = _purpose(opening, given, length, said=said, joined=joined)
    ids = [one.row.id for one in parts]
    with services().database.transaction(opening.organization_id) as session:
        rows = {row.id: row for row in resumables.get_locked(session, set(ids))}
        if any(row.kind is not ResumableKind.PART or row.received != row.length for row in rows.values()):
            raise NotWhole
        former = {row.whole_id for row in rows.values()}
        if former != {None}:
            return _former(session, opening.organization_id, former, joined)
        consists_of = [part for one in ids for part in resumables.parts(rows[one], begun=True)]
        found = _write(session, opening, purpose, consists_of, kind=ResumableKind.JOINED, length=length)
        for row in rows.values():
            row.whole_id = found.row.id
        return found


def _former(session: Session, organization_id: UUID, whole_ids: set[UUID | None], joined: str) -> Found:
    """The file that the same parts were joined to before: the answer to that was lost."""
    whole_id = whole_ids.pop()
    if whole_ids or whole_id is None:
        raise NotWhole
    row = resumables.get(session, whole_id)
    cipher = services().vault.cipher(session, organization_id)
    purpose = Purpose.unseal(row.sealed, cipher, organization_id, row.id)
    if purpose.joined != joined:
        raise NotWhole
    return Found(organization_id=organization_id, row=row, cipher=cipher, purpose=purpose)


def _purpose(opening: Opening, given: Mapping[str, str], length: int | None, *, said: str, joined: str = "") -> Purpose:
    origin, operation, key = opening.origin, opening.operation, resumables.new_key()
    if origin is None or operation is None:
        return Purpose(key=key, said=said)
    if len(operation.parts) != 1 or not opening.durable:
        raise NotResumable(operation=operation.slug)
    part, content_type = operation.parts[0], given.get("filetype") or "application/octet-stream"
    filename = given.get("filename", "")
    if not filename:
        raise BadFileName(field=part.name)
    _foresee(operation, opening, length, filename=filename, content_type=content_type)
    return Purpose(
        key=key,
        said=said,
        joined=joined,
        operation=operation.slug,
        part=part.name,
        filename=filename,
        content_type=content_type,
        fields=opening.fields,
        actor=origin.actor,
        external_id=origin.external_id,
        metadata=origin.metadata,
        locale=origin.locale,
        notice_version=origin.notice_version,
        outcome_token=origin.outcome_token,
    )


def _foresee(operation: Operation, opening: Opening, length: int | None, **file: Any) -> None:
    """Raise what the check will say of the file once it is whole, as far as that can be known before."""
    size = UNSAID if length is None else length
    watch = checks.watch(
        operation,
        operation.parts[0].name,
        size=size,
        fields=opening.fields,
        policy=opening.policy,
        now=services().clock(),
        **file,
    )
    watch.foresee()


def _write(
    session: Session,
    opening: Opening,
    purpose: Purpose,
    parts: Sequence[Part],
    *,
    kind: ResumableKind,
    length: int | None,
) -> Found:
    organization_id, origin, row_id = opening.organization_id, opening.origin, uuid7()
    cipher = services().vault.cipher(session, organization_id)
    row = Resumable(
        id=row_id,
        organization_id=organization_id,
        connection_id=origin.connection.id if origin else None,
        form_id=opening.form_id,
        link_id=opening.link_id,
        api_token_id=opening.api_token_id,
        kind=kind,
        key_hash=resumables.key_hash(purpose.key),
        sealed=purpose.seal(cipher, organization_id, row_id),
        length=length,
        received=0,
        created_at=services().clock(),
        expires_at=expires_at(),
    )
    resumables.begin(session, row, parts)
    return Found(organization_id=organization_id, row=row, cipher=cipher, purpose=purpose)
