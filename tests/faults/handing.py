"""Handing in one file, by every way that there is, as a client that remembers what it was told and nothing else."""

from __future__ import annotations

import base64
import hashlib
import http.client
import random
import secrets
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from app.sandbox import sat
from tests.faults.oracle import Handed
from tests.relay import files
from tests.relay.house import House
from tests.relay.sending import RELAYED, Sending

KIB, MIB = 1 << 10, 1 << 20
#: What a client meets whose other end is dead.
BROKEN: Final = (OSError, http.client.HTTPException, ValueError)
#: How often one that can go on goes on, and for how long it waits before it does.
TRIES, AGAIN_SECONDS = 40, 0.5


class Way(StrEnum):
    """How it travels, and for RESUMABLE how it comes in."""

    DURABLE = "durable"
    RESUMABLE = "resumable"
    RELAY = "relay"
    DIRECT = "direct"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What is handed in; each file of it is another."""

    operation: str
    type: str
    #: Of the last a sender and a spool see more than one block.
    sizes: tuple[int, ...] = (3 * KIB, 40 * KIB, 1280 * KIB)
    way: Way = Way.DURABLE

    @property
    def connection(self) -> str:
        return self.operation.partition("/")[0]

    def make(self, chance: random.Random) -> tuple[str, str, bytes]:
        """File name, type and content."""
        filename, content_type, make = files.MAKERS[self.type]
        token, content = secrets.token_hex(16), make(chance.choice(self.sizes))
        at = content.index(b"stream\n") + 7 if self.type == "pdf" else content.index(b"\n") + 1
        head, rest = content[:at], content[at + len(token) :]
        if self.type == "csv":
            token, rest = f"{token},1\n", content[at:]
        return f"{token[:12]}-{filename}", content_type, head + token.encode() + rest

    def fields(self, house: House, filename: str) -> dict[str, str]:
        if self.operation == "formkiq/document":
            return {"path": f"{house.organization.slug}/{filename}"}
        if self.operation == "factify/version":
            return {"document_id": house.places["factify"].settings["document_id"], "title": filename}
        return {"title": filename} if self.connection == "factify" else {}


DURABLE: Final = (
    Kind(operation="flatfile/file", type="csv"),
    Kind(operation="codat/file", type="csv"),
    Kind(operation="factify/document", type="pdf"),
    Kind(operation="factify/version", type="pdf", sizes=(3 * KIB, 40 * KIB)),
    Kind(operation="formkiq/document", type="pdf"),
)
RESUMABLE: Final = (
    Kind(operation="flatfile/file", type="csv", way=Way.RESUMABLE),
    Kind(operation="codat/file", type="csv", way=Way.RESUMABLE, sizes=(3 * KIB, 40 * KIB)),
)
RELAYED_AND_DIRECT: Final = (
    *(replace(kind, way=Way.RELAY) for kind in DURABLE),
    Kind(operation="facturapi/certificate", type="", way=Way.DIRECT),
    Kind(operation="facturapi/certificate", type="", way=Way.DIRECT),
)


def hand_in(house: House, kind: Kind, chance: random.Random, *, pause: threading.Event | None = None) -> Handed:
    """Hand one in and say what was told; `pause`: half-way, for a moment or until it is set."""
    if kind.way is Way.RESUMABLE:
        return _resumed(house, kind, chance)
    given, others = _certificate() if kind.way is Way.DIRECT else ({"file": kind.make(chance)}, ())
    filename, _, content = next(iter(given.values()))
    handed = _handed(house, kind, filename, content, others)
    fields = {"password": "12345678a"} if others else kind.fields(house, filename)
    query = RELAYED if kind.way is Way.RELAY else ""
    with suppress(*BROKEN), Sending(house, kind.operation, files=given, fields=fields, query=query) as sending:
        if pause is not None:
            sending.give_share(0.5)
            pause.wait(0.3)
        answer = sending.give().answer()
        body = answer.body if isinstance(answer.body, dict) else {}
        return replace(handed, status=answer.status, id=body.get("id") or body.get("upload"))
    return handed


def _handed(house: House, kind: Kind, filename: str, content: bytes, others: tuple[str, ...] = ()) -> Handed:
    return Handed(
        organization=house.organization.slug,
        operation=kind.operation,
        filename=filename,
        others=others,
        sha256=hashlib.sha256(content).hexdigest(),
        key=house.places[kind.connection].key,
    )


def _certificate() -> tuple[dict[str, tuple[str, str, bytes]], tuple[str, ...]]:
    issued, name = sat.issue(number=f"3000100000{secrets.randbelow(10**10):010}"), secrets.token_hex(6)
    octets = "application/octet-stream"
    given = {"cer": (f"{name}.cer", octets, issued.cer), "key": (f"{name}.key", octets, issued.key)}
    return given, (f"{name}.key",)


def _resumed(house: House, kind: Kind, chance: random.Random) -> Handed:
    """In pieces: whatever breaks off is gone on with, from where the gateway says that it is."""
    filename, content_type, content = kind.make(chance)
    handed = _handed(house, kind, filename, content)
    said = {"organization": house.organization.slug, "connection": kind.connection, "filename": filename}
    said |= {"operation": kind.operation.partition("/")[2], "filetype": content_type, **kind.fields(house, filename)}
    pairs = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in said.items())
    with suppress(*BROKEN):
        begun = _ask(house, "POST", "/files", Upload_Length=str(len(content)), Upload_Metadata=pairs)
        if begun.status != http.HTTPStatus.CREATED:
            return replace(handed, status=begun.status)
        return _go_on(house, handed, urlsplit(begun.headers["Location"]).path, content)
    return handed


def _go_on(house: House, handed: Handed, path: str, content: bytes) -> Handed:
    offset, pause = 0, threading.Event()
    for _ in range(TRIES):
        with suppress(*BROKEN):
            if offset < 0:
                answer = _ask(house, "HEAD", path)
            else:
                piece = content[offset : offset + len(content) // 3 + 1]
                answer = _ask(house, "PATCH", path, piece, Upload_Offset=str(offset))
            taken, named = answer.status < 300, answer.headers.get("Ventanilla-Upload")
            if named:
                return replace(handed, status=202 if taken else answer.status, id=named)
            offset = int(answer.headers.get("Upload-Offset", -1)) if taken else -1
            if taken:
                continue
        offset = -1
        pause.wait(AGAIN_SECONDS)
    return handed


def _ask(house: House, method: str, path: str, body: bytes = b"", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(urlsplit(house.gateway.url).netloc, timeout=60)
    try:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent |= {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {house.token}"}
        if method == "PATCH":
            sent["Content-Type"] = "application/offset+octet-stream"
        connection.request(method, path, body or None, sent)
        answer = connection.getresponse()
        answer.read()
        return answer
    finally:
        connection.close()
