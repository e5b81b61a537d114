"""What Flatfile is to know from the start."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from app.sandbox.flatfile.accounts import Account, Environment, Space, new_id
from app.sandbox.provider import BadSeed


def seeded(data: Any, now: datetime) -> list[Account]:
    """Read `{"accounts": [{"key", "environments": [{"id", "name"}], "spaces": [{"id", "name", "environment_id"}]}]}`.

    Raises BadSeed.
    """
    if not isinstance(data, dict) or not data.keys() <= {"accounts"}:
        raise BadSeed("flatfile: an object with accounts")
    return [_account(one, at, now) for at, one in _each(data, "flatfile", "accounts")]


def _account(data: Any, at: str, now: datetime) -> Account:
    if not isinstance(data, dict) or not data.keys() <= {"key", "environments", "spaces"}:
        raise BadSeed(f"{at}: an object with key, environments and spaces")
    account = Account(id=new_id("acc"), key=_text(data, "key", at))
    for where, one in _each(data, at, "environments"):
        environment = Environment(id=_text(one, "id", where), name=_text(one, "name", where))
        account.environments[environment.id] = environment
    for where, one in _each(data, at, "spaces"):
        environment_id = _text(one, "environment_id", where)
        if environment_id not in account.environments:
            raise BadSeed(f"{where}.environment_id: one of the environments beside it")
        space = Space(
            id=_text(one, "id", where), name=_text(one, "name", where), environment_id=environment_id, created_at=now
        )
        account.spaces[space.id] = space
    return account


def _each(data: dict[str, Any], at: str, name: str) -> list[tuple[str, Any]]:
    values = data.get(name, [])
    if not isinstance(values, list):
        raise BadSeed(f"{at}.{name}: a list")
    return [(f"{at}.{name}[{index}]", one) for index, one in enumerate(values)]


def _text(data: Any, name: str, at: str) -> str:
    value = data.get(name) if isinstance(data, dict) else None
    if not isinstance(value, str) or not value:
        raise BadSeed(f"{at}.{name}: a text")
    return value
