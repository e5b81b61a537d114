"""`flask doctor`: everything that has to be right, a line each, with its cure where it is not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import click
from sqlalchemy import text

from app import config
from app.checks import Scanner
from app.checks.clamd import Beyond, NoVerdict, signed_at
from app.checks.patterns import EICAR
from app.cli import reaching
from app.cli.cures import Finding, failed
from app.config import ConfigurationError, Settings
from app.database import HOUSE, Database, is_migrated, is_reachable, utcnow
from app.intake.spool import CopyLost, Spool, SpoolAway, SpoolFull
from app.records import needs
from app.records.needs import Kind
from app.tenants import doors
from app.tenants.vault import Vault, VaultError

MOST_SKEW: Final = timedelta(seconds=2)
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
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


@click.command("doctor")
def doctor() -> None:
    """Look at everything that has to be right. Exit code 1 if something is not."""
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
        yield from (failed("settings", "setting", line) for line in exc.lines)
        return
    yield _public(settings)
    vault = _vault(settings)
    yield vault if isinstance(vault, Finding) else _keyset(vault, settings)
    yield _spool(settings)
    yield _antivirus(settings)
    yield from reaching.settings(settings)
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
        yield failed("database", "database-away", "does not answer")
        return
    yield Finding(about="database", detail="answers")
    role = _role(database, "ventanilla_app", "DATABASE_URL", "role")
    yield role
    yield _clock(database)
    if not is_migrated(database):
        yield failed("migrations", "migrations", "the tables are not those of this version")
        return
    yield Finding(about="migrations", detail="the tables are those of this version")
    if role.state == "FAIL":
        return  # what is left is read as that role, and would be refused or untrue
    yield _row_security(database)
    if vault is not None:
        yield _data_keys(database, vault)
    yield _work(database)
    yield from reaching.providers(database, settings)


def _public(settings: Settings) -> Finding:
    """Whether strangers can be kept from what they should not see."""
    host = urlsplit(settings.public_url).hostname
    if not settings.demo and not settings.public_url.startswith("https://") and host not in LOOPBACK:
        return failed(
            "settings", "not-https", f"PUBLIC_URL is {settings.public_url}: keys and files would pass in the clear"
        )
    if settings.metrics_token is None and set(map(str, settings.metrics_allow)) & set(config.EVERYWHERE):
        return failed("settings", "metrics-open", "METRICS_ALLOW lets anybody read /metrics")
    if not settings.demo and set(map(str, settings.forwarded_allow_ips)) & set(config.EVERYWHERE):
        return failed("settings", "proxies-anybody", "FORWARDED_ALLOW_IPS believes whoever comes where they come from")
    return Finding(about="settings", detail=f"{settings.ventanilla_mode}, {settings.public_url}")


def _vault(settings: Settings) -> Vault | Finding:
    try:
        vault = Vault.load(settings.vault_keyset, settings.vault_kms)
    except ConfigurationError as exc:
        return failed("vault", "vault-unread", exc.lines[0])
    if vault.demo and not settings.demo:
        return failed("vault", "vault-demo", "VAULT_KEYSET is the demo's")
    return vault


def _keyset(vault: Vault, settings: Settings) -> Finding:
    begun = "; a rotation was begun, flask vault rotate goes on with it" if len(vault.known) > 1 else ""
    return Finding(about="vault", detail=f"{settings.vault_keyset} is a keyset{begun}")


def _data_keys(database: Database, vault: Vault) -> Finding:
    """Whether the keyset is the one that this database was used with."""
    owners = [HOUSE, *(organization for organization, _, _ in doors.organizations(database))]
    for owner in owners:
        with database.transaction(owner) as session:
            try:
                vault.check(session, owner)
            except VaultError as exc:
                return failed("vault keys", "vault-foreign", str(exc))
    return Finding(about="vault keys", detail="open")


def _spool(settings: Settings) -> Finding:
    """Whether copies can be kept where they are meant to be, and how many more."""
    where = settings.spool_url or str(settings.instance_dir / "spool")
    try:
        volume = Spool.from_settings(settings).probe()
    except ConfigurationError as exc:
        return failed("spool", "spool-unknown", exc.lines[0])
    except SpoolFull:
        return failed("spool", "spool-full", f"{where} is full")
    except SpoolAway as exc:
        why = str(exc.__cause__).partition("\n")[0]
        return failed("spool", "spool-away", f"{where} takes nothing: {why}")
    except CopyLost as exc:
        return failed("spool", "spool-lost", f"{where}: {exc}")
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
            return failed(about, "antivirus-ignorant", f"{version} does not know the test virus")
        scanner.look(*(bytes(1 << 20) for _ in range(scanner.most_bytes >> 20)), bytes(scanner.most_bytes % (1 << 20)))
    except Beyond as beyond:
        return failed(about, "antivirus-small", beyond.detail)
    except NoVerdict as none:
        return failed(about, "antivirus-away", f"{scanner.url}: {none.detail}")
    known = signed_at(version)
    if known and datetime.now(UTC) - known > OLDEST_SIGNATURES:
        return failed(about, "antivirus-ignorant", f"{version}: its signatures are old")
    return Finding(about=about, detail=f"{version}, {settings.antivirus}")


def _role(database: Database, wanted: str, variable: str, about: str) -> Finding:
    with database.doors() as session:
        role = session.execute(ROLE, {"wanted": wanted}).one()
    named = {"variable": variable, "wanted": wanted}
    if role.mighty:
        detail = f"{role.rolname} is superuser, owner or above row security: nothing keeps organizations apart"
        return failed(about, "role", detail, **named)
    if not role.suits:
        return failed(about, "role", f"{role.rolname} is not {wanted}", **named)
    return Finding(about=about, detail=f"{role.rolname}, bound by row security")


def _work(database: Database) -> Finding:
    """Whether what waits is delivered."""
    now = utcnow()
    with database.overview() as session:
        away = needs.worker_away(session, now)
        overdue = next((need.count for need in needs.needs(session, now) if need.kind is Kind.OVERDUE), 0)
    if not overdue:
        return Finding(
            about="queue", detail="no worker is at work, and nothing waits" if away else "nothing waits for long"
        )
    ill = "worker-away" if away else "queue-behind"
    detail = "no worker is at work" if away else "a worker is at work"
    return failed("queue", ill, f"{overdue} uploads should have been taken, and {detail}")


def _row_security(database: Database) -> Finding:
    with database.doors() as session:
        unbound = session.scalars(UNBOUND).all()
    if unbound:
        return failed("row security", "row-security", f"not in force on {', '.join(unbound)}")
    return Finding(about="row security", detail="in force on every table with rows of organizations")


def _clock(database: Database) -> Finding:
    with database.doors() as session:
        began = datetime.now(UTC)
        theirs: datetime = session.scalars(text("SELECT clock_timestamp()")).one()
        ended = datetime.now(UTC)
    skew = max(began - theirs, theirs - ended, timedelta())
    if skew > MOST_SKEW:
        return failed("clock", "clock", f"{skew.total_seconds():.1f} s apart from the database's")
    return Finding(about="clock", detail="as the database's")


def _worker_role(database: Database) -> Iterator[Finding]:
    try:
        if not is_reachable(database):
            yield failed("worker role", "worker-role-away", "cannot sign in")
        else:
            yield _role(database, "ventanilla_worker", "DATABASE_WORKER_URL", "worker role")
    finally:
        database.dispose()
