"""An endpoint and something that it was told, which nothing of the gateway makes alone."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID, uuid4

from sqlalchemy import Engine, insert

from app.database import utcnow
from app.records.models import WebhookDelivery
from app.tenants.models import WebhookEndpoint


def told(owner: Engine, organization_id: UUID | None, prefix: str = "") -> Mapping[str, str]:
    """Write both, as the owner of their tables; what stands in the addresses of their pages."""
    endpoint, delivery = uuid4(), uuid4()
    made = {"id": endpoint, "organization_id": organization_id, "url": "https://hooks.example"}
    with owner.begin() as connection:
        connection.execute(insert(WebhookEndpoint).values(**made, disabled_at=utcnow()))  # nothing is sent to it
        connection.execute(
            insert(WebhookDelivery).values(
                id=delivery,
                organization_id=organization_id,
                endpoint_id=endpoint,
                about_id=organization_id,
                event_id=uuid4(),
                event="upload.failed",
                due_at=utcnow(),
                deadline_at=utcnow(),
                ended_at=utcnow(),
            )
        )
    return {f"{prefix}endpoint_id": str(endpoint), f"{prefix}delivery_id": str(delivery)}
