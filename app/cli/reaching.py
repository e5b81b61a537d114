"""What the gateway has to reach outside: providers, a mail server, a collector of traces."""

from __future__ import annotations

import importlib.util
import socket
import ssl
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import certifi

from app import mail
from app.cli.cures import Finding, failed
from app.config import DEFAULT_PORTS, Settings
from app.database import Database
from app.delivery.egress import PORTS, Egress, EgressRefused
from app.mail import MailError
from app.providers import registry
from app.providers.base import Account
from app.tenants import connections, doors

#: What traces are sent with.
EXPORTER: Final = "opentelemetry"


def settings(settings: Settings) -> Iterator[Finding]:
    """Look at what the settings name; what is not set is not spoken of."""
    if settings.mail_url is not None:
        yield _mail(settings)
    if settings.traces_url is not None:
        yield _traces(settings.traces_url, settings.connect_seconds)


def _mail(settings: Settings) -> Finding:
    mailer = mail.mailer(settings)
    assert mailer is not None  # noqa: S101 - its settings are there, or they were refused
    try:
        mailer.check()
    except MailError as exc:
        return failed("mail", "mail-away", str(exc))
    return Finding(about="mail", detail="can be sent")


def _traces(url: str, seconds: float) -> Finding:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme]
    if importlib.util.find_spec(EXPORTER) is None:
        return failed("traces", "traces-missing", "OpenTelemetry is not installed")
    try:
        socket.create_connection((host, port), timeout=seconds).close()
    except OSError as exc:
        return failed("traces", "traces-away", f"{host}:{port} cannot be reached ({exc.strerror or 'too slow'})")
    return Finding(about="traces", detail=f"{host}:{port} can be reached")


def providers(database: Database, settings: Settings) -> Iterator[Finding]:
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
        return failed(provider, "no-sandbox", "a connection is for the sandbox, and SANDBOX_URL is not set")
    parts = urlsplit(base)
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    try:
        egress.check(base)
        address = egress.addresses(parts.scheme, host, port, seconds)[0]
        with socket.create_connection(address.sockaddr[:2], timeout=seconds) as plain:
            if parts.scheme == "https":
                ssl.create_default_context(cafile=certifi.where()).wrap_socket(plain, server_hostname=host).close()
    except EgressRefused as exc:
        origin = f"{parts.scheme}://{parts.netloc}"
        return failed(provider, "egress", f"{host}:{port} is refused: {exc}", origin=origin)
    except OSError as exc:
        why = exc.strerror or str(exc) or "too slow"
        return failed(provider, "unreachable", f"{host}:{port} cannot be reached ({why})")
    return Finding(about=provider, detail=f"{host}:{port} can be reached")
