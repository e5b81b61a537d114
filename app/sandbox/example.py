"""An account at each provider for a sandbox that runs alone: known to everybody, and of no use anywhere else."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any, Final

FACTURAPI_ID, FACTURAPI_KEY = "5a2a307be93a2f00129ea035", "sk_live_example0123456789"
FORMKIQ_KEY: Final = "formkiq-example-key"
CODAT_KEY: Final = "codat-example-key"
COMPANY, CONNECTION = "0a1b2c3d-0000-4000-8000-000000000001", "0a1b2c3d-0000-4000-8000-000000000002"
FACTIFY_KEY: Final = "ffy_test_example0123456789"
FLATFILE_KEY: Final = "sk_example0123456789"
ENVIRONMENT, SPACE = "us_env_example", "us_sp_example"

#: What the sandbox knows where no seed says otherwise.
SEED: Final[dict[str, Any]] = {
    "facturapi": {"organizations": [{"id": FACTURAPI_ID, "name": "Example", "live_keys": [FACTURAPI_KEY]}]},
    "formkiq": {"api_keys": [{"key": FORMKIQ_KEY, "sites": {"default": "write"}}]},
    "codat": {
        "clients": [
            {
                "key": CODAT_KEY,
                "companies": [
                    {"id": COMPANY, "name": "Example", "connections": [{"id": CONNECTION, "kind": "documents"}]}
                ],
            }
        ]
    },
    "factify": {"accounts": [{"key": FACTIFY_KEY, "organization": "Example", "quota": 0}]},
    "flatfile": {
        "accounts": [
            {
                "key": FLATFILE_KEY,
                "environments": [{"id": ENVIRONMENT, "name": "dev"}],
                "spaces": [{"id": SPACE, "name": "Example", "environment_id": ENVIRONMENT}],
            }
        ]
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """What a vendor's own client is given to reach its account here."""

    provider: str
    path: str
    key: str
    ids: dict[str, str] = field(default_factory=dict)


CLIENTS: Final = (
    Client(provider="facturapi", path="/facturapi/v2", key=FACTURAPI_KEY, ids={"organization": FACTURAPI_ID}),
    Client(provider="formkiq", path="/formkiq", key=FORMKIQ_KEY, ids={"siteId": "default"}),
    Client(
        provider="codat",
        path="/codat",
        key="Basic " + base64.b64encode(CODAT_KEY.encode()).decode(),
        ids={"companyId": COMPANY, "connectionId": CONNECTION},
    ),
    Client(provider="factify", path="/factify", key=FACTIFY_KEY),
    Client(
        provider="flatfile",
        path="/flatfile/v1",
        key=FLATFILE_KEY,
        ids={"environmentId": ENVIRONMENT, "spaceId": SPACE},
    ),
)
