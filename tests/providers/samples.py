"""A sample of every provider for the contract suite: a connection, something to hand in, and a provider that is true.

Each of these holds what a request brought it and shows it afterwards, so that what an adapter says can be compared with
what is so. A new provider brings its own: a class here and a row in SAMPLES.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from pydantic import SecretStr

from app.providers.base import Account, HandIn
from app.providers.formkiq import INLINE
from app.providers.operation import Operation
from app.providers.wire import FilePart, Outgoing, Reply

NOW: Final = datetime(2026, 11, 21, 14, 5, tzinfo=UTC)
AFTER: Final = (NOW + timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
DATE: Final = "Sat, 21 Nov 2026 14:05:00 GMT"
ID: Final = UUID("019aa8f2-0000-7000-8000-000000000000")
CONTENT: Final = b"%PDF-1.7\n"
DIGEST: Final = hashlib.sha256(CONTENT).hexdigest()


def reply(body: Any = None, status: int = 200) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status=status, headers={"date": DATE}, body=raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bytes:
    """A source of a file whose bytes do not matter."""

    sha256: str | None = DIGEST

    def blocks(self) -> Iterator[bytes]:
        yield CONTENT


@dataclass(slots=True)
class Fake:
    """A provider that does what it is asked, of one hand-in."""

    operation: Operation
    handin: HandIn
    held: bool = False

    def answer(self, outgoing: Outgoing) -> Reply:
        self.held = self.held or outgoing.hands_in
        return self.reply(outgoing)

    def reply(self, outgoing: Outgoing) -> Reply:
        raise NotImplementedError

    @property
    def file(self) -> FilePart:
        return self.handin.parts["file"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the suite needs to know of a provider."""

    fake: Callable[[Operation, HandIn], Fake]
    settings: Mapping[str, str]
    credential: Mapping[str, SecretStr] = field(default_factory=lambda: {"key": SecretStr("secret")})
    fields: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    #: Of files, so that every way is gone.
    sizes: tuple[int, ...] = (len(CONTENT),)
    #: An id of something that lies there.
    id: str = "x"

    @property
    def account(self) -> Account:
        return Account(environment="live", settings=self.settings)

    def handin(self, operation: Operation, size: int) -> HandIn:
        parts = {
            part.name: FilePart(
                name=part.name, filename="f.pdf", content_type="application/pdf", size=size, source=Bytes()
            )
            for part in operation.parts
        }
        given = self.fields.get(operation.slug, {})
        return HandIn(
            id=ID,
            organization="acme",
            received_at=NOW,
            parts=parts,
            fields={one.name: given[one.name] for one in operation.fields if one.name in given},
            secrets={one.name: SecretStr("secret") for one in operation.fields if one.kind == "password"},
            facts=self.facts,
        )


ORGANIZATION: Final = "5a2a307be93a2f00129ea035"
NUMBER: Final = "30001000000500003416"


class Facturapi(Fake):
    def reply(self, outgoing: Outgoing) -> Reply:
        if outgoing.path == "/organizations" and outgoing.method == "GET":
            return reply({"page": 1, "total_pages": 1, "total_results": 1, "data": [{"id": ORGANIZATION}]})
        if not self.held:
            return reply({"id": ORGANIZATION})
        certificate = {"serial_number": NUMBER, "updated_at": AFTER}
        legal = {"name": "A", "legal_name": "A", "tax_system": "601", "address": {"zip": "26015"}}
        shown = {"certificate": certificate, "fiel": certificate, "logo": {}, "legal": legal}[self.operation.name]
        return reply({"id": ORGANIZATION, self.operation.name: shown, "logo_url": "https://cdn.example/l"})


class Formkiq(Fake):
    announced = False

    def reply(self, outgoing: Outgoing) -> Reply:
        id_ = str(self.handin.id)
        if outgoing.url is not None:
            return reply(b"" if outgoing.method == "PUT" else {"AuthenticationResult": {"AccessToken": TOKEN}})
        if outgoing.path in {"/documents", "/documents/upload"}:
            return self._collection(outgoing)
        if id_ not in outgoing.path or not (self.announced or self.held):
            return reply({"message": f"Document {outgoing.path.split('/')[2]} not found."}, 404)
        if outgoing.method == "DELETE":
            assert not self.held, "what arrived was deleted"
            self.announced = False
            return reply({"message": "deleted"})
        if outgoing.path.endswith(("/upload", "/url")):
            return self._place()
        content = {"contentLength": self.file.size} if self.held else {}
        return reply({"documentId": id_, **content})

    def _place(self) -> Reply:
        return reply({"documentId": str(self.handin.id), "url": "https://b.s3.us-east-2.amazonaws.com/x"})

    def _collection(self, outgoing: Outgoing) -> Reply:
        if outgoing.method == "GET":
            return reply({"documents": [{"documentId": str(self.handin.id)}]})
        self.announced = True
        return replace(self._place(), status=201)


CLAIMS: Final = {
    "iss": "https://cognito-idp.us-east-2.amazonaws.com/us-east-2_Ab1",
    "token_use": "access",
    "exp": (NOW + timedelta(hours=1)).timestamp(),
}
TOKEN: Final = f"e30.{base64.urlsafe_b64encode(json.dumps(CLAIMS).encode()).decode().rstrip('=')}.c2ln"

COMPANY, CONNECTION = "3f0c9f0e-2a53-4a3b-9d1b-0a4f5d0e7c11", "5b7d0c3a-9be2-4f6c-8d1e-2f3a4b5c6d7e"


class Codat(Fake):
    def reply(self, outgoing: Outgoing) -> Reply:
        if outgoing.method == "POST":
            return reply({})
        if outgoing.path.endswith("/connections"):
            return reply({"results": [{"id": CONNECTION, "platformName": "Banking file upload"}]})
        if outgoing.path.endswith("/download"):
            return reply(self._archive())
        return reply([{"fileName": self.file.filename, "uploaded": AFTER}] if self.held else [])

    def _archive(self) -> bytes:
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as writing:
            writing.writestr("Other/f.pdf", CONTENT if self.held else b"other")
        return target.getvalue()


class Flatfile(Fake):
    def reply(self, outgoing: Outgoing) -> Reply:
        if outgoing.path.endswith("/download"):
            return reply(CONTENT)
        if outgoing.path.startswith("/files"):
            listing = outgoing.path == "/files" and outgoing.method == "GET"
            return self._page([self._shown()] if self.held else []) if listing else reply({"data": self._shown()})
        named = {"id": "us_1", "name": "One"}
        listing = outgoing.path.count("/") == 1 and outgoing.method == "GET"
        return self._page([named]) if listing else reply({"data": named})

    def _page(self, items: list[Any]) -> Reply:
        return reply({"data": items, "pagination": {"currentPage": 1, "pageCount": 1}})

    def _shown(self) -> dict[str, Any]:
        size = self.file.size
        shown = {"id": "us_fl_1", "name": self.file.filename, "status": "complete", "createdAt": AFTER}
        return shown | {"size": size, "bytesReceived": size}


DOCUMENT, VERSION = f"doc_{26 * '0'}", f"ver_{26 * '0'}"


class Factify(Fake):
    def reply(self, outgoing: Outgoing) -> Reply:
        path = outgoing.path.removeprefix("/v1beta")
        told: dict[str, Any] = {
            "/me": {"user": {"name": "A"}},
            "/organizations": {"items": [], "pagination": {}},
            "/documents/quota": {"limit": "10", "used": "1"},
        }
        if outgoing.url is not None:
            return reply(CONTENT)
        if path in told:
            return reply(told[path])
        if path.endswith("/export"):
            return reply({"url": "https://export.factify.com/x", "headers": {}})
        if path.endswith("/duplicates"):
            return reply({"items": []})
        if outgoing.method == "GET" and path.endswith(("/documents", "/versions")):
            shown = self._document() if path == "/documents" else self._version()
            return reply({"items": [shown] if self.held else [], "pagination": {}})
        return reply(self._version() if "versions" in path else {"document": self._document()})

    def _document(self) -> dict[str, Any]:
        return {"id": DOCUMENT, "title": "f", "created_at": AFTER, "processing_status": "ready"}

    def _version(self) -> dict[str, Any]:
        return {"id": VERSION, "document_id": DOCUMENT, "created_at": AFTER, "processing_status": "ready"}


SAMPLES: Final[Mapping[str, Sample]] = {
    "facturapi": Sample(
        fake=Facturapi,
        settings={"organization_id": ORGANIZATION},
        fields={"facturapi/legal": {"name": "A", "legal_name": "A", "tax_system": "601", "zip": "26015"}},
        facts={"number": NUMBER, "test": False, "not_after": "2027-05-18T11:43:51+00:00", "file": {"format": "png"}},
    ),
    "formkiq": Sample(
        fake=Formkiq,
        settings={"base_url": "https://k.example", "auth": "token", "site_id": "default"},
        credential={name: SecretStr(TOKEN) for name in ("token", "refresh_token", "client_id")},
        sizes=(len(CONTENT), INLINE + 1),
        id=str(ID),
    ),
    "codat": Sample(
        fake=Codat, settings={"company_id": COMPANY, "connection_id": CONNECTION}, id=NOW.date().isoformat()
    ),
    "flatfile": Sample(fake=Flatfile, settings={"environment_id": "us_env_1", "space_id": "us_sp_1"}),
    "factify": Sample(
        fake=Factify,
        settings={},
        credential={"token": SecretStr("secret")},
        fields={"factify/document": {"duplicates": "on"}, "factify/version": {"document_id": DOCUMENT}},
        id=DOCUMENT,
    ),
}
