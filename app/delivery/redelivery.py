"""Delivers what waits: one upload after the other of an organization, from its copy in the spool.

The rows are the truth: an upload is due by its row, and whoever claims it has it. A job only wakes a worker.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app import queue
from app.delivery.jobs import deliver


def wake(session: Session, organization_id: UUID, due_at: datetime | None = None, now: datetime | None = None) -> None:
    """Let a worker look for what is due of an organization, in the transaction that made it so.

    What is due later is found by the kick of that second. Let it be the last thing that the transaction does.
    """
    if due_at is None or now is None or due_at <= now:
        queue.defer_once(session, deliver, f"deliver {organization_id}", organization=str(organization_id))
