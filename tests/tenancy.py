"""Tenants for tests: organizations with a row in every table, made by the functions that make them in life."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from pydantic import SecretStr
from sqlalchemy.orm import Session

from app.database import HOUSE, Database
from app.records import attempts, uploads
from app.records.models import (
    Attempt,
    Breaker,
    Copy,
    IdempotencyKey,
    OutcomeMail,
    Promise,
    Resumable,
    ResumableKind,
    Upload,
)
from app.records.states import State
from app.tenants import connections, forms, links, organizations, tokens
from app.tenants.models import Connection, Environment, Form, Link, Organization, WebhookEndpoint, WebhookSecret
from app.tenants.vault import Vault

NOW = datetime(2026, 11, 21, 14, 5, tzinfo=UTC)
KEY = "sk_user_0123456789abcdef"


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """An organization and one of everything that it can have."""

    organization: Organization
    connection: Connection
    form: Form
    link: Link
    link_token: str
    api_token: str
    upload: Upload
    attempt: Attempt
    outcome_token: str
    #: Disabled: tests that want something sent make one of their own.
    endpoint: WebhookEndpoint

    @property
    def id(self) -> UUID:
        return self.organization.id


def tenant(db: Database, vault: Vault, slug: str, *, passphrase: str | None = None, max_uses: int = 1) -> Tenant:
    """Make an organization with a connection, a form, a link, a token, and an upload that is being delivered."""
    organization = organizations.add(db, slug=slug, name=slug.title())
    with db.transaction(organization.id) as session:
        connection = connections.add(
            session,
            vault,
            organization_id=organization.id,
            provider="facturapi",
            name="facturapi",
            environment=Environment.SANDBOX,
            settings={"organization_id": "5f0"},
            credential={"key": SecretStr(KEY)},
        )
        form = forms.add(
            session,
            organization_id=organization.id,
            connection_id=connection.id,
            operation="facturapi/certificate",
            open=True,
        )
        link, link_token = links.create(
            session, form=form, expires_at=NOW + timedelta(days=1), passphrase=passphrase, max_uses=max_uses
        )
        token, api_token = tokens.create(session, organization_id=organization.id, name="tests", scopes=["uploads"])
        outcome_token, outcome_hash = uploads.new_outcome_token()
        process_id = uuid4()
        upload = uploads.begin(
            session,
            organization_id=organization.id,
            connection_id=connection.id,
            form_id=form.id,
            link_id=link.id,
            operation="facturapi/certificate",
            mode="direct",
            state=State.DELIVERING,
            process_id=process_id,
            actor=f"link:{link.id}",
            outcome_hash=outcome_hash,
            now=NOW,
        )
        attempt = attempts.start(session, upload, process_id=process_id, now=NOW)
        session.add(Copy(organization_id=organization.id, upload_id=upload.id, size=1, stored=1, sealed=b"x"))
        session.add(Promise(organization_id=organization.id, copy_id=upload.id, process_id=process_id, bytes=1))
        session.add(Breaker(organization_id=organization.id, connection_id=connection.id))
        session.add(OutcomeMail(organization_id=organization.id, upload_id=upload.id, sealed=b"x", locale="es"))
        session.add(_resumable(organization.id))
        endpoint = _endpoint(session, organization.id)
        session.add(_key(upload, token.id))
    return Tenant(
        organization=organization,
        connection=connection,
        form=form,
        link=link,
        link_token=link_token,
        api_token=api_token,
        upload=upload,
        attempt=attempt,
        outcome_token=outcome_token,
        endpoint=endpoint,
    )


def _endpoint(session: Session, organization_id: UUID) -> WebhookEndpoint:
    made = WebhookEndpoint(
        id=uuid4(),
        organization_id=organization_id,
        url="https://hooks.example",
        disabled_at=NOW,
        disabled_because="operator",
    )
    session.add(made)
    session.flush()
    session.add(WebhookSecret(organization_id=organization_id, endpoint_id=made.id, sealed=b"x"))
    return made


def _resumable(organization_id: UUID) -> Resumable:
    return Resumable(
        organization_id=organization_id,
        kind=ResumableKind.PART,
        key_hash=secrets.token_bytes(32),
        sealed=b"x",
        expires_at=NOW + timedelta(days=36_500),
    )


def _key(upload: Upload, token_id: UUID) -> IdempotencyKey:
    return IdempotencyKey(
        organization_id=upload.organization_id,
        api_token_id=token_id,
        key_hash=secrets.token_bytes(32),
        said=b"x",
        upload_id=upload.id,
        expires_at=NOW + timedelta(days=36_500),
    )


def becomes(so: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether it becomes so in time; for what tells nobody when it does."""
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while not so():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.01)
    return True


def house(db: Database, vault: Vault, name: str = "facturapi-house", key: str = KEY) -> Connection:
    """Make a house connection that lends its key."""
    with db.transaction(HOUSE) as session:
        return connections.add(
            session,
            vault,
            organization_id=None,
            provider="facturapi",
            name=name,
            environment=Environment.SANDBOX,
            settings={},
            credential={"key": SecretStr(key)},
        )


def borrow(db: Database, vault: Vault, organization_id: UUID, lender: Connection, name: str = "borrowed") -> Connection:
    """Make a connection of the organization that uses the house's credential."""
    with db.transaction(organization_id) as session:
        return connections.add(
            session,
            vault,
            organization_id=organization_id,
            provider=lender.provider,
            name=name,
            environment=Environment(lender.environment),
            settings={},
            house_connection_id=lender.id,
        )
