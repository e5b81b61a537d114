"""Events: what the audit log tells of that others are told, too, and to which of their endpoints.

An entry is one event or none, and whoever seals it writes in the same transaction what is to be sent of it: nothing is
written while something is handed in, nothing is forgotten, nothing is sent that did not happen, and the order is the
log's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.records.models import AuditEntry, WebhookDelivery
from app.records.states import MOVING, State
from app.tenants.models import WebhookEndpoint

#: For how long it is tried to tell of something.
PATIENCE: Final = timedelta(hours=24)
#: An upload's first entry, where that is not its end already.
RECEIVED: Final = "upload.received"
BEGINNINGS: Final = frozenset(f"upload.{state}" for state in MOVING)
#: What the log says → what others are told.
TOLD: Final[Mapping[str, str]] = MappingProxyType(
    {f"upload.{state}": f"upload.{state}" for state in State if state not in MOVING}
    | {name: name for name in ("upload.processed", "upload.processing_failed", "certificate.expiring")}
    | {"connection.paused": "connection.paused", "connection.resumed": "connection.restored"}
)
#: Everything that there is to be told of.
EVENTS: Final = (RECEIVED, *TOLD.values())


def event_of(entry: AuditEntry) -> str | None:
    """What others are told of that; None: nothing."""
    if entry.action in BEGINNINGS:
        return RECEIVED if "from" not in entry.details else None
    return TOLD.get(entry.action)


def derive(session: Session, about: UUID | None, entries: Sequence[AuditEntry], now: datetime) -> None:
    """Write what is to be sent of these entries, in their order. `session` sees the worker's: the organization's
    endpoints, and the house's, which are told of all organizations.
    """
    events = [(entry, event) for entry in entries if (event := event_of(entry))]
    if not events:
        return
    endpoints = session.scalars(select(WebhookEndpoint).where(WebhookEndpoint.disabled_at.is_(None))).all()
    if rows := [row for entry, event in events for row in _deliveries(endpoints, about, entry, event, now)]:
        session.execute(insert(WebhookDelivery), rows)


def _deliveries(
    endpoints: Sequence[WebhookEndpoint], about: UUID | None, entry: AuditEntry, event: str, now: datetime
) -> Iterator[dict[str, Any]]:
    for endpoint in endpoints:
        if not endpoint.events or event in endpoint.events:
            yield {
                "id": uuid7(),
                "organization_id": endpoint.organization_id,
                "endpoint_id": endpoint.id,
                "about_id": about,
                "event_id": entry.id,
                "event": event,
                "due_at": now,
                "deadline_at": now + PATIENCE,
                "created_at": now,
            }
