"""The service that the sandbox plays: who calls, what they may reach, and what all of them have."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import RLock
from typing import Any, Final, cast

from app.sandbox.factify.errors import Refused
from app.sandbox.factify.ids import checked, new_id, new_secret
from app.sandbox.factify.keys import ApiKey
from app.sandbox.factify.moments import to_millisecond
from app.sandbox.factify.papers import ROLES, Document, Version, permissions
from app.sandbox.factify.people import Organization, User
from app.sandbox.provider import BadSeed, World
from app.sandbox.state import sandbox

#: How long a version is processed, unless told otherwise.
PROCESSING_SECONDS: Final = 2.0
#: How long an exported file can be fetched, unless told otherwise.
EXPORT_SECONDS: Final = 900.0
#: Requests that an organization has a month. The service does not publish its own figure.
REQUESTS_A_MONTH: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Processing:
    """What comes of the versions that an organization uploads, and after how long; None: never by itself."""

    result: str = "ready"
    seconds: float | None = PROCESSING_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """How an organization's files are exported: how long an address is good, and what has to be sent along."""

    seconds: float = EXPORT_SECONDS
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """For whom a request is made: a user, by a key of one organization or in person."""

    user: User
    organization: Organization | None
    key: ApiKey | None


@dataclass(slots=True)
class Service:
    """All state, behind one lock."""

    world: World
    lock: RLock = field(default_factory=RLock)
    users: dict[str, User] = field(default_factory=dict)
    #: Users' ids by the token that they signed in for.
    sessions: dict[str, str] = field(default_factory=dict)
    organizations: dict[str, Organization] = field(default_factory=dict)
    #: By secret.
    keys: dict[str, ApiKey] = field(default_factory=dict)
    #: In the order in which they were made, as all of these.
    documents: dict[str, Document] = field(default_factory=dict)
    versions: dict[str, Version] = field(default_factory=dict)
    #: By organization; those that are not named have the usual one.
    processing: dict[str | None, Processing] = field(default_factory=dict)
    exports: dict[str | None, Export] = field(default_factory=dict)

    def now(self) -> datetime:
        return to_millisecond(self.world.clock.now())

    def admit(self, authorization: str | None, method: str, path: str) -> Caller:
        """Who calls, if they are known and have not called too often. Raises Refused, never with the key."""
        caller, now = self._caller(authorization), self.now()
        if (key := caller.key) is not None:
            if self.world.limits:
                key.keep_to_limits(now, posts=method == "POST")
            used = key.used_in_month(now)
            # Whoever has used it up must still be able to look at it, and to change it.
            if key.quota is not None and used >= key.quota and "/quota" not in path:
                raise Refused("quota_exceeded")
            key.used[now.date()] += 1
        return caller

    def _caller(self, authorization: str | None) -> Caller:
        scheme, _, secret = (authorization or "").partition(" ")
        secret = secret.strip()
        if scheme.lower() != "bearer" or not secret:
            raise Refused("missing_api_key")
        if secret in self.sessions:
            user = self.users[self.sessions[secret]]
            return Caller(user=user, organization=next(iter(self.of_user(user)), None), key=None)
        key = self.keys.get(secret)
        if key is None or key.revoked_at is not None:
            raise Refused("invalid_api_key")
        if key.expired(self.now()):
            raise Refused("expired_api_key")
        return Caller(user=self.users[key.user_id], organization=self.organizations[key.organization_id], key=key)

    def of_user(self, user: User) -> list[Organization]:
        return [one for one in self.organizations.values() if user.id in one.members]

    def organization(self, caller: Caller, organization_id: str | None, *, runs: bool = False) -> Organization:
        """The organization (None: the caller's) if the caller is in it; `runs`: and may change it. Raises Refused."""
        if organization_id is None:
            found = caller.organization
        else:
            found = self.organizations.get(checked("org", organization_id, "organization_id"))
        if found is None:
            raise Refused("resource_not_found", "Organization not found")
        if caller.user.id not in found.members or (runs and not found.is_run_by(caller.user)):
            raise Refused("insufficient_permissions")
        return found

    def role(self, user: User, document: Document, *, by_link: bool = True) -> str | None:
        """The highest role that the user has; `by_link`: a public document can be seen by everybody."""
        if document.owner_id == user.id:
            return "owner"
        mine = {one.id for one in self.of_user(user)}
        roles = [grant.role for holder, grant in document.grants.items() if holder in {user.id, *mine}]
        within = document.access_level in {"organization", "public"} and document.organization_id in mine
        if within or (by_link and document.access_level == "public"):
            roles.append("viewer")
        return max(roles, key=ROLES.index, default=None)

    def document(self, caller: Caller, document_id: str, needs: str | None) -> Document:
        """The document, if the caller has that permission; None: whoever knows its id may. Raises Refused."""
        document = self.documents.get(checked("doc", document_id, "document_id"))
        if document is None:
            raise Refused("resource_not_found", "Document not found")
        if needs is not None and not permissions(self.role(caller.user, document))[needs]:
            raise Refused("insufficient_permissions")
        return document

    def version(self, caller: Caller, version_id: str, needs: str) -> Version:
        """The version, if the caller has that permission for its document. Raises Refused."""
        version = self.versions.get(checked("ver", version_id, "version_id"))
        if version is None:
            raise Refused("resource_not_found", "Version not found")
        self.document(caller, version.document_id, needs)
        return version

    def shown(self, caller: Caller, document: Document) -> dict[str, Any]:
        return document.shown(caller.user, self.role(caller.user, document), self.now())

    def keys_of(self, organization: Organization) -> list[ApiKey]:
        return [key for key in self.keys.values() if key.organization_id == organization.id]

    def key(self, key_id: str) -> ApiKey:
        """Raises Refused."""
        checked("key", key_id, "api_key_id")
        for key in self.keys.values():
            if key.id == key_id:
                return key
        raise Refused("resource_not_found", "API key not found")

    def user(self, email: str, name: str | None = None) -> User:
        """The user of that address, known or new."""
        for user in self.users.values():
            if user.email.casefold() == email.casefold():
                return user
        made = User(id=new_id("user"), email=email, name=name or email.partition("@")[0])
        self.users[made.id] = made
        return made

    def sign_in(self, user: User) -> str:
        """A token by which the user calls in person."""
        token = secrets.token_urlsafe(32)
        self.sessions[token] = user.id
        return token

    def add_key(
        self, organization: Organization, user: User, name: str, *, secret: str | None = None, **rest: Any
    ) -> ApiKey:
        made = ApiKey(
            id=new_id("key"),
            secret=secret or new_secret(),
            name=name,
            organization_id=organization.id,
            user_id=user.id,
            created_at=self.now(),
            **rest,
        )
        self.keys[made.secret] = made
        return made

    def ends(self, organization_id: str | None) -> dict[str, Any]:
        """What comes of a version that the organization uploads now, and when."""
        processing = self.processing.get(organization_id, Processing())
        if processing.seconds is None:
            return {"result": processing.result, "ends_at": None}
        return {"result": processing.result, "ends_at": self.now() + timedelta(seconds=processing.seconds)}

    def seed(self, data: Mapping[str, Any]) -> None:
        """Take on `accounts`: each is an organization with an owner and a key, as if new. Raises BadSeed."""
        accounts = _seeded(data)
        with self.lock:
            for one in accounts:
                if one["key"] in self.keys:
                    self._forget(self.keys[one["key"]].organization_id)
                organization = Organization(
                    id=new_id("org"),
                    name=one["organization"],
                    created_at=self.now(),
                    document_quota=one.get("quota", 0),
                )
                self.organizations[organization.id] = organization
                owner = self.user(f"owner@{organization.id[4:]}.example", f"Owner of {organization.name}")
                organization.join(owner, "owner", self.now())
                self.add_key(organization, owner, "Default", secret=one["key"])

    def _forget(self, organization_id: str) -> None:
        """Let go of an organization, its keys and its documents."""
        del self.organizations[organization_id]
        self.processing.pop(organization_id, None)
        self.exports.pop(organization_id, None)
        self.keys = {key: one for key, one in self.keys.items() if one.organization_id != organization_id}
        self.documents = {key: one for key, one in self.documents.items() if one.organization_id != organization_id}
        self.versions = {key: one for key, one in self.versions.items() if one.document_id in self.documents}


def service() -> Service:
    """The one of the sandbox that the current request came to."""
    factify: Any = sandbox().providers["factify"]
    return cast("Service", factify.service)


def _seeded(data: Any) -> list[dict[str, Any]]:
    """A seed's accounts, if all of it makes sense."""
    if not isinstance(data, dict) or not data.keys() <= {"accounts"}:
        raise BadSeed("factify: an object with accounts")
    accounts = data.get("accounts", [])
    if not isinstance(accounts, list):
        raise BadSeed("factify.accounts: a list")
    for index, one in enumerate(accounts):
        at = f"factify.accounts[{index}]"
        if not isinstance(one, dict) or not {"key", "organization"} <= one.keys() <= {"key", "organization", "quota"}:
            raise BadSeed(f"{at}: an object with key, organization and, at most, quota")
        if not isinstance(one["key"], str) or not re.fullmatch(r"ffy_(prod|test)_[!-~]+", one["key"]):
            raise BadSeed(f"{at}.key: a key that begins with ffy_test_ or ffy_prod_")
        if not isinstance(one["organization"], str) or not one["organization"]:
            raise BadSeed(f"{at}.organization: its name")
        if type(one.get("quota", 0)) is not int or one.get("quota", 0) < 0:
            raise BadSeed(f"{at}.quota: how many documents it may have, 0 for any number")
    if len({one["key"] for one in accounts}) < len(accounts):
        raise BadSeed("factify.accounts: a key stands for one account")
    return accounts
