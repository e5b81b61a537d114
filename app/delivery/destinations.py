"""Where hand-ins go, remembered from one to the next: services ask for the same connection again and again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from tink.aead import Aead

from app.database import Database
from app.delivery.errors import ConnectionPaused
from app.delivery.origin import Origin
from app.delivery.way import NoWay, Way
from app.delivery.ways import Ways
from app.records.idempotency import Claim
from app.tenants import tokens
from app.tenants.models import Connection, Organization
from app.tenants.vault import Vault

#: Remembered by each process, those used last; with them their credentials.
MOST: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A connection of an organization, the way to its provider, and what seals the organization's copies."""

    organization: Organization
    connection: Connection
    way: Way | NoWay
    #: None where not even the way could be opened.
    cipher: Aead | None = field(repr=False)

    def origin(
        self,
        token_id: UUID,
        *,
        external_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        key: Claim | None = None,
    ) -> Origin:
        """Tell where a hand-in comes from that came by a gateway token."""
        return Origin(
            organization=self.organization,
            connection=self.connection,
            form_id=None,
            link=None,
            api_token_id=token_id,
            locale=None,
            notice_version=None,
            actor=tokens.actor(token_id),
            external_id=external_id,
            metadata=metadata or {},
            key=key,
        )

    def check_open(self) -> None:
        """Raise ConnectionPaused unless it takes hand-ins."""
        if self.connection.paused_at is not None:
            raise ConnectionPaused


class Destinations:
    """Every destination of this process. What has changed since it was read has another version, and is read anew."""

    def __init__(self, database: Database, ways: Ways, vault: Vault, most: int = MOST) -> None:
        self._database = database
        self._ways = ways
        self._vault = vault
        self._most = most
        self._known: OrderedDict[tuple[UUID, str], tuple[str, Destination]] = OrderedDict()
        self._lock = Lock()

    def find(self, organization_id: UUID, connection: str, version: str) -> Destination | None:
        """Return the connection of that name, as it is in that version or a later one; None: there is none."""
        key = organization_id, connection
        with self._lock:
            known = self._known.pop(key, None)
            if known and known[0] == version:
                self._known[key] = known
                return known[1]
        found = self._read(organization_id, connection)
        if found:
            with self._lock:
                self._known[key] = version, found
                if len(self._known) > self._most:
                    self._known.popitem(last=False)
        return found

    def _read(self, organization_id: UUID, connection: str) -> Destination | None:
        wanted = (
            select(Organization, Connection)
            .join(Connection, Connection.organization_id == Organization.id)
            .where(Connection.name == connection)
        )
        with self._database.transaction(organization_id) as session:
            row = session.execute(wanted).one_or_none()
            if row is None:
                return None
            organization, found = row
            way = self._ways.open(session, found)
            cipher = self._vault.cipher(session, organization_id) if isinstance(way, Way) else None
            return Destination(organization=organization, connection=found, way=way, cipher=cipher)
