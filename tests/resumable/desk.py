"""A client of the protocol that says exactly what a test tells it to, on a socket."""

from __future__ import annotations

import base64
import hashlib
import http.client
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any, Final
from urllib.parse import urlsplit

from flask import Flask
from sqlalchemy import Engine, text

from app.records import resumables
from tests.relay.house import House

VERSION: Final = {"Tus-Resumable": "1.0.0"}
OCTETS: Final = {"Content-Type": "application/offset+octet-stream"}
#: A file that its check lets pass, 24 bytes long.
CONTENT: Final = b"name,amount\nana,1\nbea,2\n"
#: How much of it has arrived where it has begun.
BEGUN: Final = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; a header that is not there is None."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def __getitem__(self, name: str) -> str | None:
        return self.headers.get(name.lower())


def metadata(**pairs: str) -> str:
    """The header's value."""
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in pairs.items())


def checksum(content: bytes, algorithm: str = "sha1") -> str:
    """The header's value."""
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, content).digest()).decode()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """An organization, and files of its in every state that one can be in."""

    house: House
    owner: Engine

    @property
    def where(self) -> dict[str, str]:
        return {"organization": self.house.organization.slug, "connection": "flatfile", "operation": "file"}

    def said(self, **pairs: str) -> str:
        return metadata(**{**self.where, "filename": "a.csv", "filetype": "text/csv", **pairs})

    def ask(self, method: str, path: str = "/files", body: bytes = b"", **headers: str | None) -> Answer:
        """Ask as the token's owner, in the protocol's version, unless a header says otherwise; None leaves it out."""
        connection = http.client.HTTPConnection(urlsplit(self.house.gateway.url).netloc, timeout=60)
        try:
            connection.request(method, path, body or None, self.told(headers))
            reply = connection.getresponse()
            found = {name.lower(): value for name, value in reply.getheaders()}
            return Answer(status=reply.status, headers=found, body=reply.read())
        finally:
            connection.close()

    def told(self, headers: Mapping[str, str | None]) -> dict[str, str]:
        """Headers as they are sent."""
        wanted: dict[str, str | None] = {**VERSION, "Authorization": f"Bearer {self.house.token}"}
        wanted |= {name.replace("_", "-"): value for name, value in headers.items()}
        return {name: value for name, value in wanted.items() if value is not None}

    def create(self, **headers: str | None) -> Answer:
        """Begin a file."""
        told = {"Upload_Length": str(len(CONTENT)), "Upload_Metadata": self.said(), **headers}
        return self.ask("POST", "/files", b"", **told)

    def patch(self, path: str, offset: int, piece: bytes, **headers: str | None) -> Answer:
        """Send a piece."""
        return self.ask("PATCH", path, piece, **{"Upload_Offset": str(offset), **OCTETS, **headers})

    def offset(self, path: str) -> int:
        """How much is safe."""
        return int(self.ask("HEAD", path)["Upload-Offset"] or -1)

    def none(self) -> str:
        return "/files"

    def unknown(self) -> str:
        return "/files/" + "x" * 32

    def fresh(self, **headers: str | None) -> str:
        made = self.create(**headers)
        assert made.status == 201, made
        return made["Location"] or ""

    def begun(self, **headers: str | None) -> str:
        path = self.fresh(**headers)
        assert self.patch(path, 0, CONTENT[:BEGUN]).status == 204
        return path

    def whole(self) -> str:
        path = self.begun()
        assert self.patch(path, BEGUN, CONTENT[BEGUN:]).status == 204
        return path

    def deferred(self) -> str:
        return self.fresh(Upload_Length=None, Upload_Defer_Length="1")

    def part(self, content: bytes = CONTENT) -> str:
        path = self.unfinished_part(len(content))
        assert self.patch(path, 0, content).status == 204
        return path

    def unfinished_part(self, length: int = len(CONTENT)) -> str:
        return self.fresh(Upload_Length=str(length), Upload_Metadata=None, Upload_Concat="partial")

    def joined(self) -> str:
        parts = self.part(CONTENT[:BEGUN]), self.part(CONTENT[BEGUN:])
        return self.fresh(Upload_Length=None, Upload_Concat=f"final;{' '.join(parts)}")

    def given_up(self) -> str:
        path = self.begun()
        assert self.ask("DELETE", path).status == 204
        return path

    def expired(self) -> str:
        path = self.begun()
        self.set(path, "expires_at = now() - interval '1 second'")
        return path

    def set(self, path: str, change: str, **values: Any) -> None:
        """Change a row behind the gateway's back."""
        key = resumables.key_hash(path.rpartition("/")[2])
        with self.owner.begin() as connection:
            connection.execute(text(f"UPDATE resumables SET {change} WHERE key_hash = :key"), {"key": key, **values})  # noqa: S608

    def row(self, path: str) -> Any:
        """The row, as the owner sees it."""
        key = resumables.key_hash(path.rpartition("/")[2])
        with self.owner.begin() as connection:
            return connection.execute(text("SELECT * FROM resumables WHERE key_hash = :key"), {"key": key}).one()

    def upload(self, upload_id: str | None) -> Any:
        """An upload's row, as the owner sees it."""
        with self.owner.begin() as connection:
            return connection.execute(text("SELECT * FROM uploads WHERE id = :id"), {"id": upload_id}).one()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside(Desk):
    """The same with the gateway in this process, which needs no socket."""

    app: Flask

    def ask(self, method: str, path: str = "/files", body: bytes | IO[bytes] = b"", **headers: str | None) -> Answer:
        """As above; a body may be read from something that has more to it."""
        given: dict[str, Any] = {"data": body} if isinstance(body, bytes) else {"input_stream": body}
        reply = self.app.test_client(use_cookies=False).open(path, method=method, headers=self.told(headers), **given)
        found = {name.lower(): value for name, value in reply.headers.items()}
        return Answer(status=reply.status_code, headers=found, body=reply.data)
