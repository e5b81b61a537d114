"""Where a chain ends, as it was signed when it was last made longer: what is cut off behind that is noticed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Self
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.records import canonical, receipts
from app.records.models import ChainHead, SigningKey
from app.records.signing import Keys

TYPE: Final = "ventanilla/head/1"


class Chain(StrEnum):
    """What is chained."""

    AUDIT = "audit"
    RECEIPTS = "receipts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The end of a chain; of one that has not begun, place 0."""

    #: Whose chain it is; None: the house's.
    owner: UUID | None
    chain: Chain
    number: int = 0
    hash: bytes | None = None
    sealed_at: datetime | None = None
    kid: str = ""
    signature: bytes = b""

    @classmethod
    def of(cls, session: Session, owner: UUID | None, chain: Chain) -> Self:
        """Read it."""
        wanted = (
            select(ChainHead, SigningKey.kid)
            .join(SigningKey, SigningKey.id == ChainHead.key_id)
            .where(ChainHead.organization_id.is_not_distinct_from(owner), ChainHead.chain == chain.value)
        )
        found = session.execute(wanted).one_or_none()
        if found is None:
            return cls(owner=owner, chain=chain)
        row = found.ChainHead
        return cls(
            owner=owner,
            chain=chain,
            number=row.number,
            hash=row.hash,
            sealed_at=row.sealed_at,
            kid=found.kid,
            signature=row.signature,
        )

    def signed(self, kid: str) -> bytes:
        """What is signed of it."""
        return canonical.dumps(
            {
                "type": TYPE,
                "key": kid,
                "organization": str(self.owner) if self.owner else None,
                "chain": self.chain.value,
                "number": canonical.plain(self.number),
                "hash": self.hash.hex() if self.hash else None,
                "sealed_at": receipts.moment(self.sealed_at) if self.sealed_at else None,
            }
        )

    def is_sound(self, keys: Keys) -> bool:
        """Whether it is what was signed; one that has not begun has nothing to be signed."""
        return self.number == 0 or keys.has_signed(self.kid, self.signed(self.kid), self.signature)
