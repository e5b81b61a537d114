"""Who sends what: an endpoint is one worker's for a while, and so is each delivery."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from app.delivery import backoff
from app.delivery.backoff import Chance
from app.records.models import WebhookDelivery
from app.tenants.models import WebhookEndpoint

#: For how long something is in hand that nobody lets go: longer than anything takes that is sent.
IN_HAND: Final = timedelta(seconds=60)
#: Endpoints of one owner that workers have in hand at once: room is left for others, however slow these are.
ENDPOINTS_AT_ONCE: Final = 3


def endpoint(
    session: Session, now: datetime, *, slow: Collection[UUID] = (), in_doubt: bool = True
) -> WebhookEndpoint | None:
    """Take the session's owner's endpoint in hand whose next delivery is due for longest.

    Without `in_doubt` only one whose last try came to something, and that is not known to be `slow`.
    """
    held = select(func.count()).where(WebhookEndpoint.held_until > now)
    if session.scalars(held).one() >= ENDPOINTS_AT_ONCE:
        return None
    due = select(func.min(WebhookDelivery.due_at)).where(
        WebhookDelivery.endpoint_id == WebhookEndpoint.id,
        WebhookDelivery.ended_at.is_(None),
        WebhookDelivery.due_at <= now,
    )
    oldest = due.correlate(WebhookEndpoint).scalar_subquery()
    wanted = (
        select(WebhookEndpoint)
        .where(
            WebhookEndpoint.disabled_at.is_(None),
            or_(WebhookEndpoint.held_until.is_(None), WebhookEndpoint.held_until <= now),
            or_(WebhookEndpoint.quiet_until.is_(None), WebhookEndpoint.quiet_until <= now),
            oldest.is_not(None),
        )
        .order_by(oldest, WebhookEndpoint.id)
        .limit(1)
        .with_for_update(skip_locked=True, key_share=True)
    )
    if not in_doubt:
        wanted = wanted.where(WebhookEndpoint.failures == 0, WebhookEndpoint.id.not_in(list(slow)))
    taken = session.scalars(wanted).one_or_none()
    if taken is not None:
        taken.held_until = now + IN_HAND
    return taken


def delivery(
    session: Session, endpoint_id: UUID, now: datetime, chance: Chance = backoff.ANY
) -> WebhookDelivery | None:
    """Take the endpoint's next delivery that is due in hand, the oldest; None if there is none, or it was disabled.

    Whoever dies with it leaves it to be tried again. The endpoint's row is locked first, as by everybody.
    """
    hold = update(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id, WebhookEndpoint.disabled_at.is_(None))
    if session.scalar(hold.values(held_until=now + IN_HAND).returning(WebhookEndpoint.id)) is None:
        return None
    wanted = (
        select(WebhookDelivery)
        .where(
            WebhookDelivery.endpoint_id == endpoint_id,
            WebhookDelivery.ended_at.is_(None),
            WebhookDelivery.due_at <= now,
        )
        .order_by(WebhookDelivery.created_at, WebhookDelivery.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    taken = session.scalars(wanted).one_or_none()
    if taken is not None:
        taken.tries += 1
        taken.due_at = backoff.due(now + IN_HAND, taken.tries, chance=chance)
    return taken


def let_go(session: Session, endpoint_id: UUID) -> None:
    """Leave an endpoint to whoever comes next."""
    session.execute(update(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id).values(held_until=None))
