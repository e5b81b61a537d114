"""Receipts: the signed proof that an upload was delivered, as a row, as a file, and as a link of its chain."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, Self
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import Refusal
from app.records import canonical
from app.records.canonical import NotCanonical
from app.records.chain import Link
from app.records.models import Receipt, Upload
from app.records.signing import Keys
from app.tenants.models import Connection, Organization

TYPE: Final = "ventanilla/receipt/1"
#: A receipt's file is far smaller.
MOST_BYTES: Final = 64 * 1024
MEDIA_TYPE: Final = "application/json"
#: Whose bytes nobody keeps anything of: certificates, keys and what else is held in memory alone.
DIRECT: Final = "direct"


class ReceiptRefused(Refusal):
    """What was shown is no receipt of ours."""

    status: ClassVar[int] = 422


class NotAReceipt(ReceiptRefused):
    """Something else, or a receipt that cannot be read any more."""

    slug: ClassVar[str] = "not-a-receipt"


class ReceiptChanged(ReceiptRefused):
    """It is not what was signed."""

    slug: ClassVar[str] = "receipt-changed"


class UnknownKey(ReceiptRefused):
    """It says that a key has signed it which is none of those that it is checked with."""

    slug: ClassVar[str] = "receipt-foreign-key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in its chain a receipt is, and what sealed it there."""

    number: int
    previous: bytes | None
    kid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessed:
    """The audit log's entry of the delivery, sealed: whoever has the receipt is a witness of the log up to there."""

    id: UUID
    at: datetime
    number: int
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A receipt's file, taken apart; nothing of it is believed before it was checked."""

    body: Mapping[str, Any]
    previous: bytes | None
    hash: str
    signature: bytes
    #: Whether the file is written as receipts are, to the byte.
    exact: bool

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Take a file apart; raises NotAReceipt."""
        try:
            told = json.loads(data if len(data) <= MOST_BYTES else b"")
            body, hash_, signature = told["receipt"], told["hash"], told["signature"]
            types = body["type"], type(body["key"]), type(body["number"])
            exact = canonical.dumps(told) == data.strip() and told.keys() == {"receipt", "hash", "signature"}
            parsed = cls(
                body=body,
                previous=_bytes(body["previous"]),
                hash=hash_,
                signature=bytes.fromhex(signature),
                exact=exact,
            )
        except (ValueError, TypeError, KeyError, RecursionError):
            raise NotAReceipt from None
        if types != (TYPE, str, int):
            raise NotAReceipt
        return parsed

    @property
    def link(self) -> Link:
        """The same as a link of its chain."""
        digest = hashlib.sha256(canonical.dumps(self.body)).hexdigest()
        return Link(
            name=str(self.body.get("id")),
            number=self.body["number"],
            previous=self.previous,
            kid=self.body["key"],
            signature=self.signature,
            body=lambda number: canonical.dumps({**self.body, "number": number}),
            consistent=self.exact and self.hash == digest,
        )


def check(data: bytes, keys: Keys) -> Mapping[str, Any]:
    """Return what a receipt's file says, once it is sure that one of these keys signed exactly that.

    Raises NotAReceipt, UnknownKey, ReceiptChanged.
    """
    written = Written.parse(data)
    if written.body["key"] not in keys.public:
        raise UnknownKey
    if not written.link.is_sound(keys):
        raise ReceiptChanged
    return written.body


def write(
    place: Place,
    *,
    receipt_id: UUID,
    upload: Upload,
    connection: Connection,
    owner: Organization,
    witnessed: Witnessed,
) -> dict[str, Any]:
    """Say who handed what in to where, and when.

    Of a certificate serial and validity are said, and nothing by which the key could be known.
    """
    return {
        "type": TYPE,
        "id": str(receipt_id),
        "number": place.number,
        "previous": place.previous.hex() if place.previous else None,
        "key": place.kid,
        "organization": {"id": str(owner.id), "name": owner.name, "rfc": owner.rfc, "slug": owner.slug},
        "upload": {
            "id": str(upload.id),
            "external_id": upload.external_id,
            "handed_in_at": moment(upload.created_at),
            "through": _through(upload),
            "notice_version": upload.notice_version,
            "files": [] if upload.mode == DIRECT else [_file(part) for part in upload.parts],
            "certificate": _certificate(upload.facts),
        },
        "delivery": {
            "provider": connection.provider,
            "connection": connection.name,
            "environment": connection.environment,
            "operation": upload.operation,
            "reference": upload.reference,
            "delivered_at": moment(witnessed.at),
        },
        "audit": {"id": str(witnessed.id), "number": witnessed.number, "hash": witnessed.hash.hex()},
    }


def file(receipt: Receipt) -> bytes:
    """Write the file of a receipt: what is signed, its hash and the signature."""
    body = json.loads(receipt.body)
    return canonical.dumps({"receipt": body, "hash": receipt.hash.hex(), "signature": receipt.signature.hex()})


def filename(body: Mapping[str, Any]) -> str:
    """What the file is called, in the language of the organization's files: Spanish."""
    return f"acuse-{body['organization']['slug']}-{body['number']:06d}.json"


def told(receipt: Receipt) -> dict[str, Any]:
    """What it says."""
    body: dict[str, Any] = json.loads(receipt.body)
    return body


def link(receipt: Receipt, kid: str) -> Link:
    """A row as a link of its chain: what it says twice, in its columns and in what was signed, has to agree."""
    try:
        body = canonical.loads(receipt.body.encode())
        own = {"key": kid, "id": str(receipt.id)}
        named = {
            "organization": body["organization"] | {"id": str(receipt.organization_id)},
            "upload": body["upload"] | {"id": str(receipt.upload_id)},
        }
        previous = _bytes(body["previous"])
    except (NotCanonical, TypeError, KeyError, ValueError):
        body, own, named, previous = {}, {}, {}, None

    def signed(number: int) -> bytes:
        return canonical.dumps({**body, **own, **named, "number": canonical.plain(number)})

    return Link(
        name=str(receipt.id),
        number=receipt.number,
        previous=previous,
        kid=kid,
        signature=receipt.signature,
        body=signed,
        consistent=receipt.body.encode() == signed(receipt.number)
        and receipt.hash == hashlib.sha256(receipt.body.encode()).digest(),
    )


def of_upload(session: Session, upload_id: UUID) -> Receipt | None:
    """The receipt of an upload of the organization, once it is sealed."""
    return session.scalars(select(Receipt).where(Receipt.upload_id == upload_id)).one_or_none()


def find(session: Session, receipt_id: UUID) -> Receipt | None:
    """A receipt of the organization."""
    return session.get(Receipt, receipt_id)


def moment(at: datetime) -> str:
    """A time in UTC, to the microsecond, in one spelling."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _through(upload: Upload) -> dict[str, str]:
    """By which way in it came."""
    ways = {"link": upload.link_id, "form": upload.form_id, "token": upload.api_token_id}
    return next(({"kind": kind, "id": str(way)} for kind, way in ways.items() if way), {"kind": "gateway", "id": ""})


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


def _file(part: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "part": part["name"],
        "name": part["filename"],
        "size": part["size"],
        "sha256": part.get("sha256"),
    }


def _certificate(facts: Mapping[str, Any]) -> dict[str, str] | None:
    if not all(facts.get(name) for name in ("number", "not_before", "not_after")):
        return None
    return {
        "serial": facts["number"],
        "valid_from": moment(datetime.fromisoformat(facts["not_before"])),
        "valid_until": moment(datetime.fromisoformat(facts["not_after"])),
    }
