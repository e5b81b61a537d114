"""Who uses Codat, whose companies they look after, and what was uploaded for those."""

from __future__ import annotations

import base64
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import Enum
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from app.sandbox.codat.errors import DAILY, Refused, iso, midnight

if TYPE_CHECKING:
    from app.sandbox.provider import World

#: Requests from one address in any such span; more are taken for an attack.
HARD, HARD_SECONDS = 1_000, 60.0
_SPACE: Final = "00000000-0000-4000-8000-0000000000"


class Kind(Enum):
    """What a connection is to: one of the three integrations that take files, or any other."""

    ACCOUNTING = ("accounting", "Accounting file upload", "Accounting", "sbau", _SPACE + "01")
    BANKING = ("banking", "Banking file upload", "Banking", "sbbu", _SPACE + "02")
    DOCUMENTS = ("documents", "Business documents file upload", "Other", "sbdu", _SPACE + "03")
    OTHER = ("other", "Xero", "Accounting", "gbol", _SPACE + "04")

    def __init__(self, slug: str, platform: str, source_type: str, key: str, integration_id: str) -> None:
        """`key` is made up: the service does not publish those of its file uploads."""
        self.slug = slug
        self.platform = platform
        self.source_type = source_type
        self.key = key
        self.integration_id = integration_id

    @property
    def takes_files(self) -> bool:
        return self is not Kind.OTHER

    def shown(self) -> dict[str, Any]:
        """The integration, as it is listed."""
        return {
            "key": self.key,
            "name": self.platform,
            "enabled": True,
            "integrationId": self.integration_id,
            "sourceId": self.integration_id[:-2] + "f" + self.integration_id[-1],
            "sourceType": self.source_type,
            "isBeta": False,
            "isOfflineConnector": False,
            "logoUrl": "https://static.codat.io/public/platform/" + self.key,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A company's data connection."""

    id: str
    kind: Kind
    created: datetime

    def shown(self, company: Company) -> dict[str, Any]:
        return {
            "id": self.id,
            "integrationId": self.kind.integration_id,
            "integrationKey": self.kind.key,
            "sourceId": self.kind.shown()["sourceId"],
            "platformName": self.kind.platform,
            "linkUrl": f"https://link-api.codat.io/companies/{company.id}/connections/{self.id}/start",
            "status": "Linked",
            "created": iso(self.created),
            "sourceType": self.kind.source_type,
            "connectionInfo": {},
            "dataConnectionErrors": [],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """A file as it was taken: it has a name and no id."""

    name: str
    connection: Connection
    uploaded: datetime
    size: int
    sha256: str
    #: What the sandbox keeps its bytes under.
    kept: str

    def shown(self) -> dict[str, Any]:
        return {
            "fileName": self.name,
            "displayName": None,
            "sourceType": self.connection.kind.source_type,
            "uploaded": iso(self.uploaded),
        }


@dataclass(slots=True, kw_only=True)
class Company:
    """A company that a client looks after."""

    id: str
    name: str
    created: datetime
    connections: dict[str, Connection] = field(default_factory=dict)
    files: list[Uploaded] = field(default_factory=list)

    def connection(self, connection_id: str) -> Connection:
        """The connection of that id, if files can be uploaded to it. Raises Refused."""
        found = self.connections.get(connection_id.lower())
        if found is None:
            raise Refused(404, f"Data connection {connection_id} not found")
        if not found.kind.takes_files:
            raise Refused(400, fault=("connectionId", f"{found.kind.platform} does not take files"))
        return found

    def of(self, day: date | None) -> list[Uploaded]:
        """What was uploaded on that day, or ever."""
        return [one for one in self.files if day in {None, one.uploaded.date()}]

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "description": None,
            "redirect": f"https://link.codat.io/company/{self.id}",
            "created": iso(self.created),
            "createdByUserName": None,
            "dataConnections": [one.shown(self) for one in self.connections.values()],
            "tags": {},
        }


@dataclass(slots=True, kw_only=True)
class Client:
    """One customer of Codat's."""

    key: str
    companies: dict[str, Company] = field(default_factory=dict)
    #: Requests of `day`, on which they are counted.
    used: int = 0
    day: date = date.min

    @property
    def limit(self) -> int:
        """Requests a day: more with each company that has something connected."""
        return DAILY * (1 + sum(bool(one.connections) for one in self.companies.values()))


class Clients:
    """All state, behind one lock."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.lock = RLock()
        self._by_header: dict[str, Client] = {}
        self._recent: dict[str, deque[float]] = defaultdict(deque)

    def add(self, client: Client) -> None:
        """Take a client on, in place of one with the same key; companies of others that it names become its own.

        All addresses begin a minute of their own.
        """
        self._recent.clear()
        for other in self._by_header.values():
            for company_id in client.companies:
                other.companies.pop(company_id, None)
        self._by_header[_header(client.key)] = client

    def named(self, key: str) -> Client | None:
        return self._by_header.get(_header(key))

    def client(self, authorization: str | None) -> Client:
        """Whose key that header is made of, as a whole: no name, no colon. Raises Refused."""
        found = self._by_header.get(authorization or "")
        if found is None:
            raise Refused(401)
        return found

    def count(self, client: Client, address: str) -> None:
        """Count the client's request of today. Raises Refused while limits are on and it made too many."""
        now = self.world.clock.now().astimezone(UTC)
        if client.day != now.date():
            client.day, client.used = now.date(), 0
        client.used += 1
        if not self.world.limits:
            return
        if client.used > client.limit:
            raise Refused(429, retry_after=int((midnight(now) - now).total_seconds()) + 1)
        recent, moment = self._recent[address], time.monotonic()
        while recent and recent[0] <= moment - HARD_SECONDS:
            recent.popleft()
        if len(recent) >= HARD:
            raise Refused(429, retry_after=int(recent[0] + HARD_SECONDS - moment) + 1)
        recent.append(moment)

    def company(self, client: Client, company_id: str) -> Company:
        """One of that client's companies. Raises Refused."""
        company_id = company_id.lower()
        if company_id in client.companies:
            return client.companies[company_id]
        if any(company_id in other.companies for other in self._by_header.values()):
            raise Refused(403)
        raise Refused(404, f"Company {company_id} not found", service="ClientsApi")


def _header(key: str) -> str:
    return "Basic " + base64.b64encode(key.encode()).decode()
