"""Looks at the chains that are kept: every entry, every receipt, and what each says of the other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.records import audit, chain, receipts, signing
from app.records.chain import Fault, Link, Looked
from app.records.heads import Chain, Head
from app.records.models import AuditEntry, Receipt
from app.records.sealing import DELIVERED
from app.records.signing import Keys

#: Rows that are read at once.
PAGE: Final = 1_000


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
    """Look at the audit log of the session's organization, or the house's.

    It has to say what its head, every receipt and what is `known` from elsewhere (hashes by numbers) say of it.
    """
    head = Head.of(session, owner, Chain.AUDIT)
    told = {**_witnesses(session, keys), **_end(head, keys), **(known or {})}
    looked = chain.verify(_entries(session), keys, known=told)
    waiting = session.execute(select(func.count(), func.min(AuditEntry.at)).where(AuditEntry.number.is_(None))).one()
    return Report(
        looked=looked,
        head_is_sound=_is_end(head, looked, keys),
        unsealed=waiting[0],
        since=waiting[1],
    )


def receipt_chain(session: Session, owner: UUID, keys: Keys, *, known: Mapping[int, bytes] | None = None) -> Report:
    """Look at the receipts of the session's organization, and whether each upload that needs one has one."""
    head = Head.of(session, owner, Chain.RECEIPTS)
    looked = chain.verify(_receipts(session), keys, known={**_end(head, keys), **(known or {})})
    delivered = select(AuditEntry.subject_id).where(AuditEntry.action == DELIVERED, AuditEntry.number.is_not(None))
    lacking = delivered.where(AuditEntry.subject_id.not_in(select(Receipt.upload_id)))
    return Report(
        looked=looked,
        head_is_sound=_is_end(head, looked, keys),
        without_receipt=list(session.scalars(lacking.order_by(AuditEntry.number).limit(PAGE))),
    )


def _is_end(head: Head, looked: Looked, keys: Keys) -> bool:
    """Whether there is a head where there are entries, and it is what was signed."""
    return head.is_sound(keys) and (head.number > 0 or looked.count == 0)


def _end(head: Head, keys: Keys) -> dict[int, bytes]:
    return {head.number: head.hash} if head.hash and head.is_sound(keys) else {}


def _entries(session: Session) -> Iterator[Link]:
    named, place = signing.kids(session), None
    while True:
        page = select(AuditEntry).where(AuditEntry.number.is_not(None)).order_by(AuditEntry.number).limit(PAGE)
        rows = session.scalars(page if place is None else page.where(AuditEntry.number > place)).all()
        yield from (audit.link(row, named.get(row.key_id, "") if row.key_id else "") for row in rows)
        session.expunge_all()
        if len(rows) < PAGE:
            return
        place = rows[-1].number


def _receipts(session: Session) -> Iterator[Link]:
    named = signing.kids(session)
    yield from (receipts.link(row, named.get(row.key_id, "")) for row in _receipt_rows(session))


def _receipt_rows(session: Session) -> Iterator[Receipt]:
    place = None
    while True:
        page = select(Receipt).order_by(Receipt.number).limit(PAGE)
        rows = session.scalars(page if place is None else page.where(Receipt.number > place)).all()
        yield from rows
        session.expunge_all()
        if len(rows) < PAGE:
            return
        place = rows[-1].number


def _witnesses(session: Session, keys: Keys) -> dict[int, bytes]:
    """What the receipts say of the audit log: each holds the hash of the entry of its delivery."""
    named, told = signing.kids(session), dict[int, bytes]()
    for row in _receipt_rows(session):
        if receipts.link(row, named.get(row.key_id, "")).is_sound(keys):
            said: Any = json.loads(row.body)["audit"]
            told[said["number"]] = bytes.fromhex(said["hash"])
    return told
