"""An organization whose services speak to its providers through the gateway, in the vendors' own words."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self
from urllib.parse import urlsplit

from app.database import Database
from app.passthrough.faces import FACES
from app.records import audit
from app.records.models import AuditEntry, Upload
from app.tenants import tokens
from app.tenants.models import Connection
from app.tenants.vault import Vault
from tests.relay.house import House, Place
from tests.servers import Sandbox, Server


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, as it was on the wire."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """All of it."""

    house: House
    vault: Vault
    token: str = field(repr=False)

    @classmethod
    def build(cls, gateway: Server, sandbox: Sandbox, database: Database, vault: Vault) -> Self:
        """Make it, with nothing in it that another test could meet."""
        house = House.build(gateway, sandbox, database, vault)
        with database.transaction(house.organization.id) as session:
            _, token = tokens.create(
                session, organization_id=house.organization.id, name="sdk", scopes=[tokens.Scope.PROXY]
            )
        return cls(house=house, vault=vault, token=token)

    def place(self, provider: str) -> Place:
        """The provider through the gateway, as `House.places` has it without."""
        base_url = f"{self.house.gateway.url}/proxy/{provider}{FACES[provider].base_path}"
        return replace(self.house.places[provider], base_url=base_url, key=self.token)

    def through(self) -> House:
        """The same organization, with every provider behind the gateway."""
        return replace(self.house, places={provider: self.place(provider) for provider in FACES})

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        chunks: Iterable[bytes] | None = None,
    ) -> Answer:
        """Make a call below `/proxy/`, with `Bearer` unless a header says otherwise."""
        return ask(
            self.house.gateway.url,
            method,
            f"/proxy/{path}",
            body,
            {"Authorization": f"Bearer {token or self.token}", **(headers or {})},
            chunks=chunks,
        )

    def open(self, provider: str, *calls: str) -> None:
        """Open the connection for calls that have to be asked for."""
        self.change(Connection, self.house.connections[provider].id, opened_calls=list(calls))

    def change(self, kind: Any, key: Any, **values: Any) -> None:
        with self.house.database.transaction(self.house.organization.id) as session:
            row = session.get_one(kind, key)
            for name, value in values.items():
                setattr(row, name, value)

    def uploads(self) -> list[Upload]:
        """Oldest first."""
        with self.house.database.transaction(self.house.organization.id) as session:
            return list(session.query(Upload).order_by(Upload.created_at, Upload.id).all())

    def called(self) -> list[AuditEntry]:
        """What the audit log says of calls, oldest first."""
        with self.house.database.transaction(self.house.organization.id) as session:
            entries = audit.listing(session, limit=500)
            return [one for one in reversed(entries) if one.action == "connection.called"]


def ask(
    url: str,
    method: str,
    path: str,
    body: bytes | None,
    headers: Mapping[str, str],
    *,
    chunks: Iterable[bytes] | None = None,
    seconds: float = 20,
) -> Answer:
    """Send a request with those headers and no others, but for its Host and length; `chunks`: a body without one."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=seconds)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body is not None and "Content-Length" not in headers:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body if chunks is None else chunks, encode_chunked=chunks is not None)
        reply = connection.getresponse()
        return Answer(status=reply.status, headers=reply.getheaders(), body=reply.read())
    finally:
        connection.close()
