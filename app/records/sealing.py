"""Sealing: each second, what was committed since gets its place in its organization's chain, and is signed.

It is found by what it lacks, so nothing has to be told and nothing can be forgotten: an audit entry without a number is
sealed, and one that says that an upload was delivered gets a receipt in the same transaction, as does what endpoints
are to be told of it (`app.records.events`). No transaction of anybody else waits for it. Two workers at once do no
harm: whoever has a chain's lock seals it, the other leaves it alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

import structlog
from procrastinate import JobContext
from sqlalchemy import Select, func, literal_column, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app import queue
from app.database import AWAY, Database, utcnow
from app.records import audit, canonical, events, receipts, signing
from app.records.heads import Chain, Head
from app.records.models import AuditEntry, ChainHead, Receipt, Upload
from app.records.receipts import Place, Witnessed
from app.records.signing import Signer
from app.records.states import State
from app.tenants.models import Connection, Organization
from app.tenants.vault import Vault

log = structlog.get_logger("ventanilla.sealing")

#: What a worker passes the handler, under this name.
VAULT: Final = "vault"
#: Entries that one transaction seals.
BATCH: Final = 500
#: What the audit log says of an upload that gets a receipt.
DELIVERED: Final = f"upload.{State.DELIVERED}"

FIND: Final = text("SELECT ventanilla_find_unsealed()")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """How much was sealed."""

    entries: int = 0
    receipts: int = 0

    def __add__(self, other: Sealed) -> Sealed:
        return Sealed(entries=self.entries + other.entries, receipts=self.receipts + other.receipts)


# No `lock`, as with the sweep: what is killed here leaves nothing behind, and two at once do no harm.
@queue.jobs.periodic(cron="* * * * * *")
@queue.jobs.task(name="seal", queueing_lock="seal", pass_context=True)
def job(context: JobContext, timestamp: int) -> None:
    """Every second: seal what was committed since."""
    del timestamp  # when it was due
    seal(queue.database(context), cast("Vault", context.additional_context[VAULT]))


def seal(db: Database, vault: Vault, now: datetime | None = None, *, batch: int = BATCH) -> Sealed:
    """Seal all that is committed and is in no chain yet. `db` is the worker's."""
    with db.doors() as session:
        owners: Sequence[UUID | None] = session.scalars(FIND).all()
    if not owners:
        return Sealed()
    with db.doors() as session:
        signer = signing.signer(session, vault, now or utcnow())
    sealed = Sealed()
    for owner in owners:
        try:
            sealed += _seal_chain(db, owner, signer, now, batch)
        except AWAY:
            raise
        except Exception:
            # Its end is not where its head says, or a row is not as rows are. Sealing goes on for the others; `flask
            # audit verify` says more.
            log.exception("chain cannot be continued", organization=str(owner or "house"))
    return sealed


def _seal_chain(db: Database, owner: UUID | None, signer: Signer, now: datetime | None, batch: int) -> Sealed:
    sealed, more = Sealed(), True
    while more:
        with db.transaction(owner) as session:
            done = _seal_batch(session, owner, signer, now or utcnow(), batch)
        sealed += done
        more = done.entries >= batch
    return sealed


def _seal_batch(session: Session, owner: UUID | None, signer: Signer, now: datetime, batch: int) -> Sealed:
    """Seal the oldest of an organization, if nobody else is at it; the lock goes with the transaction."""
    lock = func.hashtextextended(f"ventanilla chain {owner or 'house'}", 0)
    if not session.scalar(select(func.pg_try_advisory_xact_lock(lock))):
        return Sealed()
    entries = session.scalars(_unsealed(owner, batch)).all()
    if not entries:
        return Sealed()
    log_end = _End(Head.of(session, owner, Chain.AUDIT), signer)
    places = {entry.id: _place_entry(entry, log_end) for entry in entries}
    session.execute(update(AuditEntry), [{"id": key, **place} for key, (place, _) in places.items()])
    log_end.write(session, now)
    delivered = [(entry, places[entry.id]) for entry in entries if entry.action == DELIVERED]
    if owner is not None and delivered:
        end = _End(Head.of(session, owner, Chain.RECEIPTS), signer)
        session.add_all(_receipts(session, owner, delivered, end))
        end.write(session, now)
    events.derive(session, owner, entries, now)
    return Sealed(entries=len(entries), receipts=len(delivered))


def _unsealed(owner: UUID | None, batch: int) -> Select[AuditEntry]:
    """In the order of their transactions: one that had ended when another began to write comes before it.

    Transactions are numbered by the database, so clocks have no say in it; entries of one are in the order in which
    they were made.
    """
    age = func.age(literal_column("audit_entries.xmin"))
    owned = AuditEntry.organization_id.is_not_distinct_from(owner)
    return select(AuditEntry).where(owned, AuditEntry.number.is_(None)).order_by(age.desc(), AuditEntry.id).limit(batch)


class _End:
    """The end of a chain, which each entry moves on."""

    def __init__(self, head: Head, signer: Signer) -> None:
        self._head = head
        self._signer = signer

    @property
    def place(self) -> Place:
        """Where the next one goes."""
        return Place(number=self._head.number + 1, previous=self._head.hash, kid=self._signer.kid)

    def add(self, body: bytes) -> tuple[bytes, bytes]:
        """Put an entry there; its hash and signature."""
        digest = hashlib.sha256(body).digest()
        self._head = replace(self._head, number=self._head.number + 1, hash=digest)
        return digest, self._signer.sign(body)

    @property
    def key_id(self) -> UUID:
        return self._signer.id

    def write(self, session: Session, now: datetime) -> None:
        """Write down, signed, where the chain ends now."""
        head, signer = replace(self._head, sealed_at=now), self._signer
        told = {
            "number": head.number,
            "hash": head.hash,
            "signature": signer.sign(head.signed(signer.kid)),
            "key_id": signer.id,
            "sealed_at": now,
        }
        row = insert(ChainHead).values(id=uuid7(), organization_id=head.owner, chain=head.chain.value, **told)
        session.execute(row.on_conflict_do_update(constraint="uq_chain_heads_organization_id_chain", set_=told))


def _place_entry(entry: AuditEntry, end: _End) -> tuple[dict[str, Any], bytes]:
    """What is written of an entry, and its hash."""
    place = end.place
    digest, signature = end.add(audit.signed(entry, number=place.number, previous=place.previous, kid=place.kid))
    written = {
        "number": place.number,
        "previous": place.previous,
        "signature": signature,
        "key_id": end.key_id,
    }
    return written, digest


def _receipts(
    session: Session, owner: UUID, delivered: Sequence[tuple[AuditEntry, tuple[dict[str, Any], bytes]]], end: _End
) -> Iterator[Receipt]:
    """Make a receipt for each upload that was delivered."""
    organization = session.get_one(Organization, owner)
    wanted = select(Upload, Connection).join(Connection, Connection.id == Upload.connection_id)
    wanted = wanted.where(Upload.id.in_([entry.subject_id for entry, _ in delivered]))
    found = {row.Upload.id: (row.Upload, row.Connection) for row in session.execute(wanted)}
    for entry, (written, entry_hash) in delivered:
        (upload, connection), place, key = found[entry.subject_id], end.place, uuid7()
        body = canonical.dumps(
            receipts.write(
                place,
                receipt_id=key,
                upload=upload,
                connection=connection,
                owner=organization,
                witnessed=Witnessed(id=entry.id, at=entry.at, number=written["number"], hash=entry_hash),
            )
        )
        digest, signature = end.add(body)
        yield Receipt(
            id=key,
            organization_id=owner,
            number=place.number,
            upload_id=upload.id,
            body=body.decode(),
            hash=digest,
            signature=signature,
            key_id=end.key_id,
        )
