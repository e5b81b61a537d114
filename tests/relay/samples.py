"""For every operation something to hand in. A new operation has no line here, and the tests that use it fail."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import requests

from app.sandbox import sat
from tests.relay import files
from tests.relay.house import House
from tests.relay.sending import Answered, Sending, send_json, upload

MIB: Final = 1 << 20
Given = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """How an operation is handed in, and by which request it reaches the provider."""

    operation: str
    #: Method and path of the request that hands in, in the ledger; `{…}` are the connection's settings.
    method: str
    path: str
    #: A type of `files.MAKERS`, and how large a file is taken for an ordinary one: more than a network
    #: takes from a sender whose receiver does not read.
    type: str = ""
    size: int = 8 * MIB
    #: The vendor's name for the file part.
    part: str = "file"
    fields: Callable[[House], Mapping[str, str]] = field(default=lambda _: {})
    #: For what has several files, or none.
    given: Callable[[House], Given] | None = None

    @property
    def connection(self) -> str:
        return self.operation.partition("/")[0]

    @property
    def streams(self) -> bool:
        return bool(self.type)

    def file(self, size: int | None = None, *, type: str | None = None) -> tuple[str, str, bytes]:  # noqa: A002
        """File name, type and content."""
        filename, content_type, make = files.MAKERS[type or self.type]
        return filename, content_type, make(self.size if size is None else size)

    def sending(self, house: House, file: tuple[str, str, bytes] | None = None, **more: Any) -> Sending:
        """Begin to hand it in."""
        if self.given:
            return Sending(house, self.operation, **self.given(house), **more)
        fields = self.fields(house)
        return Sending(house, self.operation, files={"file": file or self.file()}, fields=fields, **more)

    def hand_in(self, house: House, **more: Any) -> Answered:
        """Hand it in, all at once."""
        given = self.given(house) if self.given else {"files": {"file": self.file()}, "fields": self.fields(house)}
        if "json" in given:
            return send_json(house, self.operation, given["json"])
        return upload(house, self.operation, **given, **more)

    def target(self, house: House) -> str:
        """The beginning of the path at the provider."""
        return self.path.format(**house.places[self.connection].settings)

    def arrivals(self, house: House, *, complete: bool | None = None) -> list[dict[str, Any]]:
        """The requests that brought it there, or a part of it."""
        target, method = self.target(house), self.method
        return [
            entry
            for entry in house.sandbox.ledger(self.connection, complete=complete)
            if entry["method"] == method and entry["path"].startswith(target) and mine(house, self, entry)
        ]


def mine(house: House, sample: Sample, entry: Mapping[str, Any]) -> bool:
    """Whether a request was made for this house: by its key, or (presigned) to an object of its own."""
    return entry["authorization"] is None or house.places[sample.connection].key in _decoded(entry["authorization"])


def _decoded(authorization: str) -> str:
    import base64
    import binascii

    try:
        return authorization + base64.b64decode(authorization.removeprefix("Basic ")).decode()
    except (binascii.Error, UnicodeDecodeError):
        return authorization


def _seal(_house: House) -> Given:
    issued = sat.issue()
    cer = ("sello.cer", "application/octet-stream", issued.cer)
    key = ("sello.key", "application/octet-stream", issued.key)
    return {"files": {"cer": cer, "key": key}, "fields": {"password": issued.password}}


def _fiel(_house: House) -> Given:
    issued = sat.issue(kind="fiel")
    cer = ("fiel.cer", "application/octet-stream", issued.cer)
    key = ("fiel.key", "application/octet-stream", issued.key)
    return {"files": {"cer": cer, "key": key}, "fields": {"password": issued.password}}


def _legal(_house: House) -> Given:
    return {"json": {"name": "Acme", "legal_name": "ACME", "tax_system": "601", "zip": "06000"}}


def document_at_factify(house: House) -> str:
    """Make a document there, past the gateway; its id."""
    place = house.places["factify"]
    answer = requests.post(
        f"{place.base_url}/v1beta/documents",
        files={"payload": ("a.pdf", files.pdf(2000), "application/pdf")},
        data={"title": "A"},
        headers={"Authorization": f"Bearer {place.key}"},
        timeout=10,
    )
    made: str = answer.json()["document"]["id"]
    return made


SAMPLES: Final = (
    Sample(
        operation="facturapi/certificate",
        method="PUT",
        path="/facturapi/v2/organizations/{organization_id}/certificate",
        given=_seal,
    ),
    Sample(
        operation="facturapi/fiel",
        method="PUT",
        path="/facturapi/v2/organizations/{organization_id}/fiel",
        given=_fiel,
    ),
    Sample(
        operation="facturapi/legal",
        method="PUT",
        path="/facturapi/v2/organizations/{organization_id}/legal",
        given=_legal,
    ),
    Sample(
        operation="facturapi/logo",
        method="PUT",
        path="/facturapi/v2/organizations/{organization_id}/logo",
        type="png",
        size=400_000,
    ),
    Sample(
        operation="formkiq/document",
        method="PUT",
        path="/",
        type="pdf",
        fields=lambda _: {"path": f"{secrets.token_hex(4)}/{{filename}}"},
    ),
    Sample(
        operation="codat/file",
        method="POST",
        path="/codat/companies/{company_id}/connections/{connection_id}/files",
        size=6 * MIB,
        type="csv",
    ),
    Sample(
        operation="factify/document",
        method="POST",
        path="/factify/v1beta/documents",
        type="pdf",
        part="payload",
        fields=lambda _: {"title": "Contrato"},
    ),
    Sample(
        operation="factify/version",
        method="POST",
        path="/factify/v1beta/documents/",
        type="pdf",
        part="payload",
        fields=lambda house: {"document_id": document_at_factify(house), "title": "v2"},
    ),
    Sample(
        operation="flatfile/file",
        method="POST",
        path="/flatfile/v1/files",
        type="csv",
    ),
)
BY_OPERATION: Final = {sample.operation: sample for sample in SAMPLES}
STREAMED: Final = tuple(sample for sample in SAMPLES if sample.streams)
