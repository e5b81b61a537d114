"""Looks at the chains that are kept: every entry, every receipt, and what each says of the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session

from app.records import audit, chain, receipts, signing
from app.records.chain import Fault, Link, Looked
from app.records.heads import Chain, Head
from app.records.models import AuditEntry, Receipt
from app.records.sealing import DELIVERED
from app.records.signing import Keys

#: Rows that are read at once.
PAGE: Final = 1_000
#: Less than any number: one may have been made negative.
LOWEST: Final = -(2**63)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a chain came to."""

    looked: Looked
    #: Whether its head is what was signed, so that its end is known.
    head_is_sound: bool
    #: Uploads that were delivered according to the audit log and have no receipt.
    without_receipt: list[UUID] = field(default_factory=list)
    #: Entries that are in no chain yet, and since when the oldest waits.
    unsealed: int = 0
    since: datetime | None = None

    @property
    def faults(self) -> list[Fault]:
        return self.looked.faults

    @property
    def is_whole(self) -> bool:
        return self.head_is_sound and not self.faults and not self.without_receipt


def audit_log(session: Session, owner: UUID | None, keys: Keys, *, known: Mapping[int, bytes] | None = None) -> Report:
    """Look at the audit log of an organization, or the house's.

    It has to say what its head, every receipt and what is `known` from elsewhere (hashes by numbers) say of it.
    """
    head = Head.of(session, owner, Chain.AUDIT)
    told = {**_witnesses(session, owner, keys), **_end(head, keys), **(known or {})}
    looked = chain.verify(_entries(session, owner), keys, known=told)
    waiting = select(func.count(), func.min(AuditEntry.at)).where(_log_of(owner), AuditEntry.number.is_(None))
    unsealed, since = session.execute(waiting).one()
    return Report(looked=looked, head_is_sound=_is_end(head, looked, keys), unsealed=unsealed, since=since)


def receipt_chain(session: Session, owner: UUID, keys: Keys, *, known: Mapping[int, bytes] | None = None) -> Report:
    """Look at the receipts of an organization, and whether each upload that needs one has one."""
    head = Head.of(session, owner, Chain.RECEIPTS)
    looked = chain.verify(_links(session, owner), keys, known={**_end(head, keys), **(known or {})})
    delivered = select(AuditEntry.subject_id).where(
        _log_of(owner), AuditEntry.action == DELIVERED, AuditEntry.number.is_not(None)
    )
    lacking = delivered.where(~exists().where(Receipt.upload_id == AuditEntry.subject_id))
    return Report(
        looked=looked,
        head_is_sound=_is_end(head, looked, keys),
        without_receipt=list(session.scalars(lacking.order_by(AuditEntry.number).limit(PAGE))),
    )


def receipts_of(session: Session, owner: UUID) -> Iterator[Receipt]:
    """An organization's receipts, in order, some at a time."""
    place = LOWEST
    while True:
        page = select(Receipt).where(Receipt.organization_id == owner, Receipt.number > place)
        rows = session.scalars(page.order_by(Receipt.number).limit(PAGE)).all()
        session.expunge_all()
        yield from rows
        if len(rows) < PAGE:
            return
        place = rows[-1].number


def _entries(session: Session, owner: UUID | None) -> Iterator[Link]:
    named, place = signing.kids(session), LOWEST
    while True:
        page = select(AuditEntry).where(_log_of(owner), AuditEntry.number > place)
        rows = session.scalars(page.order_by(AuditEntry.number).limit(PAGE)).all()
        session.expunge_all()
        yield from (audit.link(row, named.get(row.key_id, "") if row.key_id else "") for row in rows)
        if len(rows) < PAGE:
            return
        place = rows[-1].number or LOWEST


def _links(session: Session, owner: UUID) -> Iterator[Link]:
    named = signing.kids(session)
    return (receipts.link(row, named.get(row.key_id, "")) for row in receipts_of(session, owner))


def _witnesses(session: Session, owner: UUID | None, keys: Keys) -> dict[int, bytes]:
    """What the receipts say of the audit log: each holds the hash of the entry of its delivery."""
    told, named = dict[int, bytes](), signing.kids(session)
    for row in receipts_of(session, owner) if owner else ():
        if receipts.link(row, named.get(row.key_id, "")).is_sound(keys):
            said = receipts.told(row)["audit"]
            told[said["number"]] = bytes.fromhex(said["hash"])
    return told


def _log_of(owner: UUID | None) -> ColumnElement[bool]:
    return AuditEntry.organization_id.is_not_distinct_from(owner)


def _end(head: Head, keys: Keys) -> dict[int, bytes]:
    return {head.number: head.hash} if head.hash and head.is_sound(keys) else {}


def _is_end(head: Head, looked: Looked, keys: Keys) -> bool:
    """Whether there is a head where there are entries, and it is what was signed."""
    return head.is_sound(keys) and (head.number > 0 or looked.count == 0)
