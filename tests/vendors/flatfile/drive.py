"""Makes calls with the vendor's own client, as lines of JSON ask for them, and tells in a line what came of each."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import tempfile
from typing import Any

import flatfile  # type: ignore[import-not-found] # in an environment of its own


def make(asked: dict[str, Any]) -> Any:
    """One call, as `files.upload`; after `async:` by the asynchronous client."""
    arguments = {name: file(value) if name == "file" else value for name, value in asked["arguments"].items()}
    kind, _, method = asked["method"].rpartition(":")
    client_class = flatfile.AsyncFlatfile if kind == "async" else flatfile.Flatfile
    call: Any = client_class(token=asked["key"], base_url=asked["base_url"])
    for name in method.split("."):
        call = getattr(call, name)
    if kind == "async":
        return asyncio.run(awaited(call(**arguments)))
    got: Any = call(**arguments)
    return shown(b"".join(got) if hasattr(got, "__next__") else got)


async def awaited(got: Any) -> Any:
    """The result of a call of the asynchronous client."""
    if hasattr(got, "__aiter__"):
        return shown(b"".join([block async for block in got]))
    return shown(await got)


def file(value: Any) -> Any:
    """A file as it may be given: bytes, a tuple, or an opened one (`{"name": …, "megabytes": …}`)."""
    if isinstance(value, dict):
        opened = tempfile.TemporaryFile()  # noqa: SIM115 - it goes with the process
        for _ in range(value["megabytes"]):
            opened.write(bytes(1 << 20))
        opened.seek(0)
        return (value["name"], opened)
    return tuple(value) if isinstance(value, list) else value


def shown(got: Any) -> Any:
    """A result as JSON has it."""
    if isinstance(got, bytes):
        return {"$base64": base64.b64encode(got).decode()}
    return json.loads(got.json())


def failure(exc: Exception) -> dict[str, Any]:
    """An exception of the client's, with all that it says."""
    body: Any = getattr(exc, "body", None)
    return {
        "type": type(exc).__name__,
        "is_api_error": isinstance(exc, flatfile.core.ApiError),
        "status_code": getattr(exc, "status_code", None),
        "body": shown(body) if hasattr(body, "json") else body,
    }


def given(value: dict[str, Any]) -> Any:
    return base64.b64decode(value["$base64"]) if value.keys() == {"$base64"} else value


for line in sys.stdin:
    try:
        answer = {"ok": True, "value": make(json.loads(line, object_hook=given))}
    except Exception as exc:  # noqa: BLE001 - whatever it raises is what is asked for
        answer = {"ok": False, "error": failure(exc)}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
