"""Two organizations with a connection to the sandbox's Facturapi each, tokens of every kind, and a client."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from pydantic import SecretStr
from urllib3.filepost import encode_multipart_formdata
from werkzeug.test import TestResponse

from app.database import Database, utcnow
from app.records import attempts, uploads
from app.records.models import Attempt, Upload
from app.tenants import connections, organizations, tokens
from app.tenants.models import Connection, Environment, Organization
from app.tenants.vault import Vault
from tests.delivery.test_deliverer import png
from tests.servers import Sandbox

PNG = png()
BOTH = "both"


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """An organization that hands in, and what the sandbox knows of it."""

    organization: Organization
    connection: Connection
    account: str
    tokens: Mapping[str, str] = field(repr=False)

    @property
    def slug(self) -> str:
        return self.organization.slug

    @property
    def to_logo(self) -> str:
        return f"/api/v1/organizations/{self.slug}/facturapi/logo"

    @property
    def to_certificate(self) -> str:
        return f"/api/v1/organizations/{self.slug}/facturapi/certificate"


@dataclass(kw_only=True)
class Desk:
    """The API in this process, and what it writes."""

    app: Flask
    database: Database
    sandbox: Sandbox
    mine: Tenant
    theirs: Tenant
    house_tokens: Mapping[str, str] = field(repr=False)

    def token(self, kind: str) -> str:
        """A token by what it may do, of mine unless it says otherwise."""
        whose, _, what = kind.rpartition(" ")
        return {"": self.mine.tokens, "their": self.theirs.tokens, "house": self.house_tokens}[whose][what]

    def ask(self, method: str, path: str, token: str | None = BOTH, **kwargs: Any) -> TestResponse:
        headers = dict(kwargs.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {self.token(token)}"
        return self.app.test_client().open(path, method=method, headers=headers, **kwargs)

    def hand_in(self, path: str | None = None, token: str | None = BOTH, **parts: Any) -> TestResponse:
        """Hand in, in the order given; `query` and `headers` aside."""
        query, headers = parts.pop("query", ""), parts.pop("headers", {})
        body, content_type = encode_multipart_formdata(parts or {"file": ("logo.png", PNG)})
        path = (path or self.mine.to_logo) + query
        return self.ask("POST", path, token, data=body, content_type=content_type, headers=headers)

    def upload(self, upload_id: str) -> tuple[Upload, list[Attempt]]:
        with self.database.transaction(self.mine.organization.id) as session:
            return uploads.get(session, UUID(upload_id)), list(attempts.listing(session, UUID(upload_id)))

    def uploads(self) -> list[Upload]:
        with self.database.transaction(self.mine.organization.id) as session:
            return list(session.query(Upload).all())

    def fault(self, action: str, method: str = "PUT", **more: Any) -> None:
        path = f"/facturapi/v2/organizations/{self.mine.account}"
        self.sandbox.fault(action=action, method=method, path=path, **more)

    def set(self, kind: type[Organization | Connection], key: UUID, **values: Any) -> None:
        with self.database.transaction(self.mine.organization.id) as session:
            row = session.get_one(kind, key)
            for name, value in values.items():
                setattr(row, name, value)


def make_tokens(database: Database, owner: UUID | None) -> dict[str, str]:
    """One of every kind."""
    kinds: dict[str, dict[str, Any]] = {
        "both": {"scopes": tokens.SCOPES},
        "write": {"scopes": [tokens.WRITE]},
        "read": {"scopes": [tokens.READ]},
        "expired": {"scopes": tokens.SCOPES, "expires_at": utcnow() - timedelta(seconds=1)},
        "revoked": {"scopes": tokens.SCOPES},
    }
    made = {}
    with database.transaction(owner) as session:
        for name, told in kinds.items():
            row, made[name] = tokens.create(session, organization_id=owner, name=name, **told)
            if name == "revoked":
                tokens.revoke(session, row.id, utcnow())
    return made


@pytest.fixture
def make_tenant(database: Database, vault: Vault, sandbox: Sandbox) -> Callable[[], Tenant]:
    def make() -> Tenant:
        account, key = secrets.token_hex(12), f"sk_live_{secrets.token_hex(16)}"
        sandbox.seed(facturapi={"organizations": [{"id": account, "name": "Kemper", "live_keys": [key]}]})
        organization = organizations.add(
            database, slug=f"t-{secrets.token_hex(6)}", name="Kemper", rfc="EKU9003173C9", locale="es"
        )
        with database.transaction(organization.id) as session:
            connection = connections.add(
                session,
                vault,
                organization_id=organization.id,
                provider="facturapi",
                name="facturapi",
                environment=Environment.SANDBOX,
                settings={"organization_id": account},
                credential={"key": SecretStr(key)},
            )
        made = make_tokens(database, organization.id)
        return Tenant(organization=organization, connection=connection, account=account, tokens=made)

    return make


@pytest.fixture
def desk(app: Flask, database: Database, sandbox: Sandbox, make_tenant: Callable[[], Tenant]) -> Desk:
    sandbox.clear()
    return Desk(
        app=app,
        database=database,
        sandbox=sandbox,
        mine=make_tenant(),
        theirs=make_tenant(),
        house_tokens=make_tokens(database, None),
    )
