"""Room in the spool, by organization: what its copies take up, and what is promised to files that are being written.

Promises are rows, so that all nodes count the same ones. A file that is whole counts by its own row from the moment
that is committed, and its promise no more; nor does one that a process made which has died.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.database import utcnow
from app.records.models import Process, Promise
from app.records.processes import DEAD_AFTER
from app.tenants.models import Organization

#: Of the session's organization, in bytes. A part of a file that was joined lies in the joined one, and what has become
#: a copy is one.
TAKEN: Final = text("""
    SELECT (SELECT coalesce(sum(c.stored), 0) FROM copies c)
        + (SELECT coalesce(sum(CAST(part ->> 'stored' AS bigint)), 0)
           FROM resumables r, jsonb_array_elements(r.parts) part
           WHERE r.whole_id IS NULL AND NOT EXISTS (SELECT FROM copies c WHERE c.upload_id = r.upload_id))
        + (SELECT coalesce(sum(p.bytes), 0) FROM spool_promises p
           WHERE NOT EXISTS (SELECT FROM copies c WHERE c.upload_id = p.copy_id))
""")


def taken(session: Session) -> int:
    """Bytes of the spool that the session's organization takes up, or was promised."""
    return int(session.scalars(TAKEN).one())


def promise(session: Session, organization_id: UUID, copy_id: UUID, size: int, *, most: int, process_id: UUID) -> bool:
    """Promise room for so many bytes more of a copy; False where that would be more than `most` in all.

    Whoever wants some for the same organization waits until the transaction ends, and counts this one then.
    """
    mine = select(Organization.id).where(Organization.id == organization_id)
    session.execute(mine.with_for_update(key_share=True))
    living = select(Process.id).where(Process.beat_at > func.clock_timestamp() - DEAD_AFTER)
    session.execute(
        delete(Promise).where(Promise.process_id != process_id, Promise.process_id.not_in(living)),
        execution_options={"synchronize_session": False},
    )
    if taken(session) + size > most:
        return False
    row = insert(Promise).values(
        organization_id=organization_id, copy_id=copy_id, process_id=process_id, bytes=size, created_at=utcnow()
    )
    session.execute(
        row.on_conflict_do_update(
            index_elements=[Promise.organization_id, Promise.copy_id],
            set_={"bytes": Promise.bytes + row.excluded.bytes, "process_id": process_id},
        )
    )
    return True


def drop(session: Session, copy_id: UUID) -> None:
    """Take back what was promised to a copy; does nothing where nothing was."""
    session.execute(delete(Promise).where(Promise.copy_id == copy_id))
