"""The same points as the vendor's Python client makes its requests; the client itself is in no registry.

It keeps a pool of urllib3, sends JSON without what is not set, has its query in camel case, and takes only the one
status that each operation documents: with any other 2xx it gives back nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import urllib3

from tests.sandbox.formkiq.conftest import SEED, WRITER, Formkiq, send

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Sandbox

pytestmark = pytest.mark.live

PDF = b"%PDF-1.7 " + bytes(5000)
#: What its models take for strings where they are there at all.
STRINGS = ("siteId", "path", "contentType", "userId", "insertedDate", "lastModifiedDate", "checksum", "checksumType")


@dataclass(frozen=True, kw_only=True)
class Client:
    """Calls as it makes them."""

    host: str
    authorization: str
    pool: urllib3.PoolManager

    def call(self, status: int, method: str, path: str, body: Any = None, /, **query: Any) -> dict[str, Any]:
        headers = {
            "Accept": "application/json",
            "User-Agent": "OpenAPI-Generator/1.0.0/python",
            "Authorization": self.authorization,
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        url = self.host + path + ("?" + "&".join(f"{name}={value}" for name, value in query.items()) if query else "")
        answer = self.pool.request(
            method, url, body=None if body is None else json.dumps(body), headers=headers, retries=False
        )
        assert answer.status == status, answer.data
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture(params=["key", "token", "bare token"])
def client(running: Sandbox, request: pytest.FixtureRequest) -> Iterator[Client]:
    running.seed(**SEED)
    running.control("DELETE", "/formkiq/switches")
    token = Formkiq(running=running).token("default")
    base, authorization = {
        "key": ("", WRITER),
        "token": ("/jwt", f"Bearer {token}"),
        "bare token": ("/jwt", token),
    }[request.param]
    with urllib3.PoolManager() as pool:
        yield Client(host=f"{running.url}/formkiq{base}", authorization=authorization, pool=pool)


def test_a_document_within_a_request(client: Client) -> None:
    data = {"content": "Hello World", "contentType": "text/plain", "path": "a.txt", "isBase64": False, "tags": []}
    made = client.call(201, "POST", "/documents", data, siteId="default")
    id_ = made["documentId"]
    shown = client.call(200, "GET", f"/documents/{id_}", siteId="default")
    assert (shown["documentId"], shown["contentLength"], shown["path"]) == (id_, 11, "a.txt")
    found = client.call(200, "GET", f"/documents/{id_}/content")
    assert found == {"content": "Hello World", "contentType": "text/plain", "isBase64": False}
    assert client.call(200, "DELETE", f"/documents/{id_}", softDelete="false")["message"]
    assert client.call(404, "GET", f"/documents/{id_}")["message"]


def test_a_document_by_way_of_the_store(client: Client, running: Sandbox) -> None:
    data = {"path": "b.pdf", "contentType": "application/pdf", "tags": [{"key": "kind", "value": "invoice"}]}
    made = client.call(201, "POST", "/documents/upload", data, contentLength=len(PDF), duration=1)
    taken = send("PUT", made["url"], PDF, {"Content-Type": "application/pdf"})
    assert taken.status == 200
    id_ = made["documentId"]
    (first, *_) = client.call(200, "GET", "/documents", limit=1)["documents"]
    shown = client.call(200, "GET", f"/documents/{id_}")
    assert first == shown
    assert type(shown["contentLength"]) is int
    assert all(isinstance(shown[name], str) for name in STRINGS if name in shown)
    for path, member in (("content", "contentUrl"), ("url", "url")):
        assert send("GET", client.call(200, "GET", f"/documents/{id_}/{path}")[member]).body == PDF
    sent = running.ledger("formkiq")
    assert [entry["authorization"] for entry in sent if entry["headers"]["Host"] in running.store_url] == [None] * 3
    assert {entry["authorization"] for entry in sent if entry["headers"]["Host"] in running.url} == {
        client.authorization
    }


def test_the_other_ways_to_an_address(client: Client) -> None:
    made = client.call(200, "GET", "/documents/upload", path="c.csv", contentLength=3)
    assert send("PUT", made["url"], b"a,b", {"Content-Type": "text/csv"}).status == 200
    again = client.call(200, "GET", f"/documents/{made['documentId']}/upload")
    assert again["documentId"] == made["documentId"]
    assert send("PUT", again["url"], b"c,d,e", {"Content-Type": "text/csv"}).status == 200
    assert client.call(200, "GET", f"/documents/{made['documentId']}/content")["content"] == "c,d,e"
