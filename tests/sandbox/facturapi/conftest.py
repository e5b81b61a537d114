"""An account at the simulated Facturapi, as new for each test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import requests

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Sandbox

USER, LIVE, TEST = "sk_user_house", "sk_live_acme_one", "sk_test_acme"
ACME, OTHER = "5a2a307be93a2f00129ea035", "5a2a307be93a2f00129ea036"
SEED = {
    "facturapi": {
        "user_keys": [USER],
        "organizations": [
            {"id": ACME, "name": "Acme", "live_keys": [LIVE], "test_key": TEST},
            {"id": OTHER, "name": "Other", "live_keys": ["sk_live_other"], "test_key": "sk_test_other"},
        ],
    }
}


@dataclass(frozen=True, kw_only=True)
class Facturapi:
    """Raw HTTP to it, under its base URL."""

    base_url: str
    http: requests.Session

    def ask(self, method: str, path: str, *, key: str | None = USER, **rest: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return self.http.request(
            method, self.base_url + path, headers=headers | rest.pop("headers", {}), timeout=20, **rest
        )

    def organization(self) -> dict[str, Any]:
        """Acme, as it is shown now."""
        shown: dict[str, Any] = self.ask("GET", f"/organizations/{ACME}").json()
        return shown


@pytest.fixture
def facturapi(running: Sandbox) -> Iterator[Facturapi]:
    running.seed(**SEED)
    with requests.Session() as http:
        http.trust_env = False
        yield Facturapi(base_url=f"{running.url}/facturapi/v2", http=http)
