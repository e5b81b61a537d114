"""Endpoints: where webhooks go, what each is told of, and the secrets that they are signed with.

All of it is in the caller's transaction, which sees one organization's endpoints, or the house's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

import tink
from pydantic import SecretStr
from sqlalchemy import delete, or_, select, tuple_, update
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.delivery.egress import Egress, EgressRefused
from app.records import audit
from app.records.events import EVENTS, PATIENCE
from app.records.models import WebhookDelivery
from app.records.searching import Place
from app.tenants.errors import BadValue
from app.tenants.models import WebhookEndpoint, WebhookSecret
from app.tenants.vault import Vault, VaultError
from app.webhooks import signing
from app.webhooks.errors import EndpointDisabled

LONGEST_URL: Final = 500
#: For how long a secret still signs that another has taken the place of.
OVERLAP: Final = timedelta(hours=24)
#: Deliveries of one page.
PAGE: Final = 100


class Because(StrEnum):
    """Why an endpoint is disabled."""

    OPERATOR = "operator"
    #: It answered that it is gone for good.
    GONE = "gone"
    #: Nothing arrived there for days.
    FAILING = "failing"


def add(
    session: Session,
    vault: Vault,
    egress: Egress,
    *,
    organization_id: UUID | None,
    url: str,
    events: Sequence[str] = (),
    actor: str,
    now: datetime,
) -> tuple[WebhookEndpoint, SecretStr]:
    """Make an endpoint that is told of `events`, without any of everything; its secret is shown this once.

    Raises BadValue, for an address that requests do not go to, too. Where its name leads is looked at each time.
    """
    _check_url(url, egress)
    endpoint = WebhookEndpoint(
        id=uuid7(), organization_id=organization_id, url=url, events=_known(events), created_at=now
    )
    session.add(endpoint)
    session.flush()
    secret = _add_secret(session, vault, endpoint, now)
    _write(session, endpoint, "webhook_endpoint.added", actor=actor, now=now, **_said(endpoint))
    return endpoint, secret


def edit(
    session: Session,
    endpoint: WebhookEndpoint,
    egress: Egress,
    *,
    url: str | None = None,
    events: Sequence[str] | None = None,
    actor: str,
    now: datetime,
) -> None:
    """Send to another address, or tell of other things, from now on; None: as it was. Raises BadValue."""
    if url is not None:
        _check_url(url, egress)
        endpoint.url = url
    if events is not None:
        endpoint.events = _known(events)
    _write(session, endpoint, "webhook_endpoint.changed", actor=actor, now=now, **_said(endpoint))


def remove(session: Session, endpoint: WebhookEndpoint, *, actor: str, now: datetime) -> None:
    """Forget an endpoint, its secrets, and what was sent there or still is to be."""
    lock(session, endpoint.id)
    for kind in (WebhookDelivery, WebhookSecret):
        session.execute(delete(kind).where(kind.endpoint_id == endpoint.id))
    session.execute(delete(WebhookEndpoint).where(WebhookEndpoint.id == endpoint.id))
    _write(session, endpoint, "webhook_endpoint.removed", actor=actor, now=now, **_said(endpoint))


def listing(session: Session) -> Sequence[WebhookEndpoint]:
    """All endpoints, oldest first."""
    return session.scalars(select(WebhookEndpoint).order_by(WebhookEndpoint.created_at, WebhookEndpoint.id)).all()


def find(session: Session, endpoint_id: UUID) -> WebhookEndpoint | None:
    """Find an endpoint."""
    return session.get(WebhookEndpoint, endpoint_id)


def lock(session: Session, endpoint_id: UUID) -> WebhookEndpoint | None:
    """Find an endpoint, which then stays as it is until the transaction ends."""
    return session.get(WebhookEndpoint, endpoint_id, with_for_update=True, populate_existing=True)


def after(session: Session, endpoint_id: UUID | None, limit: int) -> Sequence[WebhookEndpoint]:
    """At most so many endpoints, oldest first, of those behind that one."""
    wanted = select(WebhookEndpoint).order_by(WebhookEndpoint.id).limit(limit)
    return session.scalars(wanted if endpoint_id is None else wanted.where(WebhookEndpoint.id > endpoint_id)).all()


def disable(
    session: Session, endpoint: WebhookEndpoint, because: Because, *, actor: str = audit.SYSTEM, now: datetime
) -> bool:
    """Send nothing more there; what was still to be sent has failed. False if it was disabled before."""
    values = {"disabled_at": now, "disabled_because": because.value}
    changed = update(WebhookEndpoint).where(WebhookEndpoint.id == endpoint.id, WebhookEndpoint.disabled_at.is_(None))
    if session.scalar(changed.values(values).returning(WebhookEndpoint.id)) is None:
        return False
    left = update(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint.id, WebhookDelivery.ended_at.is_(None))
    session.execute(left.values(ended_at=now))
    _write(session, endpoint, "webhook_endpoint.disabled", actor=actor, now=now, because=because.value)
    return True


def enable(session: Session, endpoint: WebhookEndpoint, *, actor: str, now: datetime) -> bool:
    """Tell it again of what happens from now on; False if it was not disabled."""
    afresh = {"failures": 0, "failing_since": None, "quiet_until": None, "disabled_at": None, "disabled_because": None}
    changed = update(WebhookEndpoint).where(WebhookEndpoint.id == endpoint.id, WebhookEndpoint.disabled_at.is_not(None))
    if session.scalar(changed.values(afresh).returning(WebhookEndpoint.id)) is None:
        return False
    _write(session, endpoint, "webhook_endpoint.enabled", actor=actor, now=now)
    return True


def rotate_secret(
    session: Session,
    vault: Vault,
    endpoint: WebhookEndpoint,
    *,
    actor: str,
    now: datetime,
    overlap: timedelta = OVERLAP,
) -> SecretStr:
    """Sign with a new secret, shown this once; those before it sign too, for no longer than the `overlap`."""
    ends_at = now + overlap
    former = update(WebhookSecret).where(
        WebhookSecret.endpoint_id == endpoint.id,
        or_(WebhookSecret.ends_at.is_(None), WebhookSecret.ends_at > ends_at),
    )
    session.execute(former.values(ends_at=ends_at))
    secret = _add_secret(session, vault, endpoint, now)
    _write(session, endpoint, "webhook_endpoint.secret_rotated", actor=actor, now=now, former_until=ends_at)
    return secret


def secrets(session: Session, vault: Vault, endpoint: WebhookEndpoint, now: datetime) -> list[SecretStr]:
    """What is signed with now, the newest first; raises VaultError."""
    wanted = (
        select(WebhookSecret)
        .where(
            WebhookSecret.endpoint_id == endpoint.id,
            or_(WebhookSecret.ends_at.is_(None), WebhookSecret.ends_at > now),
        )
        .order_by(WebhookSecret.ends_at.desc().nulls_first(), WebhookSecret.id.desc())
    )
    cipher = vault.cipher(session, endpoint.organization_id)
    try:
        return [SecretStr(cipher.decrypt(one.sealed, _place(one)).decode()) for one in session.scalars(wanted)]
    except tink.TinkError:
        raise VaultError(f"A secret of webhook endpoint {endpoint.id} does not open.") from None


def deliveries(
    session: Session,
    endpoint: WebhookEndpoint,
    *,
    failed: bool = False,
    before: Place | None = None,
    limit: int = PAGE,
) -> Sequence[WebhookDelivery]:
    """What it was told and is to be told, newest first; only what failed, or came before a place, if asked."""
    at, number = WebhookDelivery.created_at, WebhookDelivery.id
    wanted = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint.id).limit(limit)
    wanted = wanted.order_by(at.desc(), number.desc())
    if before is not None:
        wanted = wanted.where(tuple_(at, number) < tuple_(*before))
    if failed:
        wanted = wanted.where(WebhookDelivery.ended_at.is_not(None), WebhookDelivery.arrived.is_(False))
    return session.scalars(wanted).all()


def redeliver(
    session: Session, endpoint: WebhookEndpoint, *, delivery_id: UUID | None = None, actor: str, now: datetime
) -> int:
    """Send a delivery once more, or without an id all that failed, each under its own id and with patience as at first;
    how many those are. Raises EndpointDisabled.
    """
    if endpoint.disabled_at is not None:
        raise EndpointDisabled
    again = update(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint.id)
    if delivery_id is not None:
        again = again.where(WebhookDelivery.id == delivery_id)
    else:
        again = again.where(WebhookDelivery.ended_at.is_not(None), WebhookDelivery.arrived.is_(False))
    values = {"tries": 0, "due_at": now, "deadline_at": now + PATIENCE, "ended_at": None, "arrived": False}
    count = len(session.scalars(again.values(values).returning(WebhookDelivery.id)).all())
    if count:
        _write(session, endpoint, "webhook_endpoint.redelivered", actor=actor, now=now, count=count)
    return count


def _check_url(url: str, egress: Egress) -> None:
    try:
        egress.check(url)
    except EgressRefused:
        raise BadValue(field="url", name="url", value=url[:80]) from None
    if len(url) > LONGEST_URL:
        raise BadValue(field="url", name="url", value=url[:80])


def _known(events: Sequence[str]) -> list[str]:
    """The same events, each once and in the order of the list of all; raises BadValue."""
    for event in events:
        if event not in EVENTS:
            raise BadValue(field="events", name="event", value=event[:80])
    return [event for event in EVENTS if event in events]


def _said(endpoint: WebhookEndpoint) -> dict[str, object]:
    """What the log says of an endpoint: of its address no more than the host, for some have a key in them."""
    return {"host": urlsplit(endpoint.url).hostname, "events": endpoint.events}


def _add_secret(session: Session, vault: Vault, endpoint: WebhookEndpoint, now: datetime) -> SecretStr:
    secret = signing.new_secret()
    row = WebhookSecret(id=uuid7(), organization_id=endpoint.organization_id, endpoint_id=endpoint.id, created_at=now)
    cipher = vault.cipher(session, endpoint.organization_id)
    row.sealed = cipher.encrypt(secret.get_secret_value().encode(), _place(row))
    session.add(row)
    session.flush()
    return secret


def _place(row: WebhookSecret) -> bytes:
    return f"ventanilla/webhook-secret/1|{row.organization_id or 'house'}|{row.endpoint_id}|{row.id}".encode()


def _write(
    session: Session, endpoint: WebhookEndpoint, action: str, *, actor: str, now: datetime, **details: object
) -> None:
    audit.write(
        session,
        organization_id=endpoint.organization_id,
        actor=actor,
        action=action,
        subject=endpoint,
        details=details,
        now=now,
    )
