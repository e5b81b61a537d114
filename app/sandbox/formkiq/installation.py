"""An installation of it: keys, users and documents, and how it is told to behave."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from threading import RLock
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from app.sandbox.formkiq import tokens
from app.sandbox.formkiq.callers import ALL, KEY_LENGTH, READ, Caller, by_groups
from app.sandbox.formkiq.errors import Refused
from app.sandbox.provider import BadSeed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.sandbox.formkiq.inputs import Checksum, NewDocument
    from app.sandbox.provider import World
    from app.sandbox.store import Stored

SLUG: Final = "formkiq"
#: Documents on a page, where a request does not say.
PAGE: Final = 10
#: Seconds that addresses live for which nobody can choose it of.
SHORT_SECONDS: Final = 3600


@dataclass(slots=True, kw_only=True)
class Switches:
    """What tests may have otherwise."""

    #: From the end of an upload until size and checksum are shown.
    delay_seconds: float = 0.0
    #: Most bytes of a document; with it, uploads have to name their length.
    max_bytes: int | None = None
    #: How much of their time addresses and tokens really live.
    lifetime_scale: float = 1.0


@dataclass(slots=True, kw_only=True)
class Document:
    """A record, with what is known of its content once that came."""

    id: str
    site: str
    user: str
    path: str | None
    content_type: str | None
    #: Of the content that is to come.
    announced: Checksum | None
    metadata: list[dict[str, Any]]
    inserted_at: datetime
    modified_at: datetime
    stored: Stored | None = None
    checksum: Checksum | None = None
    #: When size and checksum are shown.
    shown_from: datetime | None = None

    @property
    def key(self) -> str:
        """Its object's, with characters in it that some clients cannot leave as they are."""
        return f"{self.site} documents/{self.id}~+1"

    def shown(self, now: datetime) -> dict[str, Any]:
        """The record; what is not known is left out."""
        stored = self.stored if self.shown_from is not None and now >= self.shown_from else None
        checksum = self.checksum
        found = {
            "siteId": self.site,
            "documentId": self.id,
            "path": self.path,
            "contentType": self.content_type or (stored.content_type if stored else None),
            "contentLength": stored.size if stored else None,
            # Without one that was given it is the store's own name for the bytes, which is no hash of a named kind.
            "checksum": (checksum.digest if checksum else stored.etag.strip('"')) if stored else None,
            "checksumType": checksum.kind if stored and checksum else None,
            "userId": self.user,
            "insertedDate": stamp(self.inserted_at),
            "lastModifiedDate": stamp(self.modified_at),
            "metadata": self.metadata or None,
        }
        return {name: value for name, value in found.items() if value is not None}


@dataclass(kw_only=True)
class Installation:
    """All state, behind one lock."""

    world: World
    lock: RLock = field(default_factory=RLock)
    switches: Switches = field(default_factory=Switches)
    keys: dict[str, Caller] = field(default_factory=dict)
    users: dict[str, tokens.User] = field(default_factory=dict)
    #: By site and id, oldest first.
    documents: dict[tuple[str, str], Document] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._by_key: dict[str, Document] = {}
        self.world.store.on_put(SLUG, self._arrived)

    def by_key(self, authorization: str | None) -> Caller:
        """Whose API key that header is, all of it. Raises Refused."""
        if not authorization:
            raise Refused(401)
        caller = self.keys.get(authorization) if len(authorization) < KEY_LENGTH else None
        if caller is None:
            raise Refused(403)
        return caller

    def by_token(self, authorization: str | None) -> Caller:
        """Whose access token that header has, with `Bearer` or without. Raises Refused."""
        try:
            payload = tokens.read((authorization or "").removeprefix("Bearer "))
        except tokens.BadToken:
            raise Refused(401) from None
        is_access = payload["token_use"] == "access"  # noqa: S105 - a kind of token
        if not is_access or payload["exp"] <= self.world.clock.now().timestamp():
            raise Refused(401)
        return by_groups(payload["username"], tuple(payload["cognito:groups"]))

    def add(self, new: NewDocument, site: str, user: str) -> Document:
        """Make a record. Raises Refused where there is one of that id."""
        now, id_ = self.world.clock.now(), new.id or str(uuid4())
        if (site, id_) in self.documents:
            raise Refused(409, f"documentId '{id_}' already exists")
        made = Document(
            id=id_,
            site=site,
            user=user,
            path=new.path or id_,
            content_type=new.content_type,
            announced=new.checksum,
            metadata=new.metadata,
            inserted_at=now,
            modified_at=now,
        )
        self.documents[site, id_] = self._by_key[made.key] = made
        if new.content is not None:
            self.world.store.keep(SLUG, made.key, new.content, new.content_type or "application/octet-stream")
        return made

    def find(self, site: str, id_: str) -> Document:
        """Raises Refused."""
        try:
            return self.documents[site, id_]
        except KeyError:
            raise Refused(404, f"Document {id_} not found.") from None

    def delete(self, document: Document) -> None:
        del self.documents[document.site, document.id]
        del self._by_key[document.key]
        self.world.store.delete(SLUG, document.key)

    def address(
        self, document: Document, method: str, seconds: float, *, length: int | None = None, checksum: bool = False
    ) -> str:
        """Where its content goes to or comes from; signed over length and checksum where they are known."""
        headers = document.announced.headers if checksum and document.announced else {}
        seconds *= self.switches.lifetime_scale
        return self.world.store.sign(SLUG, document.key, method=method, seconds=seconds, length=length, headers=headers)

    def page(self, site: str, *, day: date | None, offset: timedelta, after: str | None, limit: int) -> dict[str, Any]:
        """Documents of a site, newest first; `after`: behind the one of that id."""
        now = self.world.clock.now()
        found = [
            one
            for one in reversed(self.documents.values())
            if one.site == site and (day is None or (one.inserted_at + offset).date() == day)
        ]
        ids = [one.id for one in found]
        start = ids.index(after) + 1 if after in ids else 0
        listed = found[start : start + limit]
        page: dict[str, Any] = {"documents": [one.shown(now) for one in listed]}
        if start + limit < len(found):
            page["next"] = listed[-1].id
        if start:
            page["previous"] = ids[start - limit - 1] if start > limit else "first"
        return page

    def seed(self, data: Mapping[str, Any]) -> None:
        """Take on `api_keys` and `users`. Raises BadSeed."""
        keys, users = _seeded(data)
        with self.lock:
            self.keys |= keys
            self.users |= users

    def _arrived(self, key: str, stored: Stored) -> None:
        with self.lock:
            document = self._by_key.get(key)
            if document is not None:
                document.stored, document.checksum = stored, document.announced
                document.modified_at = self.world.clock.now()
                document.shown_from = document.modified_at + timedelta(seconds=self.switches.delay_seconds)


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _seeded(data: Any) -> tuple[dict[str, Caller], dict[str, tokens.User]]:
    """A seed's keys and users, if all of it makes sense."""
    if not isinstance(data, dict) or not data.keys() <= {"api_keys", "users"}:
        raise BadSeed("formkiq: an object with api_keys and users")
    keys, users = {}, {}
    for one in _objects(data, "api_keys", {"key", "sites"}):
        sites = one["sites"]
        if not _is_text(one["key"]) or len(one["key"]) >= KEY_LENGTH:
            raise BadSeed(f"formkiq.api_keys: a key is a text of less than {KEY_LENGTH} characters")
        if not isinstance(sites, dict) or not sites or not set(map(str, sites.values())) <= {"read", "write"}:
            raise BadSeed("formkiq.api_keys: sites is an object of read and write, by site")
        permissions = {site: READ if what == "read" else ALL for site, what in sites.items()}
        keys[one["key"]] = Caller(name="apikey", sites=permissions)
    for one in _objects(data, "users", {"refresh_token", "client_id", "groups"}):
        groups = one["groups"]
        if not isinstance(groups, list) or not all(map(_is_text, [one["refresh_token"], one["client_id"], *groups])):
            raise BadSeed("formkiq.users: refresh_token and client_id are texts, groups a list of them")
        users[one["refresh_token"]] = tokens.User(client_id=one["client_id"], groups=tuple(groups))
    return keys, users


def _objects(data: Mapping[str, Any], name: str, keys: set[str]) -> list[dict[str, Any]]:
    found = data.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) and one.keys() == keys for one in found):
        raise BadSeed(f"formkiq.{name}: a list of objects with {', '.join(sorted(keys))}")
    return found
