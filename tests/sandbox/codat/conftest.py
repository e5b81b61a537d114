"""Two clients of the simulated Codat, as new for each test."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import requests

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Sandbox

KEY, STRANGER = "house:key with a colon", "another-clients-key"
ACME, EMPTY, THEIRS = (f"8a210b68-6988-11ed-a1eb-0242ac12000{n}" for n in (2, 3, 4))
BANKING, ACCOUNTING, DOCUMENTS, XERO = (f"2e9d2c44-f675-40ba-8049-353bfcb5e17{n}" for n in (1, 2, 3, 4))
SEED = {
    "codat": {
        "clients": [
            {
                "key": KEY,
                "companies": [
                    {
                        "id": ACME,
                        "name": "Acme",
                        "connections": [
                            {"id": BANKING, "kind": "banking"},
                            {"id": ACCOUNTING, "kind": "accounting"},
                            {"id": DOCUMENTS, "kind": "documents"},
                            {"id": XERO, "kind": "other"},
                        ],
                    },
                    {"id": EMPTY, "name": "Empty"},
                ],
            },
            {"key": STRANGER, "companies": [{"id": THEIRS, "name": "Theirs"}]},
        ]
    }
}


def authorization(key: str) -> str:
    """What the service's portal shows to be sent: the key as a whole."""
    return "Basic " + base64.b64encode(key.encode()).decode()


@dataclass(frozen=True, kw_only=True)
class Codat:
    """Raw HTTP to it, under its base URL."""

    base_url: str
    http: requests.Session

    def ask(self, method: str, path: str, *, key: str | None = KEY, **rest: Any) -> requests.Response:
        headers = {"Authorization": authorization(key)} if key else {}
        return self.http.request(
            method, self.base_url + path, headers=headers | rest.pop("headers", {}), timeout=20, **rest
        )

    def upload(
        self, *files: tuple[str, tuple[str | None, bytes]], connection: str = BANKING, company: str = ACME
    ) -> requests.Response:
        return self.ask("POST", f"/companies/{company}/connections/{connection}/files", files=files)

    def names(self) -> list[str]:
        """Of Acme's files."""
        return [one["fileName"] for one in self.ask("GET", f"/companies/{ACME}/files").json()]


@pytest.fixture
def codat(running: Sandbox) -> Iterator[Codat]:
    running.seed(**SEED)
    with requests.Session() as http:
        http.trust_env = False
        yield Codat(base_url=f"{running.url}/codat", http=http)
