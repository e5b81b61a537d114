"""A counter that is open: an organization with a connection and a form, at a real gateway, in front of the sandbox."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self, TypeVar
from uuid import UUID

import requests
from pydantic import SecretStr
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.database import Base, Database, utcnow
from app.records.models import Attempt, AuditEntry, Upload
from app.tenants import connections, forms, links, organizations
from app.tenants.models import Connection, Environment, Form, Organization
from app.tenants.vault import Vault
from tests.acceptance.customer import Customer, Page
from tests.checks.cases import Files
from tests.servers import Sandbox, Server
from tests.webhooks.receiver import Receiver

NOTICE = "2026-01"

Row = TypeVar("Row", bound=Base)


@dataclass(frozen=True, kw_only=True)
class World:
    """What runs, and how to look behind it."""

    gateway: Server
    sandbox: Sandbox
    database: Database
    vault: Vault
    owner: Engine
    clock: Path
    #: Takes spans and webhooks, and remembers them.
    collector: Receiver

    def set_clock(self, now: datetime | None) -> None:
        """Let gateway and provider believe that it is another time; None: let them look at the real clock."""
        self.clock.write_text(now.isoformat() if now else "")
        if now:
            # The provider's clock goes on from there: a little earlier, so that a certificate's last second lasts.
            self.sandbox.clock((now - timedelta(seconds=30)).isoformat())
        else:
            self.sandbox.control("DELETE", "/clock")

    def rows(self, table: type[Row]) -> Sequence[Row]:
        """Every row of a table, oldest first, as only the owner can see them."""
        with Session(self.owner) as session:
            return session.scalars(select(table).order_by(table.id)).all()


@dataclass(frozen=True, kw_only=True)
class Counter:
    """One organization's counter for one operation."""

    world: World
    organization: Organization
    connection: Connection
    form: Form
    #: Facturapi's id of the organization, and the key that it is spoken to with.
    account: str
    key: str = field(repr=False)

    @classmethod
    def open_for(
        cls,
        world: World,
        *,
        slug: str = "acme",
        rfc: str | None = None,
        operation: str = "facturapi/certificate",
        environment: Environment = Environment.SANDBOX,
        **more: Any,
    ) -> Self:
        """Make an organization here and its account at the provider."""
        account, key = secrets.token_hex(12), f"sk_live_{secrets.token_urlsafe(24)}"
        organization = organizations.add(
            world.database,
            slug=slug,
            name=f"{slug.title()} & Compañía",
            rfc=rfc,
            contact="ayuda@acme.example",
            **{"notice_url": "https://acme.example/aviso", "notice_version": NOTICE, **more},
        )
        with world.database.transaction(organization.id) as session:
            connection = connections.add(
                session,
                world.vault,
                organization_id=organization.id,
                provider="facturapi",
                name="facturapi",
                environment=environment,
                settings={"organization_id": account},
                credential={"key": SecretStr(key)},
            )
            form = forms.add(
                session,
                organization_id=organization.id,
                connection_id=connection.id,
                operation=operation,
                open=True,
            )
        return cls(world=world, organization=organization, connection=connection, form=form, account=account, key=key)

    @property
    def address(self) -> str:
        return f"{self.world.gateway.url}/f/{self.form.public_id}"

    @property
    def provider_entry(self) -> dict[str, Any]:
        """What the sandbox has to know of it."""
        return {"id": self.account, "name": self.organization.name, "live_keys": [self.key]}

    def link(self, **options: Any) -> str:
        """Make a personal link and return its address."""
        options = {"expires_at": utcnow() + timedelta(days=1)} | options
        with self.world.database.transaction(self.organization.id) as session:
            _, token = links.create(session, form=self.form, **options)
        return f"{self.world.gateway.url}/l/{token}"

    def customer(self, language: str = "es") -> Customer:
        """Somebody in front of it, who has chosen a language."""
        customer = Customer(origin=self.world.gateway.url, language=language)
        customer.session.trust_env = False
        customer.open(f"{self.address}?lang={language}")
        return customer

    def hand_in(self, files: Files, *, language: str = "es", address: str | None = None, **fields: str) -> Page:
        """Hand a certificate in as that somebody would."""
        return self.customer(language).hand_in(
            address or self.address,
            files={"cer": files.cer, "key": files.key},
            fields={"password": files.password, **fields},
        )

    @property
    def puts(self) -> list[dict[str, Any]]:
        """Requests that brought the provider a file, or a part of one."""
        return [entry for entry in self.world.sandbox.ledger("facturapi") if entry["method"] == "PUT"]

    @property
    def upload(self) -> Upload:
        """The one upload that there is."""
        (upload,) = self.world.rows(Upload)
        return upload

    @property
    def attempts(self) -> Sequence[Attempt]:
        return self.world.rows(Attempt)

    @property
    def audit(self) -> list[str]:
        """Actions in the audit log, in order."""
        return [entry.action for entry in self.world.rows(AuditEntry)]

    def held(self) -> dict[str, Any]:
        """What the provider says it holds."""
        path = f"/facturapi/v2/organizations/{self.account}"
        answer = self.customer_of_provider().get(f"{self.world.sandbox.url}{path}", timeout=10)
        answer.raise_for_status()
        read: dict[str, Any] = answer.json()
        return read

    def customer_of_provider(self) -> Any:
        """A session that speaks to the provider directly, with the organization's key."""
        session = requests.Session()
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {self.key}"
        return session


def upload_id(page: Page) -> UUID:
    """The id that an outcome page names."""
    return UUID(next(word for word in page.text.split() if len(word) == 36 and word.count("-") == 4))
