"""`users` and `user_preferences`: for people who signed in, and not for keys."""

from __future__ import annotations

from typing import Any

from app.sandbox.factify.errors import Refused
from app.sandbox.factify.routing import operation
from app.sandbox.factify.service import Caller, service


def _in_person(caller: Caller) -> None:
    if caller.key is not None:
        raise Refused("insufficient_permissions", "This is only available for user accounts, not for API keys")


@operation("GET", "/me")
def get_me(caller: Caller) -> dict[str, Any]:
    _in_person(caller)
    organizations = [one.shown() for one in service().of_user(caller.user)]
    return {"user": caller.user.shown(), "organizations": organizations}


@operation("GET", "/user-preferences")
def get_preferences(caller: Caller) -> dict[str, Any]:
    _in_person(caller)
    return {"has_completed_document_tour": True, "has_completed_hub_onboarding": True}
