"""How much of the spool one organization may have: what it keeps, and what is being written for it, on every node."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.database import Database
from app.intake.spool.base import ShareFull
from app.intake.spool.cipher import sealed_bytes
from app.records import promises

log = structlog.get_logger("ventanilla.spool")

#: A file of unknown length is promised room so many bytes at a time: each time is a transaction.
STEP: Final = 4 << 20


class Shares:
    """Keeps every organization within `most` bytes, together with the other processes."""

    def __init__(self, database: Database, most: int, process_id: UUID) -> None:
        self._database = database
        self._most = most
        self._process_id = process_id

    def check(self, organization_id: UUID, size: int) -> None:
        """Raise ShareFull where a file of so many bytes would be too much."""
        with self._database.transaction(organization_id) as session:
            taken = promises.taken(session)
        if taken + sealed_bytes(size) > self._most:
            raise ShareFull(limit=self._most)

    def promise(self, organization_id: UUID, copy_id: UUID, size: int) -> None:
        """Promise room for so many bytes more of a copy, until it is settled; raises ShareFull."""
        with self._database.transaction(organization_id) as session:
            fits = promises.promise(
                session, organization_id, copy_id, size, most=self._most, process_id=self._process_id
            )
        if not fits:
            raise ShareFull(limit=self._most)

    def settle(self, organization_id: UUID, copy_id: UUID) -> None:
        """Note that a copy counts by its own row from now on, or that there is none."""
        try:
            with self._database.transaction(organization_id) as session:
                promises.drop(session, copy_id)
        except SQLAlchemyError as exc:  # it takes up room until this process ends
            log.warning("promise could not be taken back", cause=type(exc).__name__)


class Held:
    """What of its organization's share was promised to one copy."""

    def __init__(self, shares: Shares, organization_id: UUID, copy_id: UUID, size: int) -> None:
        """`size`: of the file, 0 where nobody knows; raises ShareFull."""
        self._shares = shares
        self._whose = organization_id, copy_id
        self._left = 0
        if size:
            self._promise(sealed_bytes(size))

    def take(self, size: int) -> None:
        """Ask for room for so many bytes more, within the promise or beyond it; raises ShareFull."""
        if size > self._left:
            missing = size - self._left
            try:
                self._promise(max(missing, STEP))
            except ShareFull:
                self._promise(missing)
        self._left -= size

    def drop(self) -> None:
        """Nothing of it stays."""
        self._shares.settle(*self._whose)

    def _promise(self, size: int) -> None:
        self._shares.promise(*self._whose, size)
        self._left += size
