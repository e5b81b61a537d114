"""One upload through the API, byte by byte on a socket of its own, so that a test decides what has been sent when."""

from __future__ import annotations

import http.client
import json
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from tests.relay.house import House

#: No copy is kept; without it, one is of what may have one.
RELAYED: Final = "?durable=0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What the gateway said."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Sending:
    """A multipart upload on its way. `files`: name → (file name, type, content), the last of them at the end."""

    def __init__(
        self,
        house: House,
        operation: str,
        *,
        files: Mapping[str, tuple[str, str, bytes]],
        fields: Mapping[str, str] | None = None,
        query: str = RELAYED,
        at: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`at` and `headers`: of a page of the portal, in place of the API's address and token."""
        boundary = f"b-{secrets.token_hex(12)}"
        pieces = [_field(boundary, name, value) for name, value in (fields or {}).items()]
        pieces += [_file(boundary, name, *file) for name, file in files.items()]
        #: Everything of the body, and where its last file's bytes begin in it.
        self.body = b"".join(pieces) + f"--{boundary}--\r\n".encode()
        self.content_at = len(self.body) - len(f"\r\n--{boundary}--\r\n") - len(list(files.values())[-1][2])
        #: How much of the body has been handed over.
        self.sent = 0
        self._path = at or f"/api/v1/organizations/{house.organization.slug}/{operation}{query}"
        self._headers = {
            **({"Authorization": f"Bearer {house.token}"} if headers is None else headers),
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(self.body)),
        }
        self.connection = http.client.HTTPConnection(urlsplit(house.gateway.url).netloc, timeout=60)

    def __enter__(self) -> Self:
        self.connection.connect()
        self.connection.putrequest("POST", self._path)
        for name, value in self._headers.items():
            self.connection.putheader(name, value)
        self.connection.endheaders()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        self.connection.close()

    @property
    def socket(self) -> socket.socket:
        assert self.connection.sock
        return self.connection.sock

    def give(self, end: int | None = None) -> Self:
        """Hand over the body up to there; counted from its end where that is negative, and all of it without one."""
        end = len(self.body) if end is None else end if end >= 0 else len(self.body) + end
        self.connection.send(self.body[self.sent : end])
        self.sent = end
        return self

    def give_share(self, share: float) -> Self:
        """Hand over so much of the file."""
        return self.give(self.content_at + int((len(self.body) - self.content_at) * share))

    def answer(self) -> Answered:
        """Wait for the answer."""
        response = self.connection.getresponse()
        content = response.read()
        return Answered(
            status=response.status,
            headers={name.lower(): value for name, value in response.getheaders()},
            body=json.loads(content) if content else None,
        )


def upload(house: House, operation: str, **given: Any) -> Answered:
    """Send one whole and wait for its answer."""
    with Sending(house, operation, **given) as sending:
        return sending.give().answer()


def send_json(house: House, operation: str, value: Any) -> Answered:
    """Hand in what has no file."""
    return ask(house, "POST", f"/api/v1/organizations/{house.organization.slug}/{operation}", value)


def ask(house: House, method: str, path: str, value: Any = None) -> Answered:
    """Make a request of the API that has no file."""
    connection = http.client.HTTPConnection(urlsplit(house.gateway.url).netloc, timeout=60)
    try:
        headers = {"Authorization": f"Bearer {house.token}"}
        body = None if value is None else json.dumps(value)
        connection.request(method, path, body, headers | ({"Content-Type": "application/json"} if body else {}))
        response = connection.getresponse()
        content = response.read()
        found = {name.lower(): text for name, text in response.getheaders()}
        return Answered(status=response.status, headers=found, body=json.loads(content) if content else None)
    finally:
        connection.close()


def _field(boundary: str, name: str, value: str) -> bytes:
    return f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def _file(boundary: str, name: str, filename: str, content_type: str, content: bytes) -> bytes:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
    return head.encode() + f"Content-Type: {content_type}\r\n\r\n".encode() + content + b"\r\n"
