"""For every operation that a vendor's own package has, how that package does it and what it reads back afterwards."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Final

from app.local.processes import wait_until
from tests.relay.house import House, Place
from tests.relay.samples import BY_OPERATION, Given, Sample
from tests.sandbox import vendor
from tests.sandbox.factify.conftest import fetch
from tests.vendors.driving import Driver

#: What lies there, and under which id.
Back = dict[str, Any]
SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A vendor's package with an account's key."""

    place: Place
    #: Python's packages run in a process of their own; Node's is started for each call.
    driver: Driver | None

    @classmethod
    @contextmanager
    def of(cls, house: House, provider: str) -> Iterator[Client]:
        """Get it going."""
        place = house.places[provider]
        key = place.key
        if provider == "codat":
            key = "Basic " + base64.b64encode(key.encode()).decode()
        node = provider == "facturapi"
        running = nullcontext() if node else Driver.running(provider, base_url=place.base_url, key=key)
        with running as driver:
            yield cls(place=place, driver=driver)

    def call(self, method: str, **arguments: Any) -> Any:
        """Call a method of a package for Python."""
        assert self.driver
        return _value(self.driver.call(method, **arguments))

    def node(self, method: str, *arguments: Any) -> Any:
        """Call a method of the package for Node, of the account's organization."""
        organization = self.place.settings["organization_id"]
        (answer,) = vendor.calls(self.place.base_url, self.place.key, [method, organization, *arguments])
        return _value(answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packaged:
    """An operation by the vendor's package: beside `samples`, which has it by the gateway."""

    operation: str
    #: Hands the same in; the provider's id of it, where it tells one.
    hand_in: Callable[[Client, Given], str | None]
    #: What the provider gives back of the newest hand-in, without what differs between any two.
    back: Callable[[Client, str | None], Back]
    #: Where the package's request is another than the gateway's, and how: ours, theirs.
    differs: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    #: The gateway gives the file a name of its own.
    renames: bool = False

    @property
    def sample(self) -> Sample:
        return BY_OPERATION[self.operation]


def _value(answer: Any) -> Any:
    assert answer["ok"], answer
    return answer["value"]


def _bytes(value: Mapping[str, str]) -> bytes:
    return base64.b64decode(value["$base64"])


def _codat_file(client: Client, given: Given) -> None:
    name, _, content = given["files"]["file"]
    client.call("upload_files", **client.place.settings, file_upload={"file": {"file_name": name, "content": content}})


def _codat_back(client: Client, _: str | None) -> Back:
    company = client.place.settings["company_id"]
    listed = client.call("list_files", company_id=company)[-1]
    archive = zipfile.ZipFile(io.BytesIO(_bytes(client.call("download_files", company_id=company))))
    newest = archive.infolist()[-1]
    del listed["uploaded"]
    return {"listed": listed, "content": archive.read(newest)}


def _factify_document(client: Client, given: Given) -> str:
    made = client.call("documents.create", **given["fields"], payload=_payload(given))
    return str(made["document"]["id"])


def _factify_version(client: Client, given: Given) -> str:
    return str(client.call("versions.create", **given["fields"], payload=_payload(given))["id"])


def _payload(given: Given) -> dict[str, Any]:
    name, content_type, content = given["files"]["file"]
    return {"file_name": name, "content": content, "content_type": content_type}


def _factify_document_back(client: Client, id: str | None) -> Back:  # noqa: A002 - the provider's id
    def shown() -> dict[str, Any]:
        return dict(client.call("documents.get", document_id=id)["document"])

    assert wait_until(lambda: shown()["processing_status"] == "ready", SECONDS)
    told = {name: shown().get(name) for name in ("title", "description", "access_level", "processing_status")}
    return {"shown": told, "content": _exported(client, document_id=id)}


def _factify_version_back(client: Client, id: str | None) -> Back:  # noqa: A002
    def shown() -> dict[str, Any]:
        return dict(client.call("versions.get", version_id=id))

    assert wait_until(lambda: shown()["processing_status"] == "ready", SECONDS)
    told = {name: shown().get(name) for name in ("document_id", "title", "description", "processing_status")}
    return {"shown": told, "content": _exported(client, document_id=told["document_id"], version_id=id)}


def _exported(client: Client, **of: Any) -> bytes:
    place = client.call("documents.export", **of)
    status, content = fetch(place["url"], place["headers"])
    assert status == 200, content
    return content


def _flatfile_file(client: Client, given: Given) -> str:
    settings = {name: client.place.settings[name] for name in ("space_id", "environment_id")}
    name, content_type, content = given["files"]["file"]
    made = client.call("files.upload", **settings, **given["fields"], file=[name, content, content_type])
    return str(made["data"]["id"])


def _flatfile_back(client: Client, id: str | None) -> Back:  # noqa: A002
    def shown() -> dict[str, Any]:
        return dict(client.call("files.get", file_id=id)["data"])

    assert wait_until(lambda: shown()["status"] == "complete", SECONDS)
    told = {name: value for name, value in shown().items() if name not in {"id", "created_at", "updated_at"}}
    return {"shown": told, "content": _bytes(client.call("files.download", file_id=id))}


def _facturapi_certificate(client: Client, given: Given) -> None:
    files = given["files"]
    client.node("uploadCertificate", files["cer"][2], files["key"][2], given["fields"]["password"])


def _facturapi_logo(client: Client, given: Given) -> None:
    client.node("uploadLogo", given["files"]["file"][2])


def _facturapi_legal(client: Client, given: Given) -> None:
    address = {"zip": given["json"]["zip"]}
    rest = {name: value for name, value in given["json"].items() if name != "zip"}
    client.node("updateLegal", {**rest, "address": address})


def _organization(client: Client, _: str | None) -> Back:
    shown = client.node("retrieve")
    shown.get("certificate", {}).pop("updated_at", None)
    return {name: shown.get(name) for name in ("certificate", "legal", "pending_steps")} | {
        "has_logo": bool(shown.get("logo_url"))
    }


PACKAGED: Final = (
    Packaged(
        operation="codat/file",
        hand_in=_codat_file,
        back=_codat_back,
        differs={"file 1's part": ("file", "fileName")},
    ),
    Packaged(operation="factify/document", hand_in=_factify_document, back=_factify_document_back),
    Packaged(operation="factify/version", hand_in=_factify_version, back=_factify_version_back),
    Packaged(operation="flatfile/file", hand_in=_flatfile_file, back=_flatfile_back),
    Packaged(
        operation="facturapi/certificate",
        hand_in=_facturapi_certificate,
        back=_organization,
        differs={
            "file 1's name": ("certificate.cer", "cer.cer"),
            "file 2's name": ("certificate.key", "key.key"),
        },
        renames=True,
    ),
    Packaged(
        operation="facturapi/logo",
        hand_in=_facturapi_logo,
        back=_organization,
        differs={
            "file 1's name": ("logo.png", "file"),
            "file 1's type": ("image/png", "application/octet-stream"),
        },
        renames=True,
    ),
    Packaged(operation="facturapi/legal", hand_in=_facturapi_legal, back=_organization),
)
#: Why there is nothing to compare with.
UNPACKAGED: Final[Mapping[str, str]] = {
    "facturapi/fiel": "the package has no call for it",
    "formkiq/document": "its client is in no registry",
}
