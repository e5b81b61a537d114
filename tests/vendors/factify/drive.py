"""Makes calls with the vendor's own client, as lines of JSON ask for them, and tells in a line what came of each."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from operator import attrgetter
from typing import Any

from factify import Factify  # type: ignore[import-not-found] # in an environment of its own
from factify.utils import BackoffStrategy, RetryConfig  # type: ignore[import-not-found]

#: The package tries again only where it is told to; then soon, for some seconds.
RETRIES = RetryConfig("backoff", BackoffStrategy(50, 400, 1.5, 15_000), retry_connection_errors=True)


def make(asked: dict[str, Any]) -> Any:
    """One call, such as `documents.list`; with `every_page`, all items of all pages that its `next` leads to.

    With `retries` it is tried again, by the package's own policy.
    """
    arguments = asked["arguments"]
    if asked["method"] == "methods":
        return methods()
    every_page = arguments.pop("every_page", False)
    if arguments.pop("retries", False):
        arguments["retries"] = RETRIES
    with Factify(bearer_auth=asked["key"], server_url=asked["base_url"]) as client:
        got = attrgetter(asked["method"])(client)(**arguments)
        if asked["method"].endswith("_async"):
            got = asyncio.run(got)
        if not every_page:
            return got.result.model_dump(mode="json", by_alias=True)
        items = []
        while got is not None:
            items += [one.model_dump(mode="json", by_alias=True) for one in got.result.items]
            got = got.next()
        return items


def methods() -> list[str]:
    """All calls that the package can make; each has an asynchronous twin."""
    client = Factify(bearer_auth="")
    resources = {path: getattr(client, path) for path in client._sub_sdk_map}
    resources |= {f"organizations.{path}": getattr(client.organizations, path) for path in ("invites", "members")}
    return [
        f"{path}.{name}"
        for path, resource in resources.items()
        for name in vars(type(resource))
        if hasattr(resource, f"{name}_async")
    ]


def failure(exc: Exception) -> dict[str, Any]:
    """An exception of the client's, with all that it says."""
    told: dict[str, Any] = {"type": type(exc).__name__, "module": type(exc).__module__, "text": str(exc)}
    if hasattr(exc, "data"):
        told["data"] = exc.data.model_dump(mode="json", by_alias=True)
    if hasattr(exc, "headers"):
        told["headers"] = dict(exc.headers)
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
