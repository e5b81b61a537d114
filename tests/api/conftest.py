"""Two organizations with a connection to the sandbox's Facturapi each, tokens of every kind, and a client."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from pydantic import SecretStr
from urllib3.filepost import encode_multipart_formdata
from werkzeug.test import TestResponse

from app.database import Database, utcnow
from app.records import attempts, uploads
from app.records.models import Attempt, Copy, Upload, WebhookDelivery
from app.records.sealing import seal
from app.records.states import State
from app.tenants import connections, organizations, tokens
from app.tenants.models import Connection, Environment, Organization
from app.tenants.vault import Vault
from tests.delivery.test_deliverer import png
from tests.relay import house
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


@dataclass(frozen=True, kw_only=True)
class Objects:
    """What an organization has, by the names that stand in paths."""

    tenant: Tenant
    named: Mapping[str, str] = field(repr=False)


Furnish = Callable[..., Objects]


@pytest.fixture
def furnish(desk: Desk, worker: Database, vault: Vault) -> Furnish:
    """Give an organization one of everything; what lies at a provider only where that is among the `names`."""

    def give(tenant: Tenant, state: State | None = None, names: Collection[str] = ()) -> Objects:
        whose = "both" if tenant is desk.mine else "their both"
        root = f"/api/v1/organizations/{tenant.slug}"
        upload = desk.hand_in(tenant.to_logo, whose).json
        form = desk.ask("POST", f"{root}/forms", whose, json={"connection": "facturapi", "operation": "facturapi/logo"})
        assert upload
        assert form.json
        link = desk.ask("POST", f"{root}/forms/{form.json['id']}/links", whose, json={})
        token = desk.ask("POST", f"{root}/tokens", whose, json={"name": "x", "scopes": ["uploads:read"]})
        hook = desk.ask("POST", f"{root}/webhooks", whose, json={"url": f"{desk.sandbox.url}/hooks"})
        assert link.json
        assert token.json
        assert hook.json
        seal(worker, vault)
        receipt = desk.ask("GET", f"{root}/receipts", whose).json
        assert receipt
        if state is not None:
            with desk.database.transaction(tenant.organization.id) as session:
                session.get_one(Upload, UUID(upload["id"])).state = state
                session.add(_copy(tenant, upload["id"]))
        named = {
            "organization": tenant.slug,
            "connection": "facturapi",
            "operation": "logo",
            "upload_id": upload["id"],
            "receipt_id": receipt["items"][0]["id"],
            "form_id": form.json["id"],
            "link_id": link.json["link"]["id"],
            "token_id": token.json["token"]["id"],
            "endpoint_id": hook.json["endpoint"]["id"],
            "delivery_id": _told(worker, tenant, hook.json["endpoint"]["id"]),
        }
        if "file" in names:
            named |= {"connection": "flatfile", "file": _stored(desk, vault, tenant, whose)}
        return Objects(tenant=tenant, named=named)

    return give


def _stored(desk: Desk, vault: Vault, tenant: Tenant, whose: str) -> str:
    """Let something lie at a provider that gives it back; its id there."""
    places = {"flatfile": house.PLACES["flatfile"](desk.sandbox)}
    with desk.database.transaction(tenant.organization.id) as session:
        house.furnish(session, vault, desk.sandbox, tenant.organization, places)
    made = desk.hand_in(
        f"/api/v1/organizations/{tenant.slug}/flatfile/file", whose, file=("a.csv", b"a,b\n1,2\n", "text/csv")
    )
    assert made.json
    return str(made.json["reference"])


def _told(worker: Database, tenant: Tenant, endpoint_id: str) -> str:
    """Let an endpoint be told of something; that delivery's id."""
    row = WebhookDelivery(
        id=uuid4(),
        organization_id=tenant.organization.id,
        endpoint_id=UUID(endpoint_id),
        event_id=uuid4(),
        event="upload.failed",
        due_at=utcnow(),
        deadline_at=utcnow(),
    )
    with worker.transaction(tenant.organization.id) as session:
        session.add(row)
    return str(row.id)


def _copy(tenant: Tenant, upload_id: str) -> Copy:
    return Copy(organization_id=tenant.organization.id, upload_id=UUID(upload_id), size=1, stored=1, sealed=b"x")
