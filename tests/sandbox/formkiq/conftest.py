"""An installation of the simulated FormKiQ, with keys as new for each test."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.servers import Sandbox

WRITER, READER, BOTH = "key-of-default-and-legal", "key-that-only-reads", "key-of-one-site"
SEED = {
    "formkiq": {
        "api_keys": [
            {"key": WRITER, "sites": {"default": "write", "legal": "read"}},
            {"key": READER, "sites": {"default": "read"}},
            {"key": BOTH, "sites": {"finance": "write"}},
        ],
        "users": [{"refresh_token": "refresh-me", "client_id": "client", "groups": ["default", "legal_read"]}],
    }
}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def send(method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    """A request whose address goes out as it stands here; with no headers but these, `Host` and `Content-Length`."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    try:
        connection.request(method, url.removeprefix(f"{parts.scheme}://{parts.netloc}"), body, dict(headers or {}))
        reply = connection.getresponse()
        return Answer(status=reply.status, headers=reply.headers, body=reply.read())
    finally:
        connection.close()


@dataclass(frozen=True, kw_only=True)
class Formkiq:
    """Raw HTTP to it, under either of its base URLs."""

    running: Sandbox

    def ask(
        self,
        method: str,
        path: str,
        data: Any = None,
        *,
        auth: str | None = WRITER,
        base: str = "",
        **query: Any,
    ) -> Answer:
        headers = {"Authorization": auth} if auth else {}
        body = None if data is None else data if isinstance(data, bytes) else json.dumps(data).encode()
        asked = f"?{urlencode(query)}" if query else ""
        return send(method, f"{self.running.url}/formkiq{base}{path}{asked}", body, headers)

    def token(self, *groups: str, use: str = "access", seconds: float = 3600) -> str:
        asked = {"groups": list(groups), "use": use, "seconds": seconds}
        token: str = self.running.control("POST", "/formkiq/token", asked)["token"]
        return token

    def switch(self, **switches: Any) -> None:
        self.running.control("PUT", "/formkiq/switches", switches)

    def upload(self, data: Any = None, **query: Any) -> dict[str, Any]:
        """Ask for an address to put a document to."""
        answer = self.ask("POST", "/documents/upload", data or {}, **query)
        assert answer.status == 201, answer.body
        made: dict[str, Any] = answer.json
        return made


@pytest.fixture
def formkiq(running: Sandbox) -> Iterator[Formkiq]:
    running.seed(**SEED)
    running.control("DELETE", "/formkiq/switches")
    yield Formkiq(running=running)
    running.control("DELETE", "/formkiq/switches")
