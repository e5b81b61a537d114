"""An organization with a connection to every provider, an API token, and the accounts behind it in the sandbox."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from pydantic import SecretStr
from sqlalchemy.orm import Session

from app.database import Database
from app.tenants import connections, organizations, tokens
from app.tenants.models import Connection, Environment, Organization
from app.tenants.vault import Vault
from tests.servers import Sandbox, Server


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An account at a provider: what the sandbox has to know of it, and what a connection to it says."""

    seed: Mapping[str, Any]
    settings: Mapping[str, Any]
    credential: Mapping[str, str] = field(repr=False)
    #: What a vendor's own package is given for a key.
    key: str = field(repr=False)
    base_url: str


def _facturapi(sandbox: Sandbox) -> Place:
    account, key = secrets.token_hex(12), f"sk_live_{secrets.token_urlsafe(24)}"
    return Place(
        seed={"organizations": [{"id": account, "name": "Acme", "live_keys": [key]}]},
        settings={"organization_id": account},
        credential={"key": key},
        key=key,
        base_url=f"{sandbox.url}/facturapi/v2",
    )


def _formkiq(sandbox: Sandbox) -> Place:
    key = secrets.token_urlsafe(24)
    base_url = f"{sandbox.url}/formkiq"
    return Place(
        seed={"api_keys": [{"key": key, "sites": {"default": "write"}}]},
        settings={"base_url": base_url, "auth": "key", "site_id": "default"},
        credential={"key": key},
        key=key,
        base_url=base_url,
    )


def _codat(sandbox: Sandbox) -> Place:
    company, connection, key = str(uuid.uuid4()), str(uuid.uuid4()), secrets.token_urlsafe(24)
    companies = [{"id": company, "name": "Acme", "connections": [{"id": connection, "kind": "documents"}]}]
    return Place(
        seed={"clients": [{"key": key, "companies": companies}]},
        settings={"company_id": company, "connection_id": connection},
        credential={"key": key},
        key=key,
        base_url=f"{sandbox.url}/codat",
    )


def _factify(sandbox: Sandbox) -> Place:
    key = f"ffy_test_{secrets.token_hex(13)}{secrets.token_hex(21)}a"
    return Place(
        seed={"accounts": [{"key": key, "organization": "Acme", "quota": 0}]},
        settings={},
        credential={"token": key},
        key=key,
        base_url=f"{sandbox.url}/factify",
    )


def _flatfile(sandbox: Sandbox) -> Place:
    key, environment, space = (f"{begin}_{secrets.token_hex(6)}" for begin in ("sk", "us_env", "us_sp"))
    base_url = f"{sandbox.url}/flatfile/v1"
    account = {
        "key": key,
        "environments": [{"id": environment, "name": "dev"}],
        "spaces": [{"id": space, "name": "March", "environment_id": environment}],
    }
    return Place(
        seed={"accounts": [account]},
        settings={"base_url": base_url, "environment_id": environment, "space_id": space},
        credential={"key": key},
        key=key,
        base_url=base_url,
    )


PLACES: Final[Mapping[str, Callable[[Sandbox], Place]]] = {
    "codat": _codat,
    "factify": _factify,
    "facturapi": _facturapi,
    "flatfile": _flatfile,
    "formkiq": _formkiq,
}


def furnish(
    session: Session, vault: Vault, sandbox: Sandbox, organization: Organization, places: Mapping[str, Place]
) -> dict[str, Connection]:
    """Give an organization a connection to each of those, and let the sandbox know them."""
    sandbox.seed(**{slug: place.seed for slug, place in places.items()})
    return {
        slug: connections.add(
            session,
            vault,
            organization_id=organization.id,
            provider=slug,
            name=slug,
            environment=Environment.SANDBOX,
            settings=dict(place.settings),
            credential={name: SecretStr(secret) for name, secret in place.credential.items()},
        )
        for slug, place in places.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """All of it."""

    gateway: Server
    sandbox: Sandbox
    database: Database
    organization: Organization
    connections: Mapping[str, Connection]
    places: Mapping[str, Place]
    token: str = field(repr=False)

    @classmethod
    def build(cls, gateway: Server, sandbox: Sandbox, database: Database, vault: Vault) -> Self:
        """Make it, with nothing in it that another test could meet."""
        organization = organizations.add(
            database, slug=f"t-{secrets.token_hex(6)}", name="Acme", rfc="EKU9003173C9", locale="en"
        )
        places = {slug: make(sandbox) for slug, make in PLACES.items()}
        with database.transaction(organization.id) as session:
            made = furnish(session, vault, sandbox, organization, places)
            scopes = ["uploads:write", "uploads:read"]
            _, token = tokens.create(session, organization_id=organization.id, name="tests", scopes=scopes)
        return cls(
            gateway=gateway,
            sandbox=sandbox,
            database=database,
            organization=organization,
            connections=made,
            places=places,
            token=token,
        )
