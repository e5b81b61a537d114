"""Reads answers that may hold anything: what is there and of the right kind, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

from app.providers.wire import Answer, Reply


def body(answer: Answer) -> Mapping[str, Any]:
    """The object that a good answer holds; empty where there is none."""
    return answer.json if isinstance(answer, Reply) and answer.ok and isinstance(answer.json, dict) else {}


def complaint(answer: Answer) -> Mapping[str, Any]:
    """The object that says what is wrong; empty where there is none."""
    return answer.json if isinstance(answer, Reply) and not answer.ok and isinstance(answer.json, dict) else {}


def block(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object within an object; empty where there is none."""
    found = data.get(name)
    return found if isinstance(found, dict) else {}


def objects(value: Any) -> list[Mapping[str, Any]] | None:
    """The objects in a list; None where it is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else None


def text(data: Mapping[str, Any], name: str) -> str | None:
    """A text that is there and not blank; None for anything else."""
    value = data.get(name)
    return value if isinstance(value, str) and value.strip() else None


def moment(data: Mapping[str, Any], name: str, *, zone: tzinfo | None = None) -> datetime | None:
    """A moment with its zone, or in `zone` where it names none; None for anything else."""
    try:
        found = datetime.fromisoformat(text(data, name) or "")
    except ValueError:
        return None
    if found.tzinfo is None and zone is not None:
        return found.replace(tzinfo=zone)
    return found if found.tzinfo else None
