"""Hand-ins as intake gives them, for the checks of files and fields that are there already."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import SecretStr

from app.checks import CheckResult, run
from app.intake import Collected, CollectedFile
from app.providers.operation import Field, Mode, Operation, Part

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def operation(check: str, *parts: str, fields: tuple[Field, ...] = (), max_bytes: int = 16 * 1024) -> Operation:
    return Operation(
        slug="acme/thing",
        title="A thing",
        intro="",
        modes=(Mode.DIRECT,),
        parts=tuple(Part(name=name, label=name, max_bytes=max_bytes) for name in parts),
        fields=fields,
        check=check,
    )


def file(name: str, content: bytes, filename: str = "file.bin") -> CollectedFile:
    return CollectedFile(
        name=name,
        filename=filename,
        content_type="application/octet-stream",
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def hand_in(
    wanted: Operation,
    *files: CollectedFile,
    fields: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    expected_rfc: str | None = None,
    now: datetime = NOW,
) -> CheckResult:
    hidden = {name: SecretStr(value) for name, value in (secrets or {}).items()}
    collected = Collected(fields=dict(fields or {}), secrets=hidden, files={one.name: one for one in files})
    return run(wanted, collected, secrets=hidden, expected_rfc=expected_rfc, now=now)
