"""The demo: two organizations with keys, forms, links and a certificate each, the same from start to start.

Everything here can run again over what an interrupted start left: what is there already stays as it is.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import select

from app.config import DEMO_PREFIX
from app.database import HOUSE, Database, migrate
from app.local.accounts import ACCOUNTS, Account, Accounts, known
from app.local.kept import Kept
from app.local.place import Place
from app.local.postgres import Embedded
from app.local.private import write_private
from app.local.tenants import TENANTS, Tenant
from app.passthrough.faces import FACES
from app.providers import registry
from app.providers.operation import Operation
from app.sandbox import sat
from app.tenants import connections, doors, forms, links, organizations, passwords, people, tokens
from app.tenants.keyset import create_keyset
from app.tenants.models import ApiToken, Connection, Environment, Form
from app.tenants.roles import Role
from app.tenants.vault import Vault

#: What an organization's token lets its services do: all there is.
SCOPES: Final = tokens.SCOPES
#: What a client's key begins with where its vendor has it written into the header as it is.
BASIC: Final = "Basic "
#: A certificate that ends sooner is made anew.
LEAST_VALIDITY: Final = timedelta(days=30)
LINK_LIFE: Final = timedelta(days=3650)
LINK_USES: Final = 1_000_000
#: Who owns the demo.
ADMIN: Final = "admin@ventanilla.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What the processes are told, and what is told about them."""

    place: Place
    #: What makes the gateway this one; its environment and the worker's are this and the shell's. The sandbox is a
    #: stranger and gets none of it.
    gateway_settings: dict[str, str] = field(repr=False)
    sandbox_environment: dict[str, str] = field(repr=False)
    #: `demo.json`.
    description: dict[str, Any] = field(repr=False)
    #: What commands need besides: no process of the gateway has it.
    owner_url: SecretStr

    @classmethod
    def prepare(cls, place: Place, postgres: Embedded) -> Self:
        """Bring database, vault, files and seed to where the demo is whole."""
        kept = Kept(place.secrets)
        if not place.keyset.exists():
            create_keyset(place.keyset, demo=True)
        migrate(postgres.owner_url)
        accounts = {slug: ACCOUNTS[slug](kept, place) for slug in known()}
        write_private(place.seed, json.dumps({slug: one.seed(TENANTS) for slug, one in accounts.items()}))
        database = Database(postgres.app_url, pool=1)
        vault = Vault.load(place.keyset)
        try:
            made = [_Maker(place, kept, database, vault, tenant).make(accounts) for tenant in TENANTS]
            admin = _admin(place, kept, database)
        finally:
            database.dispose()
        return cls(
            place=place,
            gateway_settings=place.environment()
            | {
                "SECRET_KEY": kept.token("secret_key", DEMO_PREFIX),
                "DATABASE_URL": postgres.app_url.get_secret_value(),
                "DATABASE_WORKER_URL": postgres.worker_url.get_secret_value(),
            },
            sandbox_environment=os.environ
            | {
                "SANDBOX_PORT": str(place.sandbox_port),
                "SANDBOX_STORE_PORT": str(place.store_port),
                "SANDBOX_DIR": str(place.sandbox),
                "SANDBOX_SEED": str(place.seed),
            },
            description={
                "base_url": place.gateway_url,
                "sandbox_url": place.sandbox_url,
                "admin": admin,
                "organizations": made,
            },
            owner_url=postgres.owner_url,
        )

    @property
    def gateway_environment(self) -> dict[str, str]:
        """The environment of gateway and worker."""
        return os.environ | self.gateway_settings

    def announce(self) -> None:
        """Say where to go: to people on the terminal, to programs in `demo.json`, to commands in `demo.env`."""
        settings = self.gateway_settings | {"DATABASE_OWNER_URL": self.owner_url.get_secret_value()}
        quoted = {name: value.replace("'", r"\'") for name, value in settings.items()}
        write_private(self.place.variables, "".join(f"{name}='{value}'\n" for name, value in quoted.items()))
        write_private(self.place.demo, json.dumps(self.description, ensure_ascii=False, indent=1))
        admin = self.description["admin"]
        lines = ["", "Ventanilla is open. Ctrl-C closes it.", ""]
        lines += [f"  {'The dashboard':<24} {admin['url']}"]
        lines += [f"    {'e-mail':<22} {admin['email']}", f"    {'password':<22} {admin['password']}", ""]
        for made in self.description["organizations"]:
            lines.append(f"  {made['name']} ({made['rfc']})")
            lines += [
                f"    {form['operation']:<22} {form.get('link', form['url'] + ' (closed)')}" for form in made["forms"]
            ]
            files = made["certificate"]
            lines += [
                f"    {'a certificate':<22} {files['cer']}",
                f"    {'its key':<22} {files['key']}",
                f"    {'its password':<22} {files['password']}",
                f"    {'token of the API':<22} {made['api_token']}",
                "",
            ]
        lines.append(f"  What arrives: {self.place.sandbox_url}/_sandbox/ledger")
        print("\n".join(lines), flush=True)


def _admin(place: Place, kept: Kept, database: Database) -> dict[str, str]:
    """Somebody who owns the demo, and signs in with the password that is told here, whatever it was meanwhile."""
    password, now = SecretStr(kept.token("admin_password", octets=10)), datetime.now(UTC)
    with database.transaction(HOUSE) as session:
        found = people.by_email(session, ADMIN)
        if found is None:
            people.add(session, email=ADMIN, name="Admin", role=Role.OWNER, password=password, now=now)
        elif not passwords.fits(password, found.password_hash):
            people.set_password(session, found, password, now)
    return {"url": place.dashboard_url, "email": ADMIN, "password": password.get_secret_value()}


class _Maker:
    """Makes one organization and all that belongs to it, or finds it made."""

    def __init__(self, place: Place, kept: Kept, database: Database, vault: Vault, tenant: Tenant) -> None:
        self._place = place
        self._kept = kept
        self._database = database
        self._tenant = tenant
        self._vault = vault
        self._now = datetime.now(UTC)

    def make(self, accounts: Mapping[str, Accounts]) -> dict[str, Any]:
        """Make it, and describe it as `demo.json` does."""
        tenant = self._tenant
        organization = doors.organization(self._database, tenant.slug) or self._organization()
        held = {
            slug: (account := one.of(tenant), self._connection(organization, slug, account))
            for slug, one in accounts.items()
        }
        return {
            "slug": tenant.slug,
            "name": tenant.name,
            "rfc": tenant.rfc,
            "api_token": self._api_token(organization, "api_token", SCOPES),
            "connections": [
                {
                    "provider": slug,
                    "name": connection.name,
                    "settings": connection.settings,
                    **self._proxy(organization, slug, account),
                    "sandbox": {"base_url": account.client_base_url, "key": account.client_key},
                }
                for slug, (account, connection) in held.items()
            ],
            "forms": [
                self._form(connection, operation, account.presets.get(operation.slug, {}))
                for slug, (account, connection) in held.items()
                for operation in registry.provider(slug).operations
            ],
            "certificate": self._certificate(),
        }

    def _organization(self) -> UUID:
        tenant = self._tenant
        return organizations.add(
            self._database,
            slug=tenant.slug,
            name=tenant.name,
            rfc=tenant.rfc,
            locale=tenant.locale,
            accent=tenant.accent,
            contact=f"ayuda@{tenant.slug}.example",
            notice_url=f"https://{tenant.slug}.example/privacidad",
            notice_version="2026-01",
        ).id

    def _connection(self, organization: UUID, slug: str, account: Account) -> Connection:
        house = self._house(slug, account) if account.lent else None
        with self._database.transaction(organization) as session:
            found = connections.by_name(session, slug) or connections.add(
                session,
                self._vault,
                organization_id=organization,
                provider=slug,
                name=slug,
                environment=Environment.SANDBOX,
                settings=dict(account.settings),
                credential=None if house else self._credential(slug, account),
                house_connection_id=house,
            )
            found.settings = dict(account.settings)  # the sandbox may be on another port than it was
            return found

    def _house(self, slug: str, account: Account) -> UUID:
        """The house connection, which lends its key."""
        with self._database.transaction(HOUSE) as session:
            found = connections.by_name(session, f"{slug}-house") or connections.add(
                session,
                self._vault,
                organization_id=None,
                provider=slug,
                name=f"{slug}-house",
                environment=Environment.SANDBOX,
                settings={},
                credential=self._credential(slug, account),
            )
            return found.id

    def _credential(self, slug: str, account: Account) -> dict[str, SecretStr]:
        """The key, under the name of the one field that the provider asks for."""
        (name,) = (one.name for one in registry.provider(slug).credentials(account.settings) if one.required)
        return {name: SecretStr(account.key)}

    def _proxy(self, organization: UUID, slug: str, account: Account) -> dict[str, Any]:
        """What a vendor's client is given to speak through the gateway, as it is given the sandbox's."""
        if slug not in FACES:
            return {}
        key = self._api_token(organization, "proxy_token", (tokens.Scope.PROXY,))
        if account.client_key.startswith(BASIC):
            key = BASIC + base64.b64encode(key.encode()).decode()
        return {"proxy": {"base_url": f"{self._place.gateway_url}/proxy/{slug}{FACES[slug].base_path}", "key": key}}

    def _api_token(self, organization: UUID, name: str, scopes: Sequence[str]) -> str:
        kept = f"{self._tenant.slug}_{name}"
        token = self._kept.find(kept) or self._kept.put(kept, tokens.generate("demo"))
        known = doors.token(self._database, token)
        with self._database.transaction(organization) as session:
            if known is None:
                tokens.create(session, organization_id=organization, name="demo", scopes=scopes, token=token)
            else:  # a former version may have known fewer
                session.get_one(ApiToken, known.id).scopes = list(scopes)
        return token

    def _form(self, connection: Connection, operation: Operation, presets: Mapping[str, str]) -> dict[str, str]:
        assert connection.organization_id  # noqa: S101 - a house connection has no forms
        wanted = select(Form).where(Form.connection_id == connection.id, Form.operation == operation.slug)
        with self._database.transaction(connection.organization_id) as session:
            form = session.scalars(wanted).first() or forms.add(
                session,
                organization_id=connection.organization_id,
                connection_id=connection.id,
                operation=operation.slug,
                open=operation.open,
                settings={"presets": dict(presets)} if presets else {},
            )
        described = {"operation": operation.slug, "url": f"{self._place.gateway_url}/f/{form.public_id}"}
        if form.open:
            described["link"] = f"{self._place.gateway_url}/l/{self._link(form)}"
        return described

    def _link(self, form: Form) -> str:
        token = self._kept.token(f"{self._tenant.slug}_{form.operation}_link", octets=16)
        if doors.link(self._database, token) is None:
            with self._database.transaction(form.organization_id) as session:
                expires_at = self._now + LINK_LIFE
                links.create(session, form=form, expires_at=expires_at, max_uses=LINK_USES, token=token)
        return token

    def _certificate(self) -> dict[str, str]:
        """Paths and password of a certificate that is valid for a while yet."""
        tenant = self._tenant
        folder = self._place.certificates(tenant.slug)
        cer, key = folder / "csd.cer", folder / "csd.key"
        password = self._kept.token(f"{tenant.slug}_certificate_password", octets=5)
        ends = self._kept.find(f"{tenant.slug}_certificate_ends")
        stale = ends is None or datetime.fromisoformat(ends) - self._now < LEAST_VALIDITY
        if stale or not cer.exists() or not key.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            issued = sat.issue(rfc=tenant.rfc, name=tenant.legal_name, number=tenant.number, password=password)
            write_private(cer, issued.cer)
            write_private(key, issued.key)
            self._kept.put(f"{tenant.slug}_certificate_ends", issued.not_after.isoformat())
        return {"cer": str(cer), "key": str(key), "password": password}
