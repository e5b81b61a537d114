"""What is in the spool of an upload, and what its rows say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.delivery.spooling import Shelf
from app.intake.spool import Spool
from app.records import attempts, copies
from app.records.models import Attempt, Copy, Upload
from app.tenants.vault import Vault
from tests.relay.house import House


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelves:
    """All of a house's."""

    house: House
    vault: Vault
    spool: Spool

    def upload(self) -> Upload:
        """The only one."""
        (one,) = self.uploads()
        return one

    def uploads(self) -> Sequence[Upload]:
        with self.house.database.transaction(self.house.organization.id) as session:
            return session.scalars(select(Upload).order_by(Upload.id)).all()

    def row(self, upload: Upload) -> Copy | None:
        """The copy's, if there is one."""
        with self.house.database.transaction(self.house.organization.id) as session:
            return copies.find(session, upload.id)

    def tried(self, upload: Upload) -> Sequence[Attempt]:
        with self.house.database.transaction(self.house.organization.id) as session:
            return attempts.listing(session, upload.id)

    def begun(self) -> set[UUID]:
        """Uploads of the house of which anything lies there, whole or not."""
        mine = {one.id for one in self.uploads()}
        return mine & {found.upload_id for found in self.spool.place.listing()}

    def content(self, upload: Upload) -> tuple[bytes, dict[str, Any]]:
        """The bytes of a copy that is whole, and what else a second attempt gets to know."""
        row = self.row(upload)
        assert row is not None
        with self.house.database.transaction(self.house.organization.id) as session:
            cipher = self.vault.cipher(session, self.house.organization.id)
        where = self.house.organization.id, upload.id
        shelf = Shelf(spool=self.spool, cipher=cipher, organization_id=where[0], upload_id=where[1])
        content = b"".join(self.spool.read(cipher, *where, row.segments))
        assert row.size == len(content)
        stored = sum(found.stored for found in self.spool.place.listing() if found.upload_id == upload.id)
        assert row.stored == stored
        return content, dict(shelf.unseal(row.sealed))

    def keeps(self, upload: Upload, content: bytes) -> bool:
        """Whether there is a whole copy of that content, and its row."""
        return self.begun() == {upload.id} and self.content(upload)[0] == content

    def is_empty(self) -> bool:
        """Whether neither copies nor rows of copies are left."""
        return not self.begun() and not any(self.row(one) for one in self.uploads())
