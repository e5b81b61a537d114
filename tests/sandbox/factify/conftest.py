"""Two accounts at the simulated Factify, as new for each test."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.servers import Sandbox

KEY, STRANGER = "ffy_test_acme", "ffy_test_stranger"
SEED = {
    "factify": {
        "accounts": [
            {"key": KEY, "organization": "Acme", "quota": 0},
            {"key": STRANGER, "organization": "Stranger", "quota": 2},
        ]
    }
}
PDF = b"%PDF-1.4\nacme\n%%EOF\n"


@dataclass(frozen=True, kw_only=True)
class Factify:
    """Raw HTTP to it, under its base URL; and its control addresses."""

    base_url: str
    http: requests.Session
    sandbox: Sandbox

    def ask(self, method: str, path: str, *, key: str | None = KEY, **rest: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return self.http.request(
            method, f"{self.base_url}/v1beta{path}", headers=headers | rest.pop("headers", {}), timeout=20, **rest
        )

    def upload(self, path: str = "/documents", *, key: str = KEY, **parts: Any) -> requests.Response:
        """Send a form: texts, and whatever else `requests` takes for a file; None leaves a part out."""
        form = {"title": "Contrato", "payload": ("contrato.pdf", PDF, "application/pdf")} | parts
        files = [(name, part if isinstance(part, tuple) else (None, part)) for name, part in form.items() if part]
        return self.ask("POST", path, key=key, files=files)

    def document(self, **parts: Any) -> dict[str, Any]:
        """A document that was just created."""
        answer = self.upload(**parts)
        assert answer.status_code == 200, answer.text
        made: dict[str, Any] = answer.json()["document"]
        return made

    def get(self, path: str, **rest: Any) -> Any:
        """What is answered when all is well."""
        answer = self.ask("GET", path, **rest)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, data: Any = None, **rest: Any) -> Any:
        """What is answered when all is well."""
        answer = self.ask("POST", path, json={} if data is None else data, **rest)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def control(self, path: str, **data: Any) -> Any:
        return self.sandbox.control("POST", f"/factify{path}", data)

    def sign_in(self, **who: str) -> tuple[str, str]:
        """Somebody's token and id."""
        signed = self.control("/token", **who)
        return signed["token"], signed["user"]["id"]

    def titles(self, query: str = "", **rest: Any) -> list[str]:
        """Of the documents that a list gives."""
        return [one["title"] for one in self.get(f"/documents{query}", **rest)["items"]]


@pytest.fixture
def factify(running: Sandbox) -> Iterator[Factify]:
    running.seed(**SEED)
    with requests.Session() as http:
        http.trust_env = False
        yield Factify(base_url=f"{running.url}/factify", http=http, sandbox=running)


def refusal(answer: requests.Response) -> tuple[int, str, str | None]:
    """Status, code and reason of an answer that refuses."""
    body = answer.json()
    return answer.status_code, body["code"], body["details"][0].get("reason")


def fetch(url: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
    """What is at a presigned address, asked for byte for byte: `requests` would write it another way."""
    target = urlsplit(url)
    connection = http.client.HTTPConnection(target.netloc, timeout=20)
    try:
        connection.request("GET", f"{target.path}?{target.query}", headers=dict(headers or {}))
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()
