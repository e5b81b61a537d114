"""The demo: two organizations with keys, forms, links and a certificate each, the same from start to start.

Everything here can run again over what an interrupted start left: what is there already stays as it is.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import select

from app.config import DEMO_PREFIX
from app.database import HOUSE, Database, migrate
from app.local.kept import Kept
from app.local.place import Place
from app.local.postgres import Embedded
from app.local.private import write_private
from app.providers import registry
from app.providers.operation import Operation
from app.sandbox import sat
from app.tenants import connections, doors, forms, links, organizations
from app.tenants.models import Connection, Environment, Form
from app.tenants.vault import Vault, create_keyset

PROVIDER: Final = "facturapi"
HOUSE_NAME: Final = "facturapi-house"
#: A certificate that ends sooner is made anew.
LEAST_VALIDITY: Final = timedelta(days=30)
LINK_LIFE: Final = timedelta(days=3650)
LINK_USES: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """An organization of the demo. `own_key`: its connection has a key of its own, not the house's."""

    slug: str
    name: str
    rfc: str
    legal_name: str
    number: str
    locale: str
    accent: str
    own_key: bool


TENANTS: Final = (
    Tenant(
        slug="kemper",
        name="Escuela Kemper Urgate",
        rfc="EKU9003173C9",
        legal_name="ESCUELA KEMPER URGATE SA DE CV",
        number="30001000000599000001",
        locale="es",
        accent="#1f6f5c",
        own_key=False,
    ),
    Tenant(
        slug="xochilt",
        name="Xochilt Casas Chávez",
        rfc="CACX7605101P8",
        legal_name="XOCHILT CASAS CHAVEZ",
        number="30001000000599000002",
        locale="en",
        accent="#7a3e9d",
        own_key=True,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What the processes are told, and what is told about them."""

    place: Place
    #: The environment of gateway and worker; the sandbox is a stranger and gets none of it.
    gateway_environment: dict[str, str] = field(repr=False)
    sandbox_environment: dict[str, str] = field(repr=False)
    #: `demo.json`.
    description: dict[str, Any] = field(repr=False)

    @classmethod
    def prepare(cls, place: Place, postgres: Embedded) -> Self:
        """Bring database, vault, files and seed to where the demo is whole."""
        kept = Kept(place.secrets)
        if not place.keyset.exists():
            create_keyset(place.keyset, demo=True)
        migrate(postgres.owner_url)
        write_private(place.seed, json.dumps({PROVIDER: _seed(kept)}))
        database = Database(postgres.app_url, pool=1)
        try:
            made = [_Maker(place, kept, database, tenant).make() for tenant in TENANTS]
        finally:
            database.dispose()
        return cls(
            place=place,
            gateway_environment=os.environ
            | place.environment()
            | {
                "SECRET_KEY": kept.token("secret_key", DEMO_PREFIX),
                "DATABASE_URL": postgres.app_url.get_secret_value(),
                "DATABASE_WORKER_URL": postgres.worker_url.get_secret_value(),
            },
            sandbox_environment=os.environ
            | {
                "SANDBOX_PORT": str(place.sandbox_port),
                "SANDBOX_DIR": str(place.sandbox),
                "SANDBOX_SEED": str(place.seed),
            },
            description={"base_url": place.gateway_url, "sandbox_url": place.sandbox_url, "organizations": made},
        )

    def announce(self) -> None:
        """Say where to go: to people on the terminal, to programs in `demo.json`."""
        write_private(self.place.demo, json.dumps(self.description, ensure_ascii=False, indent=1))
        lines = ["", "Ventanilla is open. Ctrl-C closes it.", ""]
        for made in self.description["organizations"]:
            lines.append(f"  {made['name']} ({made['rfc']})")
            for form in made["forms"]:
                if "link" in form:
                    lines += [
                        f"    {form['operation']:<22} {form['url']}",
                        f"    {'by personal link':<22} {form['link']}",
                    ]
            files = made["certificate"]
            lines += [f"    hand in                {files['cer']}", f"                           {files['key']}"]
            lines += [f"    with the password      {files['password']}", ""]
        lines.append(f"  What arrives: {self.place.sandbox_url}/_sandbox/ledger")
        print("\n".join(lines), flush=True)


def _seed(kept: Kept) -> dict[str, Any]:
    """What the sandbox's Facturapi knows: our accounts and keys."""
    return {
        "user_keys": [_user_key(kept)],
        "organizations": [
            {"id": _account(kept, tenant), "name": tenant.name, "live_keys": [_live_key(kept, tenant)]}
            for tenant in TENANTS
        ],
    }


def _user_key(kept: Kept) -> str:
    return kept.token("facturapi_user_key", "sk_user_")


def _live_key(kept: Kept, tenant: Tenant) -> str:
    return kept.token(f"{tenant.slug}_live_key", "sk_live_")


def _account(kept: Kept, tenant: Tenant) -> str:
    return kept.token(f"{tenant.slug}_facturapi_id", octets=12)


class _Maker:
    """Makes one organization and all that belongs to it, or finds it made."""

    def __init__(self, place: Place, kept: Kept, database: Database, tenant: Tenant) -> None:
        self._place = place
        self._kept = kept
        self._database = database
        self._tenant = tenant
        self._vault = Vault.load(place.keyset)
        self._now = datetime.now(UTC)

    def make(self) -> dict[str, Any]:
        """Make it, and describe it as `demo.json` does."""
        tenant = self._tenant
        organization = doors.organization(self._database, tenant.slug) or self._organization()
        connection = self._connection(organization)
        provider = registry.provider(PROVIDER)
        return {
            "slug": tenant.slug,
            "name": tenant.name,
            "rfc": tenant.rfc,
            "connections": [
                {
                    "provider": PROVIDER,
                    "name": connection.name,
                    "settings": connection.settings,
                    "sandbox": {"base_url": f"{self._place.sandbox_url}/{PROVIDER}/v2", "key": self._key},
                }
            ],
            "forms": [self._form(connection, operation) for operation in provider.operations],
            "certificate": self._certificate(),
        }

    @property
    def _key(self) -> str:
        return _live_key(self._kept, self._tenant) if self._tenant.own_key else _user_key(self._kept)

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

    def _connection(self, organization: UUID) -> Connection:
        house = None if self._tenant.own_key else self._house()
        with self._database.transaction(organization) as session:
            return connections.by_name(session, PROVIDER) or connections.add(
                session,
                self._vault,
                organization_id=organization,
                provider=PROVIDER,
                name=PROVIDER,
                environment=Environment.SANDBOX,
                settings={"organization_id": _account(self._kept, self._tenant)},
                credential={"key": SecretStr(self._key)} if house is None else None,
                house_connection_id=house,
            )

    def _house(self) -> UUID:
        """The house connection, which lends its key."""
        with self._database.transaction(HOUSE) as session:
            found = connections.by_name(session, HOUSE_NAME) or connections.add(
                session,
                self._vault,
                organization_id=None,
                provider=PROVIDER,
                name=HOUSE_NAME,
                environment=Environment.SANDBOX,
                settings={},
                credential={"key": SecretStr(_user_key(self._kept))},
            )
            return found.id

    def _form(self, connection: Connection, operation: Operation) -> dict[str, str]:
        assert connection.organization_id  # noqa: S101 - a house connection has no forms
        wanted = select(Form).where(Form.connection_id == connection.id, Form.operation == operation.slug)
        with self._database.transaction(connection.organization_id) as session:
            form = session.scalars(wanted).first() or forms.add(
                session,
                organization_id=connection.organization_id,
                connection_id=connection.id,
                operation=operation.slug,
                open=operation.open,
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
