"""`flask doctor`: everything that has to be right, a line each, with its cure where it is not."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from urllib.parse import urlsplit

import certifi
import click
from sqlalchemy import text

from app import config
from app.checks import Scanner
from app.checks.antivirus import Beyond, NoVerdict, signed_at
from app.checks.patterns import EICAR
from app.config import ConfigurationError, Settings
from app.database import HOUSE, Database, is_migrated, is_reachable
from app.delivery.egress import PORTS, Egress, EgressRefused
from app.intake.spool import CopyLost, Spool, SpoolAway, SpoolFull
from app.providers import registry
from app.providers.base import Account
from app.tenants import connections, doors
from app.tenants.vault import Vault, VaultError

MOST_SKEW: Final = timedelta(seconds=2)
OLDEST_SIGNATURES: Final = timedelta(days=7)

#: Tables that hold rows of organizations and are not bound by row security, or only for others than their owner.
UNBOUND: Final = text("""
    SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization_id'
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
    AND NOT (c.relrowsecurity AND c.relforcerowsecurity) ORDER BY 1
""")
#: Who signs in. Row security asks nothing of some, and lets the tables' owner through.
ROLE: Final = text("""
    SELECT one.rolname, one.rolsuper OR one.rolbypassrls OR EXISTS (
        SELECT FROM pg_class WHERE relowner = one.oid AND relnamespace = 'public'::regnamespace
    ) AS mighty, EXISTS (
        SELECT FROM pg_roles wanted WHERE wanted.rolname = :wanted AND pg_has_role(one.oid, wanted.oid, 'USAGE')
    ) AS suits
    FROM pg_roles one WHERE one.rolname = current_user
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How one thing is. `cure` says what to do where it is bad."""

    about: str
    state: Literal["ok", "n/a", "FAIL"] = "ok"
    detail: str
    cure: str = ""

    def __str__(self) -> str:
        line = f"{self.state:<5} {self.about:<12} {self.detail}"
        return f"{line} → {self.cure}" if self.cure else line


@click.command("doctor")
def doctor() -> None:
    """Look at everything that has to be right; exit code 1 if something is not."""
    bad = False
    for finding in examine():
        click.echo(str(finding))
        bad = bad or finding.state == "FAIL"
    if bad:
        raise SystemExit(1)


def examine() -> Iterator[Finding]:
    """Look at one thing after the other, as far as each can be without those before it."""
    try:
        settings = config.load()
    except ConfigurationError as exc:
        yield from (Finding(about="settings", state="FAIL", detail=line, cure="set it") for line in exc.lines)
        return
    yield Finding(about="settings", detail=f"{settings.ventanilla_mode}, {settings.public_url}")
    vault = _vault(settings)
    yield vault if isinstance(vault, Finding) else Finding(about="vault", detail=f"{settings.vault_keyset} is a keyset")
    yield _spool(settings)
    yield _antivirus(settings)
    database = Database(settings.database_url, pool=1)
    try:
        yield from _with_database(database, settings, None if isinstance(vault, Finding) else vault)
    finally:
        database.dispose()
    if settings.database_worker_url:
        yield from _worker_role(Database(settings.database_worker_url, pool=1))
    else:
        yield Finding(about="worker role", state="n/a", detail="DATABASE_WORKER_URL is not set: no worker runs here")


def _with_database(database: Database, settings: Settings, vault: Vault | None) -> Iterator[Finding]:
    if not is_reachable(database):
        cure = "start PostgreSQL; DATABASE_URL has to name its host and a role that may LOGIN, with its password"
        yield Finding(about="database", state="FAIL", detail="does not answer", cure=cure)
        return
    yield Finding(about="database", detail="answers")
    role = _role(database, "ventanilla_app", "DATABASE_URL", "role")
    yield role
    yield _clock(database)
    if not is_migrated(database):
        detail = "the tables are not those of this version"
        yield Finding(about="migrations", state="FAIL", detail=detail, cure="flask db upgrade")
        return
    yield Finding(about="migrations", detail="the tables are those of this version")
    if role.state == "FAIL":
        return  # what is left is read as that role, and would be refused or untrue
    yield _row_security(database)
    if vault is not None:
        yield _data_keys(database, vault)
    yield from _providers(database, settings)


def _vault(settings: Settings) -> Vault | Finding:
    try:
        vault = Vault.load(settings.vault_keyset, settings.vault_kms)
    except ConfigurationError as exc:
        return Finding(about="vault", state="FAIL", detail=exc.lines[0], cure="flask vault create, or bring it back")
    if vault.demo and not settings.demo:
        cure = "flask vault create, with VAULT_KEYSET at another path"
        return Finding(about="vault", state="FAIL", detail="VAULT_KEYSET is the demo's", cure=cure)
    return vault


def _data_keys(database: Database, vault: Vault) -> Finding:
    """Whether the keyset is the one that this database was used with."""
    owners = [HOUSE, *(organization for organization, _, _ in doors.organizations(database))]
    for owner in owners:
        with database.transaction(owner) as session:
            try:
                vault.check(session, owner)
            except VaultError as exc:
                return Finding(about="vault keys", state="FAIL", detail=str(exc), cure="bring the right keyset back")
    return Finding(about="vault keys", detail="open")


def _spool(settings: Settings) -> Finding:
    """Whether copies can be kept where they are meant to be, and how many more."""
    where = settings.spool_url or str(settings.instance_dir / "spool")
    try:
        volume = Spool.from_settings(settings).probe()
    except ConfigurationError as exc:
        return Finding(about="spool", state="FAIL", detail=exc.lines[0], cure="set it, and what the bucket needs")
    except SpoolFull:
        cure = "make room, or raise SPOOL_QUOTA_BYTES or SPOOL_HIGH_WATER"
        return Finding(about="spool", state="FAIL", detail=f"{where} is full", cure=cure)
    except SpoolAway as exc:
        cure = "let SPOOL_URL name a folder or bucket that the gateway may write to, list and delete from"
        why = str(exc.__cause__).partition("\n")[0]
        return Finding(about="spool", state="FAIL", detail=f"{where} takes nothing: {why}", cure=cure)
    except CopyLost as exc:
        return Finding(about="spool", state="FAIL", detail=f"{where}: {exc}", cure="use another place")
    room = "" if volume is None else f", {volume.free / 1e9:.1f} GB free"
    return Finding(about="spool", detail=f"{where} takes files, encrypted{room}")


def _antivirus(settings: Settings) -> Finding:
    """Whether the daemon is there, knows anything, and what is new, and takes files as large as it is shown."""
    about, scanner = "antivirus", Scanner.from_settings(settings)
    if scanner is None:
        return Finding(about=about, state="n/a", detail="ANTIVIRUS is off: files are not scanned")
    try:
        version = scanner.version()
        if not scanner.look(EICAR):
            cure = "freshclam, and see that it is run by itself"
            return Finding(about=about, state="FAIL", detail=f"{version} does not know the test virus", cure=cure)
        scanner.look(*(bytes(1 << 20) for _ in range(scanner.most_bytes >> 20)), bytes(scanner.most_bytes % (1 << 20)))
    except Beyond as beyond:
        cure = "raise StreamMaxLength, MaxFileSize and MaxScanSize in clamd.conf, or lower ANTIVIRUS_MAX_BYTES"
        return Finding(about=about, state="FAIL", detail=beyond.detail, cure=cure)
    except NoVerdict as none:
        cure = "start clamd, and let ANTIVIRUS_URL name a socket of its that the gateway's user may open"
        return Finding(about=about, state="FAIL", detail=f"{scanner.url}: {none.detail}", cure=cure)
    known = signed_at(version)
    if known and datetime.now(UTC) - known > OLDEST_SIGNATURES:
        detail = f"{version}: its signatures are old"
        return Finding(about=about, state="FAIL", detail=detail, cure="freshclam, and see that it is run by itself")
    return Finding(about=about, detail=f"{version}, {settings.antivirus}")


def _role(database: Database, wanted: str, variable: str, about: str) -> Finding:
    with database.doors() as session:
        role = session.execute(ROLE, {"wanted": wanted}).one()
    cure = f"let {variable} name the role {wanted}"
    if role.mighty:
        detail = f"{role.rolname} is superuser, owner or above row security: nothing keeps organizations apart"
        return Finding(about=about, state="FAIL", detail=detail, cure=cure)
    if not role.suits:
        return Finding(about=about, state="FAIL", detail=f"{role.rolname} is not {wanted}", cure=cure)
    return Finding(about=about, detail=f"{role.rolname}, bound by row security")


def _row_security(database: Database) -> Finding:
    with database.doors() as session:
        unbound = session.scalars(UNBOUND).all()
    if unbound:
        cure = "flask db upgrade; if it stays, ALTER TABLE … FORCE ROW LEVEL SECURITY"
        return Finding(about="row security", state="FAIL", detail=f"not in force on {', '.join(unbound)}", cure=cure)
    return Finding(about="row security", detail="in force on every table with rows of organizations")


def _clock(database: Database) -> Finding:
    with database.doors() as session:
        began = datetime.now(UTC)
        theirs: datetime = session.scalars(text("SELECT clock_timestamp()")).one()
        ended = datetime.now(UTC)
    skew = max(began - theirs, theirs - ended, timedelta())
    if skew > MOST_SKEW:
        detail = f"{skew.total_seconds():.1f} s apart from the database's"
        return Finding(about="clock", state="FAIL", detail=detail, cure="run a time service (NTP) on both")
    return Finding(about="clock", detail="as the database's")


def _worker_role(database: Database) -> Iterator[Finding]:
    try:
        if not is_reachable(database):
            cure = "DATABASE_WORKER_URL has to name its host and a role that may LOGIN, with its password"
            yield Finding(about="worker role", state="FAIL", detail="cannot sign in", cure=cure)
        else:
            yield _role(database, "ventanilla_worker", "DATABASE_WORKER_URL", "worker role")
    finally:
        database.dispose()


def _providers(database: Database, settings: Settings) -> Iterator[Finding]:
    """Whether each address that a connection goes to can be reached; what the credential is worth is another matter."""
    addresses = set()
    for organization, _, _ in doors.organizations(database):
        with database.transaction(organization) as session:
            for connection in connections.listing(session):
                account = Account(environment=connection.environment, settings=connection.settings)
                base = registry.provider(connection.provider).base_url(account, settings.sandbox_url)
                addresses.add((connection.provider, base))
    if not addresses:
        yield Finding(about="providers", state="n/a", detail="no connection yet")
    egress = Egress(settings.egress_allow)
    for provider, base in sorted(addresses):
        yield _reach(provider, base, egress, settings.connect_seconds)


def _reach(provider: str, base: str, egress: Egress, seconds: float) -> Finding:
    """Connect where a delivery would, with TLS where it is spoken, and say nothing."""
    if not base:
        detail = "a connection is for the sandbox, and SANDBOX_URL is not set"
        return Finding(about=provider, state="FAIL", detail=detail, cure="set it, or make a live connection")
    parts = urlsplit(base)
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    try:
        egress.check(base)
        address = egress.addresses(parts.scheme, host, port, seconds)[0]
        with socket.create_connection(address.sockaddr[:2], timeout=seconds) as plain:
            if parts.scheme == "https":
                ssl.create_default_context(cafile=certifi.where()).wrap_socket(plain, server_hostname=host).close()
    except EgressRefused as exc:
        cure = f"put {parts.scheme}://{parts.netloc} into EGRESS_ALLOW if it is meant to be gone to"
        return Finding(about=provider, state="FAIL", detail=f"{host}:{port} is refused: {exc}", cure=cure)
    except OSError as exc:
        cure = "let this machine reach that address (name service, firewall)"
        detail = f"{host}:{port} cannot be reached ({exc.strerror or str(exc) or 'too slow'})"
        return Finding(about=provider, state="FAIL", detail=detail, cure=cure)
    return Finding(about=provider, detail=f"{host}:{port} can be reached")
