"""What a webhook says: what happened, when, and how that which it happened to stands now."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy.orm import Session

from app.records import attempts, receipts, showing, uploads
from app.records.models import AuditEntry, Upload
from app.tenants import organizations
from app.tenants.models import Connection, WebhookEndpoint

#: What is sent with a certificate's event and kept nowhere: where the next one is handed in.
LINK: Final = "link"
#: Asked for by whoever wants to see one arrive.
TEST: Final = "webhook.test"


def write(session: Session, entry: AuditEntry, event: str) -> str:
    """The body that tells of an entry of the audit log. `session` sees the rows of whose log that is."""
    return document(event, receipts.moment(entry.at), DATA[event.partition(".")[0]](session, entry))


def test(entry: AuditEntry, endpoint: WebhookEndpoint) -> str:
    """The body of a webhook that tells of nothing."""
    return document(TEST, receipts.moment(entry.at), {"endpoint": str(endpoint.id)})


def document(event: str, timestamp: str, data: Mapping[str, Any]) -> str:
    said = {"type": event, "timestamp": timestamp, "data": data}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def with_link(body: str, address: str | None) -> str:
    """A body that was kept, as it is sent: with the link that it brings."""
    told = json.loads(body)
    return document(told["type"], told["timestamp"], told["data"] | {LINK: address})


def _upload(session: Session, entry: AuditEntry) -> dict[str, Any]:
    upload = uploads.get(session, entry.subject_id)
    return showing.shown(
        upload,
        organization=organizations.get(session, upload.organization_id).slug,
        connection=session.get_one(Connection, upload.connection_id).name,
        attempts=attempts.listing(session, upload.id),
    )


def _connection(session: Session, entry: AuditEntry) -> dict[str, Any]:
    connection = session.get_one(Connection, entry.subject_id)
    return _of(session, connection) | {"because": entry.details.get("because")}


def _certificate(session: Session, entry: AuditEntry) -> dict[str, Any]:
    upload = session.get_one(Upload, entry.subject_id)
    told = {name: entry.details.get(name) for name in ("number", "not_after", "days")}
    of = _of(session, session.get_one(Connection, upload.connection_id))
    return of | {"operation": upload.operation, "upload": str(upload.id)} | told | {LINK: None}


def _of(session: Session, connection: Connection) -> dict[str, Any]:
    owner = connection.organization_id
    return {
        "organization": organizations.get(session, owner).slug if owner else None,
        "connection": connection.name,
        "provider": connection.provider,
        "environment": connection.environment.value,
    }


#: What an event's name begins with → how what it is about is written.
DATA: Final[Mapping[str, Callable[[Session, AuditEntry], dict[str, Any]]]] = MappingProxyType(
    {"upload": _upload, "connection": _connection, "certificate": _certificate}
)
