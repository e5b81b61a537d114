"""After a backup was brought back: what had not ended when it was made may have arrived since, and nobody knows.

Each such upload gets an attempt that nobody knows the end of. So whoever takes it up looks at the provider before
anything is sent again, and what has no copy becomes `unknown` rather than failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.database import Database, enter
from app.records import attempts, audit, uploads
from app.records.models import Attempt, Upload
from app.records.states import MOVING, State

#: Uploads that one transaction looks at.
BATCH: Final = 100
#: What is said of such an attempt.
UNCONFIRMED: Final = "unconfirmed"
NOT_ENDED: Final = MOVING | {State.WAITING}


def doubt(owner: Database, now: datetime) -> int:
    """Doubt everything that had not ended; how much that was. A second time changes nothing. `owner`: the tables'."""
    done, last = 0, UUID(int=0)
    while True:
        wanted = select(Upload).where(Upload.state.in_(NOT_ENDED), Upload.id > last).order_by(Upload.id).limit(BATCH)
        with owner.doors() as session:
            found: Sequence[Upload] = session.scalars(wanted).all()
            for upload in found:
                enter(session, upload.organization_id)
                done += _doubt(session, upload, now)
        if not found:
            return done
        last = found[-1].id


def _doubt(session: Session, upload: Upload, now: datetime) -> bool:
    last = attempts.last(session, upload.id)
    if last is not None and last.outcome == attempts.UNKNOWN:
        return False
    if last is None or last.ended_at is not None:
        last = Attempt(
            id=uuid7(),
            organization_id=upload.organization_id,
            upload_id=upload.id,
            number=last.number + 1 if last else 1,
            process_id=upload.process_id,
            started_at=upload.created_at,  # whatever may be there came after that
            baseline=last.baseline if last else {},
        )
        session.add(last)
    last.completing_at = last.completing_at or now
    last.ended_at, last.outcome, last.problem = now, attempts.UNKNOWN, UNCONFIRMED
    session.flush()
    if upload.state is State.RECEIVING:  # as far as was known
        uploads.change(session, upload, State.DELIVERING, actor=audit.SYSTEM, now=now)
    return True
