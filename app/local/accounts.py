"""What the demo's tenants have at each provider: an account that the sandbox knows, its key, and its ids.

One class a provider, listed in ACCOUNTS; a provider is in the demo when both registry and sandbox have it.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Protocol

from app.local.kept import Kept
from app.local.place import Place
from app.local.tenants import Tenant
from app.providers import registry
from app.sandbox import PROVIDERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A tenant's account at a provider."""

    settings: Mapping[str, str]
    #: What the connection signs in with, its own or the house's.
    key: str = field(repr=False)
    #: The house lends the key.
    lent: bool = False
    #: What the vendor's own client is given to go to the sandbox directly.
    client_base_url: str
    client_key: str = field(repr=False)
    #: Fields that a form presets, by operation.
    presets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


class Accounts(Protocol):
    """The accounts at one provider."""

    def __init__(self, kept: Kept, place: Place) -> None: ...

    def of(self, tenant: Tenant) -> Account: ...

    def seed(self, tenants: Sequence[Tenant]) -> dict[str, Any]:
        """What the sandbox is to know from the start."""
        ...


class _Kept:
    """What the accounts of every provider are made from."""

    slug: ClassVar[str]

    def __init__(self, kept: Kept, place: Place) -> None:
        self._kept = kept
        self._place = place

    def _url(self, path: str = "") -> str:
        return f"{self._place.sandbox_url}/{self.slug}{path}"

    def _token(self, tenant: Tenant, name: str, prefix: str = "", octets: int = 24) -> str:
        return self._kept.token(f"{tenant.slug}_{self.slug}_{name}", prefix, octets)

    def _uuid(self, tenant: Tenant, name: str) -> str:
        return str(uuid.UUID(self._token(tenant, name, octets=16)))


class Facturapi(_Kept):
    slug = "facturapi"

    def of(self, tenant: Tenant) -> Account:
        key = self._user_key() if tenant.borrows else self._live_key(tenant)
        return Account(
            settings={"organization_id": self._id(tenant)},
            key=key,
            lent=tenant.borrows,
            client_base_url=self._url("/v2"),
            client_key=key,
        )

    def seed(self, tenants: Sequence[Tenant]) -> dict[str, Any]:
        return {
            "user_keys": [self._user_key()],
            "organizations": [
                {"id": self._id(one), "name": one.name, "live_keys": [self._live_key(one)]} for one in tenants
            ],
        }

    def _id(self, tenant: Tenant) -> str:
        return self._kept.token(f"{tenant.slug}_facturapi_id", octets=12)

    def _user_key(self) -> str:
        return self._kept.token("facturapi_user_key", "sk_user_")

    def _live_key(self, tenant: Tenant) -> str:
        return self._kept.token(f"{tenant.slug}_live_key", "sk_live_")


class Codat(_Kept):
    slug = "codat"

    def of(self, tenant: Tenant) -> Account:
        key = self._key(tenant)
        return Account(
            settings={"company_id": self._uuid(tenant, "company"), "connection_id": self._uuid(tenant, "connection")},
            key=key,
            lent=tenant.borrows,
            client_base_url=self._url(),
            client_key=f"Basic {base64.b64encode(key.encode()).decode()}",
        )

    def seed(self, tenants: Sequence[Tenant]) -> dict[str, Any]:
        clients: dict[str, list[Any]] = {}
        for tenant in tenants:
            ids = self.of(tenant).settings
            connections = [{"id": ids["connection_id"], "kind": "accounting"}]
            company = {"id": ids["company_id"], "name": tenant.name, "connections": connections}
            clients.setdefault(self._key(tenant), []).append(company)
        return {"clients": [{"key": key, "companies": companies} for key, companies in clients.items()]}

    def _key(self, tenant: Tenant) -> str:
        return self._kept.token("codat_house_key") if tenant.borrows else self._token(tenant, "key")


class Factify(_Kept):
    slug = "factify"

    def of(self, tenant: Tenant) -> Account:
        key = self._token(tenant, "key", "ffy_test_")
        return Account(settings={}, key=key, client_base_url=self._url(), client_key=key)

    def seed(self, tenants: Sequence[Tenant]) -> dict[str, Any]:
        return {"accounts": [{"key": self.of(one).key, "organization": one.name, "quota": 0} for one in tenants]}


class Flatfile(_Kept):
    slug = "flatfile"

    def of(self, tenant: Tenant) -> Account:
        key = self._token(tenant, "key", "sk_")
        return Account(
            settings={
                "base_url": self._url("/v1"),
                "environment_id": self._token(tenant, "environment", "us_env_", 4),
                "space_id": self._token(tenant, "space", "us_sp_", 4),
            },
            key=key,
            client_base_url=self._url("/v1"),
            client_key=key,
        )

    def seed(self, tenants: Sequence[Tenant]) -> dict[str, Any]:
        return {"accounts": [self._account(one) for one in tenants]}

    def _account(self, tenant: Tenant) -> dict[str, Any]:
        account = self.of(tenant)
        environment, space = account.settings["environment_id"], account.settings["space_id"]
        return {
            "key": account.key,
            "environments": [{"id": environment, "name": "dev"}],
            "spaces": [{"id": space, "name": tenant.name, "environment_id": environment}],
        }


class Formkiq(_Kept):
    slug = "formkiq"

    def of(self, tenant: Tenant) -> Account:
        key = self._token(tenant, "key")
        return Account(
            settings={"base_url": self._url(), "auth": "key", "site_id": "default"},
            key=key,
            client_base_url=self._url(),
            client_key=key,
            presets={"formkiq/document": {"path": "{organization}/{date}/{filename}"}},
        )

    def seed(self, tenants: Sequence[Tenant]) -> dict[str, Any]:
        keys = [{"key": self.of(one).key, "sites": {"default": "write", "legal": "read"}} for one in tenants]
        return {"api_keys": keys, "users": []}


ACCOUNTS: Final[Mapping[str, type[Accounts]]] = {
    one.slug: one for one in (Facturapi, Formkiq, Codat, Factify, Flatfile)
}


def known() -> list[str]:
    """Slugs of the providers that the demo has."""
    simulated = {one.slug for one in PROVIDERS}
    return [slug for slug in registry.PROVIDERS if slug in ACCOUNTS and slug in simulated]
