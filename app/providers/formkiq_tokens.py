"""FormKiQ's tokens: what can be read from one, and how Cognito, who gave it, is asked for the next.

Nobody checks the signature here: the token is ours to send, and FormKiQ judges it.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from app.providers import reading
from app.providers.base import Account, Ending, Look, Outcome, Unavailable
from app.providers.outcomes import by_cause, by_status
from app.providers.wire import Answer, Json, NoAnswer, Outgoing, Reply

#: A token that ends sooner than that is renewed before it is used: the upload under way has to end with it too.
EARLY: Final = timedelta(minutes=10)
#: Who gives tokens: Cognito, by region. A refresh token goes to no other host, whatever a token names.
ISSUER: Final = re.compile(r"https://(cognito-idp\.[a-z]{2}(?:-[a-z]+)+-[0-9]\.amazonaws\.com)/[\w-]+", re.ASCII)
SANDBOX_ISSUER: Final = "/formkiq/cognito/"
TARGET: Final = "AWSCognitoIdentityProviderService.InitiateAuth"
#: Members of the group can do everything everywhere; a site's own group can read and write there.
ADMINS: Final = "Admins"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a token says of itself."""

    issuer: str
    use: str
    ends_at: datetime | None
    #: None where it names none, and only the provider knows.
    groups: tuple[str, ...] | None

    @classmethod
    def read(cls, token: str) -> Token | None:
        """None where it is no token of this kind."""
        claims = _claims(token)
        if claims is None:
            return None
        groups = claims.get("cognito:groups")
        return cls(
            issuer=str(claims.get("iss", "")),
            use=str(claims.get("token_use", "")),
            ends_at=_ends_at(claims.get("exp")),
            groups=tuple(map(str, groups)) if isinstance(groups, list) else None,
        )

    def fault(self, site: str, now: datetime) -> str | None:
        """Why it cannot be used to upload to a site, in words; None where nothing speaks against it."""
        if self.use != "access":
            return f"this is an {self.use.upper() or 'unknown kind of'} token; an access token is needed"
        if self.ends_at is not None and self.ends_at <= now:
            return f"the token ended at {self.ends_at:%Y-%m-%d %H:%M} UTC; get a new one"
        if self.groups is not None and not {site, ADMINS} & set(self.groups):
            listed = ", ".join(self.groups) or "none"
            return f"the token does not let it write to site “{site}” (its groups: {listed})"
        return None


def is_renewable(credential: Mapping[str, SecretStr]) -> bool:
    """Whether there is all that a new token is asked for with."""
    return all(name in credential and credential[name].get_secret_value() for name in ("refresh_token", "client_id"))


def due(credential: Mapping[str, SecretStr], now: datetime) -> bool:
    """Whether the token ends so soon that it should be renewed first."""
    token = Token.read(credential["token"].get_secret_value()) if "token" in credential else None
    if token is None or not is_renewable(credential):
        return False
    return token.ends_at is not None and token.ends_at - EARLY <= now


def renew(account: Account, credential: Mapping[str, SecretStr]) -> Look[Mapping[str, SecretStr]]:
    """Ask for a new token; raises Unavailable."""
    token = Token.read(credential["token"].get_secret_value())
    url = _cognito(account, token.issuer) if token else None
    if url is None or not is_renewable(credential):
        raise Unavailable(Outcome(ending=Ending.FAILED, problem="settings-wrong"))
    answer = yield Outgoing(
        method="POST",
        url=url,
        headers={"X-Amz-Target": TARGET, "Content-Type": "application/x-amz-json-1.1"},
        body=Json(
            value={
                "AuthFlow": "REFRESH_TOKEN_AUTH",
                "ClientId": credential["client_id"].get_secret_value(),
                "AuthParameters": {"REFRESH_TOKEN": credential["refresh_token"].get_secret_value()},
            }
        ),
    )
    found = _result(answer)
    new = found.get("AccessToken")
    if not isinstance(new, str) or Token.read(new) is None:
        raise Unavailable(_refusal(answer))
    renewed = {"token": SecretStr(new)}
    if isinstance(rotated := found.get("RefreshToken"), str) and rotated:
        renewed["refresh_token"] = SecretStr(rotated)
    return renewed


def _result(answer: Answer) -> Mapping[str, Any]:
    """What Cognito gave; empty where it gave nothing."""
    told = answer.json if isinstance(answer, Reply) and answer.ok else None
    result = told.get("AuthenticationResult") if isinstance(told, dict) else None
    return result if isinstance(result, dict) else {}


def _refusal(answer: Answer) -> Outcome:
    """What it means that Cognito gives no token: it says 400 also of one that it does not take."""
    if isinstance(answer, NoAnswer):
        return by_cause(answer)
    told = reading.complaint(answer)
    code = str(told.get("__type", "")).rpartition("#")[2] or None
    outcome = by_status(answer, code=code, message=reading.text(told, "message"))
    if code == "NotAuthorizedException":
        return replace(outcome, ending=Ending.CREDENTIAL, problem="credential-refused")
    if code == "TooManyRequestsException":
        return replace(outcome, ending=Ending.RETRY, problem="provider-busy")
    return outcome


def _cognito(account: Account, issuer: str) -> str | None:
    """Where the issuer of a token is asked; None where it is none that may be."""
    if account.environment == "sandbox":
        base = urlsplit(account.settings["base_url"])
        address = f"{base.scheme}://{base.netloc}{SANDBOX_ISSUER}"
        return address if issuer.startswith(address) else None
    genuine = ISSUER.fullmatch(issuer)
    return f"https://{genuine[1]}/" if genuine else None


def _claims(token: str) -> dict[str, Any] | None:
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None


def _ends_at(seconds: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
