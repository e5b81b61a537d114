"""A tenant with a connection to the sandbox's Facturapi, and hand-ins for it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from app.config import Settings
from app.database import Database
from app.delivery import Deliverer, Origin, Result
from app.intake import Collected
from app.intake.reception import CollectedFile
from app.intake.spool import Spool
from app.providers.facturapi import CERTIFICATE
from app.records import attempts, audit, uploads
from app.records.models import Attempt, AuditEntry, Upload
from app.records.processes import Work
from app.sandbox import sat
from app.tenants import forms, links
from app.tenants.models import Connection, Link, Organization
from app.tenants.vault import Vault
from tests.servers import Sandbox

PASSWORD = "12345678a"
NUMBER = "30001000000500003416"


@dataclass
class Clock:
    """Tells the real time, moved by as much as a test says."""

    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def collected(issued: sat.Issued, *, password: str = PASSWORD) -> Collected:
    return Collected(
        fields={},
        secrets={"password": SecretStr(password)},
        files={"cer": file("cer", "mi sello.cer", issued.cer), "key": file("key", "mi sello.key", issued.key)},
    )


def file(name: str, filename: str, content: bytes) -> CollectedFile:
    sha256 = hashlib.sha256(content).hexdigest()
    return CollectedFile(
        name=name, filename=filename, content_type="application/x-x509-ca-cert", content=content, sha256=sha256
    )


@dataclass(kw_only=True)
class Tenant:
    """One organization, its connection, and the account behind it in the sandbox."""

    database: Database
    vault: Vault
    spool: Spool
    sandbox: Sandbox
    settings: Settings
    organization: Organization
    connection: Connection
    account: str
    key: str
    clock: Clock = field(default_factory=Clock)
    deliverers: list[Deliverer] = field(default_factory=list)

    @property
    def path(self) -> str:
        return f"/facturapi/v2/organizations/{self.account}"

    def deliverer(self, **changes: Any) -> Deliverer:
        """A gateway's deliverer, under other settings if told."""
        settings = self.settings.model_copy(update=changes)
        made = Deliverer(self.database, self.vault, self.spool, settings, self.clock, Work())
        self.deliverers.append(made)
        return made

    def origin(self, link: Link | None = None) -> Origin:
        return Origin(
            organization=self.organization,
            connection=self.connection,
            form_id=link.form_id if link else None,
            link=link,
            api_token_id=None,
            locale="es",
            notice_version="2026-01",
            actor="test",
        )

    def hand_in(
        self,
        given: Collected | None = None,
        *,
        replace: bool = False,
        link: Link | None = None,
        deliverer: Deliverer | None = None,
        **changes: Any,
    ) -> Result:
        return (deliverer or self.deliverer(**changes)).hand_in(
            self.origin(link), CERTIFICATE, given or collected(sat.issue()), replace=replace
        )

    def link(self, max_uses: int = 1) -> Link:
        with self.database.transaction(self.organization.id) as session:
            form = forms.add(
                session,
                organization_id=self.organization.id,
                connection_id=self.connection.id,
                operation=CERTIFICATE.slug,
                open=True,
            )
            return links.create(session, form=form, expires_at=self.clock() + timedelta(days=1), max_uses=max_uses)[0]

    def uses(self, link: Link) -> int:
        with self.database.transaction(self.organization.id) as session:
            return session.get_one(Link, link.id).uses

    def upload(self, upload_id: UUID) -> Upload:
        with self.database.transaction(self.organization.id) as session:
            return uploads.get(session, upload_id)

    def uploads(self) -> Sequence[Upload]:
        with self.database.transaction(self.organization.id) as session:
            return session.query(Upload).all()

    def attempt(self, upload_id: UUID) -> Attempt:
        """The upload's only one."""
        with self.database.transaction(self.organization.id) as session:
            (attempt,) = attempts.listing(session, upload_id)
            return attempt

    def audit(self, subject: Upload | Connection) -> list[AuditEntry]:
        """What was noted of a row, oldest first."""
        with self.database.transaction(self.organization.id) as session:
            return list(reversed(audit.listing(session, subject=subject)))

    def paused(self) -> str | None:
        with self.database.transaction(self.organization.id) as session:
            return session.get_one(Connection, self.connection.id).paused_because

    def fault(self, action: str, method: str = "PUT", **more: Any) -> None:
        """Let the sandbox fail this tenant's next request of that method."""
        self.sandbox.fault(action=action, method=method, path=self.path, **more)

    def requests(self, method: str) -> list[dict[str, Any]]:
        """The complete requests of that method that came."""
        entries = self.sandbox.ledger("facturapi", complete=True)
        return [one for one in entries if one["method"] == method and one["path"].startswith(self.path)]

    def holds(self, **certificate: Any) -> None:
        """Let the account hold a certificate already."""
        given = collected(sat.issue(**certificate))
        assert self.hand_in(given, replace=True).state == "delivered"
        self.sandbox.clear()
