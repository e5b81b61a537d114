"""Makes calls with the vendor's own client, as lines of JSON ask for them, and tells in a line what came of each."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from typing import Any

from codat_files import CodatFiles  # type: ignore[import-not-found] # in an environment of its own
from codat_files.utils import BackoffStrategy, RetryConfig  # type: ignore[import-not-found]

ONCE = RetryConfig("none", BackoffStrategy(1, 1, 1, 1), retry_connection_errors=False)


def make(asked: dict[str, Any]) -> Any:
    """One call. `retries: "default"` leaves the client's own policy on, which goes on for an hour."""
    arguments, method = asked["arguments"], asked["method"]
    client = CodatFiles(auth_header=asked["key"], server_url=asked["base_url"])
    retries = {} if arguments.pop("retries", None) == "default" else {"retries": ONCE}
    call = getattr(client.files, method)
    got = call(request=arguments, **retries)
    if method.endswith("_async"):
        return asyncio.run(awaited(got))
    return shown(got, got.read() if method == "download_files" else None)


async def awaited(call: Any) -> Any:
    """The result of a call of the asynchronous client."""
    got = await call
    return shown(got, await got.aread() if hasattr(got, "aread") else None)


def shown(got: Any, content: bytes | None) -> Any:
    """A result as JSON has it."""
    if content is not None:
        return {"$base64": base64.b64encode(content).decode()}
    return got if got is None else [one.model_dump(mode="json", by_alias=True) for one in got]


def failure(exc: Exception) -> dict[str, Any]:
    """An exception of the client's, with all that it says."""
    told: dict[str, Any] = {"type": type(exc).__name__, "module": type(exc).__module__, "text": str(exc)}
    if hasattr(exc, "data"):
        told["data"] = exc.data.model_dump(mode="json", by_alias=True)
    return told | {name: getattr(exc, name) for name in ("status_code", "body") if hasattr(exc, name)}


def given(value: dict[str, Any]) -> Any:
    return base64.b64decode(value["$base64"]) if value.keys() == {"$base64"} else value


for line in sys.stdin:
    try:
        answer = {"ok": True, "value": make(json.loads(line, object_hook=given))}
    except Exception as exc:  # noqa: BLE001 - whatever it raises is what is asked for
        answer = {"ok": False, "error": failure(exc)}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
