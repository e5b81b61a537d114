"""What Codat is to know from the start."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Final

from app.sandbox.codat.clients import Client, Company, Connection, Kind
from app.sandbox.provider import BadSeed

_KINDS: Final = {kind.slug: kind for kind in Kind}


def seeded(data: Any, now: datetime) -> list[Client]:
    """Read `{"clients": [{"key", "companies": [{"id", "name", "connections": [{"id", "kind"}]}]}]}`. Raises BadSeed."""
    if not isinstance(data, dict) or not data.keys() <= {"clients"} or not isinstance(data.get("clients", []), list):
        raise BadSeed("codat: an object with clients, a list")
    return [_client(one, f"codat.clients[{index}]", now) for index, one in enumerate(data.get("clients", []))]


def _client(data: Any, at: str, now: datetime) -> Client:
    key, companies = _members(data, at, "key", "companies")
    if not isinstance(key, str) or not key:
        raise BadSeed(f"{at}.key: a text")
    made = [_company(one, f"{at}.companies[{index}]", now) for index, one in enumerate(_list(companies, at))]
    return Client(key=key, companies={one.id: one for one in made})


def _company(data: Any, at: str, now: datetime) -> Company:
    company_id, name, connections = _members(data, at, "id", "name", "connections")
    if not isinstance(name, str) or not name:
        raise BadSeed(f"{at}.name: a text")
    made = [_connection(one, f"{at}.connections[{index}]", now) for index, one in enumerate(_list(connections, at))]
    return Company(id=_uuid(company_id, at), name=name, created=now, connections={one.id: one for one in made})


def _connection(data: Any, at: str, now: datetime) -> Connection:
    connection_id, kind = _members(data, at, "id", "kind")
    if kind not in _KINDS:
        raise BadSeed(f"{at}.kind: one of {', '.join(_KINDS)}")
    return Connection(id=_uuid(connection_id, at), kind=_KINDS[kind], created=now)


def _members(data: Any, at: str, *names: str) -> tuple[Any, ...]:
    if not isinstance(data, dict) or not data.keys() <= set(names):
        raise BadSeed(f"{at}: an object with {', '.join(names)}")
    return tuple(data.get(name) for name in names)


def _list(value: Any, at: str) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise BadSeed(f"{at}: what it has several of is a list")
    return value or []


def _uuid(value: Any, at: str) -> str:
    try:
        return str(uuid.UUID(value))
    except (AttributeError, TypeError, ValueError):
        raise BadSeed(f"{at}.id: a UUID") from None
