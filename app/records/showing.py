"""An upload as those see it who handed it in: what the API answers, and what webhooks tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.records.models import Attempt, Upload


def shown(upload: Upload, *, organization: str, connection: str, attempts: Sequence[Attempt]) -> dict[str, Any]:
    """Write an upload out, as JSON has it. `organization` and `connection`: what they are called in addresses."""
    part: dict[str, Any] = upload.parts[0] if upload.parts else {}
    return {
        "id": str(upload.id),
        "state": upload.state.value,
        "provider_status": upload.provider_status,
        "organization": organization,
        "connection": connection,
        "operation": upload.operation,
        "filename": part.get("filename"),
        "size": part.get("size"),
        "sha256": part.get("sha256"),
        "reference": upload.reference,
        "external_id": upload.external_id,
        "metadata": upload.caller_metadata,
        "attempts": [_attempt(one) for one in attempts],
        "created_at": upload.created_at.isoformat(),
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "started_at": attempt.started_at.isoformat(),
        "ended_at": attempt.ended_at.isoformat() if attempt.ended_at else None,
        "outcome": attempt.outcome,
        "problem": attempt.problem,
        "provider_http_status": attempt.provider_http_status,
        "provider_code": attempt.provider_code,
    }
