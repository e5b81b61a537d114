"""`Idempotency-Key`: a service that does not know whether it was heard sends the same again, and that is done once.

A key belongs to its token. It stands for one hand-in: method, path, and every part by name, file name and content,
however they were framed and in whichever order they came. Who is first with it takes it, in the transaction that
writes its upload's first row; whoever comes later has its body read for hashes, and nothing of it goes anywhere.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self
from uuid import UUID

import structlog
from flask import Response, request

from app.api import answers
from app.api.entrance import Entrance, handed_in
from app.api.errors import BadKey, KeyReused
from app.api.receiving import Received
from app.database import AWAY
from app.delivery import Record
from app.intake import Collected
from app.records import attempts, idempotency
from app.records.idempotency import Claim, KeyInUse, Known
from app.services import services

log = structlog.get_logger("ventanilla.api")

HEADER: Final = "Idempotency-Key"
LONGEST: Final = 255
#: Says of an answer that it was given before.
REPLAYED: Final = "Idempotent-Replayed"
#: Headers of an answer that are part of it, wherever it is given again.
TOLD: Final = ("Content-Type", "Location", "Preference-Applied", "Content-Digest", "Repr-Digest")
#: Answers to what was taken. No other is remembered: what came of it may be different by then.
REMEMBERED: Final = frozenset(answers.TAKEN.values())

#: A string of structured fields (RFC 8941), as the draft has it; and what many send instead, without the quotes.
_STRING: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])+)"')
_BARE: Final = re.compile(r"[!#-+\--:<-\[\]-~]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """The key of this request."""

    hash: bytes
    prints: Callable[[bytes], bytes]
    #: What it stands for, if it was used before and that counts.
    known: Known | None
    #: What it stood for before; the first hand-in with it, where that was nothing, is this one.
    instead_of: UUID | None

    @classmethod
    def of_request(cls, way: Entrance) -> Self | None:
        """The caller's key, if it has one; raises BadKey, and KeyInUse where another with it is under way."""
        written = request.headers.get(HEADER)
        if written is None:
            return None
        hashed = idempotency.key_hash(_read(written))
        organization_id, now = way.destination.organization.id, services().clock()
        with services().database.transaction(organization_id) as session:
            known = idempotency.find(session, way.token_id, hashed)
            prints = services().vault.prints(session, organization_id)
        if known is not None and known.under_way:
            raise KeyInUse
        free = known is None or known.is_free(now)
        before = known.upload.id if known else None
        return cls(hash=hashed, prints=prints, known=None if free else known, instead_of=before)

    def claim(self, way: Entrance, received: Received) -> Claim:
        """What the upload takes the key with."""
        said = self._said(received)
        return Claim(token_id=way.token_id, key_hash=self.hash, said=said, instead_of=self.instead_of)

    def repeat(self, way: Entrance, received: Received) -> Response:
        """Answer to what was handed in before; raises KeyReused where this is something else."""
        assert self.known is not None  # noqa: S101 - who asks knows
        key, upload = self.known.key, self.known.upload
        files = {part["name"]: part["sha256"] for part in upload.parts}
        if self._said(received) != key.said or _hashes(received) != files:
            raise KeyReused
        if key.answer is not None:
            response = Response(key.answer["body"], key.answer["status"], key.answer["headers"])
        else:  # whoever was to answer has died, or says it at this moment: the record knows as much
            with services().database.transaction(way.destination.organization.id) as session:
                tried = tuple(attempts.listing(session, upload.id))
            response = answers.by_record(handed_in(way, Record(upload=upload, attempts=tried)))
        response.headers[REPLAYED] = "true"
        return response

    def remember(self, way: Entrance, upload_id: UUID, response: Response) -> None:
        """Keep the answer to the first request with this key, for those that come after it."""
        if response.status_code not in REMEMBERED:
            return
        headers = {name: response.headers[name] for name in TOLD if name in response.headers}
        told = {"status": response.status_code, "headers": headers, "body": response.get_data(as_text=True)}
        try:
            with services().database.transaction(way.destination.organization.id) as session:
                now = services().clock()
                idempotency.answer(session, way.token_id, self.hash, upload_id=upload_id, told=told, now=now)
        except AWAY as exc:  # those who ask again are answered by the record
            log.warning("answer could not be kept", upload=str(upload_id), cause=type(exc).__name__)

    def _said(self, received: Received) -> bytes:
        """All that came, but for the bytes of files: those are not known before the last of them."""
        body = received.body
        files = body.files.values() if isinstance(body, Collected) else [body.file] if body.file else []
        told: Mapping[str, Any] = {
            "method": request.method,
            "path": request.path,
            "fields": body.fields,
            "secrets": {name: secret.get_secret_value() for name, secret in body.secrets.items()},
            "files": {file.name: file.filename for file in files},
            "external_id": received.external_id,
            "metadata": received.metadata,
            "replace": received.replace,
        }
        return self.prints(json.dumps(told, sort_keys=True).encode())


def _read(written: str) -> str:
    """The key itself; raises BadKey."""
    string = _STRING.fullmatch(written.strip())
    key = re.sub(r"\\(.)", r"\1", string[1]) if string else written.strip()
    if (not string and not _BARE.fullmatch(key)) or len(key) > LONGEST:
        raise BadKey(field=HEADER, limit=LONGEST)
    return key


def _hashes(received: Received) -> Mapping[str, str]:
    """Of each file, by the name of its part; reads what is still to come to its end."""
    body = received.body
    if isinstance(body, Collected):
        return {file.name: file.sha256 for file in body.files.values()}
    if body.file is None:
        return {}
    seen = hashlib.sha256()
    for block in body.file.blocks():
        seen.update(block)
    return {body.file.name: seen.hexdigest()}
