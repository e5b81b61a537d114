"""Renewing a token as Cognito has it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.formkiq.conftest import Answer, Formkiq, send

if TYPE_CHECKING:
    from tests.servers import Sandbox

pytestmark = pytest.mark.live

TARGET = "AWSCognitoIdentityProviderService.InitiateAuth"


def initiate(running: Sandbox, refresh_token: str, client_id: str = "client", **changes: Any) -> Answer:
    asked = {
        "AuthFlow": "REFRESH_TOKEN_AUTH",
        "ClientId": client_id,
        "AuthParameters": {"REFRESH_TOKEN": refresh_token},
    }
    headers = {"X-Amz-Target": TARGET, "Content-Type": "application/x-amz-json-1.1"}
    return send("POST", f"{running.url}/formkiq/cognito/", json.dumps(asked | changes).encode(), headers)


def test_a_refresh_token_gives_a_new_access_token(formkiq: Formkiq, running: Sandbox) -> None:
    made = running.control("POST", "/formkiq/token", {"groups": ["default"], "seconds": -1})
    assert formkiq.ask("GET", "/documents", auth=made["token"], base="/jwt").status == 401
    for refresh_token, client_id in (("refresh-me", "client"), (made["refresh_token"], made["client_id"])):
        answer = initiate(running, refresh_token, client_id)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/x-amz-json-1.1")
        result = answer.json["AuthenticationResult"]
        assert (result["ExpiresIn"], result["TokenType"]) == (3600, "Bearer")
        assert "RefreshToken" not in result
        assert formkiq.ask("GET", "/documents", auth=f"Bearer {result['AccessToken']}", base="/jwt").status == 200
        assert formkiq.ask("GET", "/documents", auth=result["IdToken"], base="/jwt").status == 401


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"refresh_token": "nobody"}, "NotAuthorizedException"),
        ({"client_id": "nobody"}, "ResourceNotFoundException"),
        ({"AuthFlow": "USER_PASSWORD_AUTH"}, "InvalidParameterException"),
        ({"AuthParameters": None}, "InvalidParameterException"),
    ],
)
@pytest.mark.usefixtures("formkiq")
def test_what_cannot_be_renewed_is_said(running: Sandbox, changes: dict[str, Any], kind: str) -> None:
    answer = initiate(running, **({"refresh_token": "refresh-me"} | changes))
    assert (answer.status, answer.json["__type"]) == (400, kind)


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/token", {}),
        ("/token", {"groups": [1]}),
        ("/token", {"groups": [], "use": "other"}),
        ("/token", {"groups": [], "seconds": "1"}),
        ("/switches", {"nose": 1}),
        ("/switches", {"delay_seconds": -1}),
        ("/switches", {"lifetime_scale": None}),
        ("/switches", []),
    ],
)
def test_what_is_asked_wrongly_of_the_sandbox_is_named(running: Sandbox, path: str, asked: Any) -> None:
    status, answer = running.ask("POST" if path == "/token" else "PUT", f"/_sandbox/formkiq{path}", asked)
    assert status == 400
    assert answer["error"]


@pytest.mark.parametrize(
    "seed",
    [
        [],
        {"keys": []},
        {"api_keys": {}},
        {"api_keys": [{"key": "x"}]},
        {"api_keys": [{"key": "x" * 100, "sites": {"default": "read"}}]},
        {"api_keys": [{"key": "x", "sites": {}}]},
        {"api_keys": [{"key": "x", "sites": {"default": "all"}}]},
        {"users": [{"refresh_token": "x", "client_id": "y", "groups": "default"}]},
        {"users": [{"refresh_token": "x", "client_id": "", "groups": []}]},
    ],
)
def test_a_seed_that_makes_no_sense_is_refused(running: Sandbox, seed: Any) -> None:
    status, answer = running.ask("POST", "/_sandbox/seed", {"formkiq": seed})
    assert status == 400
    assert answer["error"].startswith("formkiq")
