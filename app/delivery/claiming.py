"""Who works on which upload that waits: the one that is due for longest, and never more at once than a fair share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Select, and_, func, or_, select, text
from sqlalchemy.orm import Session, aliased

from app.delivery import breaker
from app.records.models import Breaker, Process, Upload
from app.records.states import State
from app.tenants.models import Connection

#: One at a time of an organization claims, so that no limit is overrun; it is a matter of milliseconds.
IN_TURN: Final = text("SELECT pg_advisory_xact_lock(hashtext('ventanilla claim'), hashtext(:organization))")
#: Uploads beside the one that is looked at.
HELD: Final = aliased(Upload)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How many uploads all workers together have in hand at most."""

    of_connection: int = 4
    of_organization: int = 8


def next_due(session: Session, organization_id: UUID, now: datetime, share: Share) -> Upload | None:
    """Lock the organization's next upload that may be tried now; None where there is none.

    What is in hand of it, or is being changed by somebody at this moment, is passed over. The caller moves it on in the
    same transaction.
    """
    session.execute(IN_TURN, {"organization": str(organization_id)})
    refused: list[UUID] = []
    while True:
        wanted = _due(now, share).where(Upload.connection_id.not_in(refused))
        upload = session.scalars(wanted.with_for_update(of=Upload, skip_locked=True)).one_or_none()
        if upload is None or breaker.allows(session, upload.connection_id, now):
            return upload
        refused.append(upload.connection_id)  # somebody else became its probe


def is_more_due(session: Session, now: datetime, share: Share) -> bool:
    """Whether another upload of the session's organization may be tried now."""
    return session.scalars(_due(now, share)).first() is not None


def count_in_hand(session: Session) -> int:
    """How many uploads of the session's organization workers have in hand."""
    return session.scalars(_in_hand()).one()


def given_up(session: Session, now: datetime, limit: int) -> Sequence[Upload]:
    """Lock uploads that waited for long enough behind an open breaker: others were tried in their place."""
    wanted = (
        select(Upload)
        .join(Connection, Connection.id == Upload.connection_id)
        .join(Breaker, Breaker.connection_id == Upload.connection_id)
        .where(
            Upload.state == State.WAITING,
            Upload.deadline_at <= now,
            Connection.paused_at.is_(None),
            Breaker.open_until > now,
            Breaker.probing.is_(False),
        )
        .order_by(Upload.id)
        .limit(limit)
    )
    return session.scalars(wanted.with_for_update(of=Upload, skip_locked=True)).all()


def _due(now: datetime, share: Share) -> Select[Upload]:
    """The organization's upload that is due for longest, of those that a worker may take up.

    Connections are judged once each, and not for every upload that waits for one.
    """
    in_hand = _in_hand()
    of_connection = in_hand.where(HELD.connection_id == Connection.id).correlate(Connection).scalar_subquery()
    usable = (
        select(Connection.id)
        .outerjoin(Breaker, Breaker.connection_id == Connection.id)
        .where(
            Connection.paused_at.is_(None),
            or_(Breaker.open_until.is_(None), Breaker.open_until <= now),
            of_connection < share.of_connection,
        )
    )
    return (
        select(Upload)
        .where(
            Upload.state == State.WAITING,
            Upload.due_at <= now,
            Upload.connection_id.in_(usable),
            in_hand.scalar_subquery() < share.of_organization,
        )
        .order_by(Upload.due_at, Upload.id)
        .limit(1)
    )


def _in_hand() -> Select[int]:
    return (
        select(func.count())
        .select_from(HELD)
        .join(Process, and_(Process.id == HELD.process_id, Process.kind == "worker"))
        .where(HELD.state == State.DELIVERING)
    )
