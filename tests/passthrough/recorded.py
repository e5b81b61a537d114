"""What a provider was sent, without what has to differ: who asks, and what is between two neighbours."""

from __future__ import annotations

from typing import Any

from tests.passthrough.desk import Desk

#: Headers that say where to and between whom, and not what.
HOPS = {"host", "connection", "authorization"}


def recorded(desk: Desk, provider: str, key: str) -> list[dict[str, Any]]:
    """Requests since this was last asked, of whoever showed that key; forgets them."""
    sandbox = desk.house.sandbox
    entries = [one for one in sandbox.ledger(provider) if key in one["authorization"]]
    sandbox.control("DELETE", "/ledger")
    return [_told(entry) for entry in entries]


def _told(entry: dict[str, Any]) -> dict[str, Any]:
    headers = {name.lower(): value for name, value in entry["headers"].items() if name.lower() not in HOPS}
    content_type, _, boundary = headers.get("content-type", "").partition("; boundary=")
    told = {name: entry[name] for name in ("method", "path", "query", "complete", "parts", "authorization")}
    if not boundary:
        return told | {"headers": headers, "bytes": entry["bytes"], "sha256": entry["sha256"]}
    length = int(headers.pop("content-length"))  # every client draws a boundary of its own
    return told | {"headers": headers | {"content-type": content_type}, "bytes": length - len(boundary)}
