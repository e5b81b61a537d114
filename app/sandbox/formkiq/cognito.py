"""The corner of Cognito that renews tokens: InitiateAuth with a refresh token."""

from __future__ import annotations

import json
from typing import Any, Final

from flask import Response, request

from app.sandbox.formkiq import tokens
from app.sandbox.formkiq.views import bp, installation

TARGET: Final = "AWSCognitoIdentityProviderService.InitiateAuth"


@bp.post("/cognito/")
@bp.post("/cognito", endpoint="initiate_auth_without_slash")
def initiate_auth() -> Response:
    if request.headers.get("X-Amz-Target") != TARGET:
        return _refused("UnknownOperationException", "")
    asked = request.get_json(force=True, silent=True)
    if not isinstance(asked, dict):
        return _refused("SerializationException", "")
    parameters = asked.get("AuthParameters")
    if asked.get("AuthFlow") not in {"REFRESH_TOKEN_AUTH", "REFRESH_TOKEN"} or not isinstance(parameters, dict):
        return _refused("InvalidParameterException", "Missing required parameter REFRESH_TOKEN")
    here = installation()
    with here.lock:
        if asked.get("ClientId") not in {user.client_id for user in here.users.values()}:
            return _refused("ResourceNotFoundException", "User pool client does not exist.")
        user = here.users.get(str(parameters.get("REFRESH_TOKEN")))
        if user is None or user.client_id != asked["ClientId"]:
            return _refused("NotAuthorizedException", "Invalid Refresh Token")
        seconds = tokens.LIFETIME_SECONDS * here.switches.lifetime_scale
    result: dict[str, Any] = {f"{use.title()}Token": token(user, use, seconds) for use in ("access", "id")}
    result |= {"ExpiresIn": int(seconds), "TokenType": "Bearer"}
    return _answer(200, {"AuthenticationResult": result, "ChallengeParameters": {}})


def token(user: tokens.User, use: Any, seconds: float) -> str:
    """A token of the pool that is served here."""
    issuer = f"{request.host_url}formkiq/cognito"
    return tokens.make(user, use=use, now=installation().world.clock.now(), seconds=seconds, issuer=issuer)


def _refused(kind: str, message: str) -> Response:
    answer = _answer(400, {"__type": kind, "message": message})
    answer.headers["x-amzn-ErrorType"] = f"{kind}:"
    answer.headers["x-amzn-ErrorMessage"] = message
    return answer


def _answer(status: int, body: dict[str, Any]) -> Response:
    return Response(json.dumps(body), status, content_type="application/x-amz-json-1.1")
