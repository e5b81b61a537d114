"""Two accounts at the simulated Flatfile, as new for each test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import requests

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Sandbox

KEY, STRANGER = "sk_acme", "sk_stranger"
DEV, PROD, SPACE, OTHER = "us_env_dev", "us_env_prod", "us_sp_march", "us_sp_april"
SEED = {
    "flatfile": {
        "accounts": [
            {
                "key": KEY,
                "environments": [{"id": DEV, "name": "dev"}, {"id": PROD, "name": "prod"}],
                "spaces": [
                    {"id": SPACE, "name": "March import", "environment_id": DEV},
                    {"id": OTHER, "name": "April import", "environment_id": PROD},
                ],
            },
            {"key": STRANGER},
        ]
    }
}


@dataclass(frozen=True, kw_only=True)
class Flatfile:
    """Raw HTTP to it, under its base URL."""

    base_url: str
    http: requests.Session

    def ask(self, method: str, path: str, *, key: str | None = KEY, **rest: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return self.http.request(
            method, self.base_url + path, headers=headers | rest.pop("headers", {}), timeout=20, **rest
        )

    def upload(self, content: bytes = b"a,b\n1,2\n", name: str = "orders.csv", **parts: str | None) -> dict[str, Any]:
        """A file in the March import; a part of None is left out."""
        answer = self.send(content, name, **parts)
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()["data"]
        return shown

    def send(self, content: bytes = b"a,b\n1,2\n", name: str = "orders.csv", **parts: str | None) -> requests.Response:
        given = {"spaceId": SPACE, "environmentId": DEV} | parts
        texts = [(name, (None, value)) for name, value in given.items() if value is not None]
        return self.ask("POST", "/files", files=[*texts, ("file", (name, content, "text/csv"))])

    def listed(self, query: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("GET", f"/files{query}").json()["data"]
        return found


@pytest.fixture
def flatfile(running: Sandbox) -> Iterator[Flatfile]:
    running.seed(**SEED)
    with requests.Session() as http:
        http.trust_env = False
        yield Flatfile(base_url=f"{running.url}/flatfile/v1", http=http)
