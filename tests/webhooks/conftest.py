"""An organization whose service is told of what happens."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from app.database import Database, utcnow
from app.delivery.deadlines import Deadlines
from app.delivery.egress import Egress
from app.records import audit, uploads
from app.records.models import Upload, WebhookDelivery
from app.records.sealing import seal
from app.records.states import State
from app.tenants.models import WebhookEndpoint
from app.tenants.vault import Vault
from app.webhooks import endpoints
from app.webhooks.sending import Messenger
from tests.tenancy import Tenant, tenant
from tests.webhooks.receiver import Receiver, receiving

#: Time enough on a machine that has much else to do; what is to be late waits for longer.
PATIENT = Deadlines(connect=20.0, answer=20.0, total=30.0)


class Desk:
    """One organization, whoever is told of it, and a worker's messenger whose clock the test sets."""

    def __init__(self, database: Database, worker: Database, vault: Vault, receiver: Receiver) -> None:
        self.database, self.worker, self.vault, self.receiver = database, worker, vault, receiver
        self.tenant: Tenant = tenant(database, vault, f"t-{secrets.token_hex(6)}")
        self.began = utcnow()
        self.ahead = timedelta()
        self.egress = Egress([receiver.url])
        self.secret = SecretStr("")
        self.seal()  # what made it is told to nobody

    @property
    def owner(self) -> UUID:
        return self.tenant.id

    def now(self) -> datetime:
        return self.began + self.ahead

    def add(self, *events: str, owner: UUID | None = None, house: bool = False, url: str = "") -> WebhookEndpoint:
        """Let the receiver be told."""
        whose = None if house else owner or self.owner
        with self.database.transaction(whose) as session:
            endpoint, self.secret = endpoints.add(
                session,
                self.vault,
                self.egress,
                organization_id=whose,
                url=url or f"{self.receiver.url}/hooks?key=of-the-url",
                events=events,
                actor="tests",
                now=self.now(),
            )
        return endpoint

    def move(self, to: State, upload: Upload | None = None, **told: Any) -> None:
        with self.database.transaction(self.owner) as session:
            uploads.move(session, upload or self.tenant.upload, to, actor="tests", now=self.now(), **told)

    def begin(self, state: State, **given: Any) -> Upload:
        usual: dict[str, Any] = {
            "organization_id": self.owner,
            "connection_id": self.tenant.connection.id,
            "operation": "codat/file",
            "mode": "relay",
            "process_id": self.tenant.upload.process_id,
            "actor": "tests",
            "now": self.now(),
        }
        with self.database.transaction(self.owner) as session:
            return uploads.begin(session, state=state, **usual | given)

    def seal(self) -> None:
        seal(self.worker, self.vault, self.now())

    def messenger(self, **options: Any) -> Messenger:
        usual: dict[str, Any] = {"deadlines": PATIENT, "turn_seconds": 60.0, "chance": lambda: 0.5}
        return Messenger(self.worker, self.vault, self.egress, self.now, **usual | options)

    def turn(self, *, house: bool = False, **options: Any) -> int:
        """One turn of a worker; how many it tried."""
        return self.messenger(**options).turn(None if house else self.owner)

    def deliveries(self, endpoint: WebhookEndpoint) -> list[WebhookDelivery]:
        """What the endpoint is told, oldest first."""
        with self.database.transaction(endpoint.organization_id) as session:
            order = WebhookDelivery.created_at, WebhookDelivery.id
            wanted = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint.id).order_by(*order)
            return list(session.scalars(wanted))

    def current(self, endpoint: WebhookEndpoint) -> WebhookEndpoint:
        with self.database.transaction(endpoint.organization_id) as session:
            return session.get_one(WebhookEndpoint, endpoint.id)

    def actions(self, endpoint: WebhookEndpoint) -> list[str]:
        """What the audit log says of it, newest first."""
        with self.database.transaction(endpoint.organization_id) as session:
            return [entry.action for entry in audit.listing(session, subject=endpoint)]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def desk(database: Database, worker: Database, vault: Vault, receiver: Receiver) -> Desk:
    return Desk(database, worker, vault, receiver)
