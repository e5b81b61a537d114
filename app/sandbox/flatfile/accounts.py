"""Flatfile's accounts: environments, the spaces in them, and the files in those."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, TypeVar

from app.sandbox.flatfile.errors import Refused

if TYPE_CHECKING:
    from app.sandbox.provider import World

T = TypeVar("T")

#: A file that nobody looks at is complete by then. The service does not say what it waits for.
SETTLED: Final = timedelta(seconds=5)
_ALPHABET: Final = string.ascii_letters + string.digits


def new_id(kind: str) -> str:
    """`us_fl_8kq2Lm1A`."""
    return f"us_{kind}_" + "".join(secrets.choice(_ALPHABET) for _ in range(8))


def iso(moment: datetime) -> str:
    """Milliseconds and a `Z`."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(slots=True, kw_only=True)
class Environment:
    """An environment, which tells trial from earnest."""

    id: str
    name: str
    is_prod: bool = False
    given: dict[str, Any] = field(default_factory=dict)

    def shown(self, account: Account) -> dict[str, Any]:
        defaults = {"guestAuthentication": ["shared_link"], "metadata": {}, "namespaces": ["default"]}
        own = {"id": self.id, "accountId": account.id, "name": self.name, "isProd": self.is_prod, "features": {}}
        return defaults | self.given | own


@dataclass(slots=True, kw_only=True)
class Space:
    """A space: what belongs to one import."""

    id: str
    name: str
    environment_id: str
    created_at: datetime
    given: dict[str, Any] = field(default_factory=dict)

    def shown(self, account: Account) -> dict[str, Any]:
        return (
            {"guestAuthentication": ["shared_link"], "workbooksCount": 0}
            | self.given
            | {
                "id": self.id,
                "name": self.name,
                "environmentId": self.environment_id,
                "createdAt": iso(self.created_at),
                "updatedAt": iso(self.created_at),
                "filesCount": sum(one.space_id == self.id for one in account.files.values()),
            }
        )


@dataclass(slots=True, kw_only=True)
class File:
    """An uploaded file."""

    id: str
    name: str
    mimetype: str
    size: int
    space_id: str
    mode: str
    origin: str
    created_at: datetime
    updated_at: datetime
    #: What the sandbox keeps its bytes under; None: too large to keep.
    kept: str | None
    status: str = "partial"
    workbook_id: str | None = None
    actions: list[Any] | None = None
    #: It was asked for by its id since it came.
    seen: bool = False

    def settle(self, now: datetime, *, asked: bool = False) -> None:
        """Let it become complete in time: once it has been asked for and found partial, or after a while."""
        if self.status == "partial" and (self.seen or now - self.created_at >= SETTLED):
            self.status, self.updated_at = "complete", now
        self.seen = self.seen or asked

    def shown(self) -> dict[str, Any]:
        optional = {"workbookId": self.workbook_id, "actions": self.actions}
        return {
            "id": self.id,
            "name": self.name,
            "ext": PurePosixPath(self.name).suffix[1:].lower(),
            "mimetype": self.mimetype,
            "encoding": "7bit",
            "status": self.status,
            "mode": self.mode,
            "size": self.size,
            "bytesReceived": self.size // 2 if self.status == "partial" else self.size,
            "createdAt": iso(self.created_at),
            "updatedAt": iso(self.updated_at),
            "spaceId": self.space_id,
            "origin": self.origin,
        } | {key: value for key, value in optional.items() if value is not None}


@dataclass(slots=True, kw_only=True)
class Account:
    """Whoever has a secret key, and all that is theirs. Oldest first, in all three."""

    id: str
    key: str
    environments: dict[str, Environment] = field(default_factory=dict)
    spaces: dict[str, Space] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)

    def environment(self, environment_id: str) -> Environment:
        """Raises Refused. `current` is the one that the key is for, the first."""
        if environment_id == "current" and self.environments:
            return next(iter(self.environments.values()))
        return _find(self.environments, environment_id, "Environment")

    def space(self, space_id: str) -> Space:
        """Raises Refused."""
        return _find(self.spaces, space_id, "Space")

    def file(self, file_id: str) -> File:
        """Raises Refused."""
        return _find(self.files, file_id, "File")


def _find(among: dict[str, T], wanted: str, what: str) -> T:
    if wanted not in among:
        raise Refused(404, f"{what} {wanted} was not found", key="id")
    return among[wanted]


class Accounts:
    """All state, behind one lock."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.lock = RLock()
        self._by_key: dict[str, Account] = {}

    def add(self, account: Account) -> None:
        """Take an account on, in place of one with the same key."""
        self._by_key[account.key] = account

    def account(self, authorization: str | None) -> Account:
        """Whose secret key that header holds. Raises Refused."""
        scheme, _, key = (authorization or "").partition(" ")
        found = self._by_key.get(key.strip()) if scheme.lower() == "bearer" else None
        if found is None:
            raise Refused(401, "Unauthorized")
        return found

    def file(self, file_id: str) -> File | None:
        """Whoever's it is; for control."""
        return next((one.files[file_id] for one in self._by_key.values() if file_id in one.files), None)
