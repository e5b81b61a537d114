"""Sends files with tuspy, as lines of JSON ask for it, and tells in a line what came of each."""

from __future__ import annotations

import json
import sys
from typing import Any

from tusclient import client  # type: ignore[import-not-found] # in an environment of its own


def send(asked: dict[str, Any]) -> str:
    """Send a file to its end, coming back as often as it takes; its address."""
    arguments = asked["arguments"]
    headers = {"Authorization": f"Bearer {asked['key']}"}
    uploader: Any = client.TusClient(asked["base_url"], headers=headers).uploader(retry_delay=0, **arguments)
    uploader.upload()
    return str(uploader.url)


def answer(line: str) -> dict[str, Any]:
    try:
        return {"ok": True, "value": send(json.loads(line))}
    except Exception as exc:  # noqa: BLE001 - whatever it is, the test is told
        return {"ok": False, "error": {"type": type(exc).__name__, "message": str(exc)}}


for line in sys.stdin:
    print(json.dumps(answer(line)), flush=True)  # noqa: T201
