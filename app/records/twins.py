"""Uploads that look like the same, sent twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.records.models import Attempt, Upload
from app.records.states import State


def unknown(
    session: Session,
    *,
    api_token_id: UUID,
    connection_id: UUID,
    operation: str,
    sha256s: Sequence[str | None],
    target: str,
    since: datetime,
) -> UUID | None:
    """The newest upload of that token, target and content of which nobody knows since then whether it arrived."""
    wanted = (
        select(Upload, Attempt)
        .join(Attempt, Attempt.upload_id == Upload.id)
        .where(
            Upload.api_token_id == api_token_id,
            Upload.connection_id == connection_id,
            Upload.operation == operation,
            Upload.state == State.UNKNOWN,
            Upload.updated_at >= since,
        )
        .order_by(Upload.created_at.desc(), Upload.id.desc())
    )
    for upload, attempt in session.execute(wanted):
        same = [part.get("sha256") for part in upload.parts] == list(sha256s)
        if same and attempt.baseline.get("target") == target:
            return upload.id
    return None
