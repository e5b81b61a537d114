"""The same points by the vendor's own package, unchanged but for its base URL."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.codat.conftest import (
    ACME,
    BANKING,
    DOCUMENTS,
    EMPTY,
    KEY,
    STRANGER,
    THEIRS,
    XERO,
    Codat,
    authorization,
)
from tests.vendors.driving import Driver

if TYPE_CHECKING:
    from tests.servers import Sandbox

pytestmark = pytest.mark.live

NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def driver(started: Sandbox) -> Iterator[Driver]:
    with Driver.running("codat", base_url=f"{started.url}/codat", key=authorization(KEY)) as driver:
        yield driver


@pytest.fixture
def client(driver: Driver, codat: Codat) -> Driver:
    """The package, and two clients of the service as new."""
    return driver


def upload(name: str = "statement.pdf", content: bytes = b"%PDF-1", **changes: Any) -> dict[str, Any]:
    file = {"file_name": name, "content": content}
    return {"company_id": ACME, "connection_id": BANKING, "file_upload": {"file": file}} | changes


def content(answer: dict[str, Any]) -> bytes:
    return base64.b64decode(answer["value"]["$base64"])


def test_1_the_vendors_client_gets_in_with_the_key_alone(client: Driver) -> None:
    assert client.call("list_files", company_id=ACME) == {"ok": True, "value": []}
    # One trailing slash of the base URL is its own business.
    assert client.call("list_files", company_id=ACME, base_url=client.base_url + "/")["ok"]
    for key in (authorization(KEY + ":"), KEY):
        refused = client.call("list_files", company_id=ACME, key=key)["error"]
        assert (refused["type"], refused["data"]["statusCode"]) == ("Schema", 401)


def test_1_the_vendors_client_has_types_of_its_own_for_403(client: Driver) -> None:
    for method, arguments in (("upload_files", upload()), ("list_files", {"company_id": ACME})):
        refused = client.call(method, key=authorization(STRANGER), **arguments)["error"]
        expected = "UploadFilesErrorMessage" if method == "upload_files" else "ListFilesErrorMessage"
        assert (refused["type"], refused["data"]["statusCode"]) == (expected, 403)


def test_2_the_vendors_clients_part_is_taken_and_shown_by_the_ledger(client: Driver, running: Sandbox) -> None:
    assert client.call("upload_files", **upload()) == {"ok": True, "value": None}
    (entry,) = running.ledger("codat")
    assert (entry["method"], entry["complete"], entry["status"]) == ("POST", True, 200)
    (part,) = entry["parts"]
    assert (part["name"], part["filename"], part["size"]) == ("fileName", "statement.pdf", 6)


def test_2_the_vendors_client_without_a_file_is_told_so(client: Driver) -> None:
    refused = client.call("upload_files", company_id=ACME, connection_id=BANKING)["error"]
    assert (refused["type"], refused["data"]["validation"]["errors"][0]["itemId"]) == ("Schema", "file")


@pytest.mark.parametrize("suffix", ["", "_async"])
def test_3_4_5_the_vendors_client_makes_all_its_calls(client: Driver, running: Sandbox, suffix: str) -> None:
    running.clock("2025-03-04T10:00:00Z")
    assert client.call(f"upload_files{suffix}", **upload(content=b"%PDF-1 one"))["ok"]
    assert client.call(f"upload_files{suffix}", **upload("deck.pptx", b"two", connection_id=DOCUMENTS))["ok"]
    listed = client.call(f"list_files{suffix}", company_id=ACME)["value"]
    assert [(one["fileName"], one["displayName"], one["sourceType"]) for one in listed] == [
        ("statement.pdf", None, "Banking"),
        ("deck.pptx", None, "Other"),
    ]
    assert listed[0]["uploaded"].startswith("2025-03-04T10:00:0")
    got = content(client.call(f"download_files{suffix}", company_id=ACME, date_="2025-03-04T00:00:00Z"))
    with zipfile.ZipFile(io.BytesIO(got)) as archive:
        assert archive.read("Banking file upload/statement.pdf") == b"%PDF-1 one"
        assert archive.read("Business documents file upload/deck.pptx") == b"two"
    none = content(client.call(f"download_files{suffix}", company_id=ACME, date_="2025-03-05"))
    assert zipfile.ZipFile(io.BytesIO(none)).namelist() == []
    assert client.call(f"list_files{suffix}", company_id=EMPTY)["value"] == []


def test_6_7_the_vendors_client_reads_the_whole_error(client: Driver) -> None:
    missing = client.call("upload_files", **upload(connection_id=NOBODY))["error"]
    assert missing["type"] == "Schema"
    assert missing["data"] == {
        "canBeRetried": "Unknown",
        "correlationId": missing["data"]["correlationId"],
        "detailedErrorCode": 0,
        "error": f"Data connection {NOBODY} not found",
        "service": "PublicApi",
        "statusCode": 404,
        "validation": None,
    }
    nobody = client.call("list_files", company_id=NOBODY)["error"]["data"]
    assert (nobody["statusCode"], nobody["service"]) == (404, "ClientsApi")


def test_6_the_vendors_client_does_not_read_what_is_wrong_with_a_download(client: Driver, running: Sandbox) -> None:
    assert client.call("download_files", company_id=NOBODY)["error"]["type"] == "ResponseNotRead"
    assert [one["status"] for one in running.ledger("codat")] == [404]


@pytest.mark.parametrize(
    "changes",
    [{"name": "a.exe"}, {"content": bytes(10_000_001)}, {"connection_id": XERO}],
    ids=["type", "size", "connection"],
)
def test_7_the_vendors_client_gets_what_is_wrong(client: Driver, changes: dict[str, Any]) -> None:
    refused = client.call("upload_files", **upload(**changes))["error"]
    assert (refused["type"], refused["data"]["statusCode"]) == ("Schema", 400)
    assert refused["data"]["validation"]["errors"][0]["message"]


@pytest.mark.parametrize(
    ("status", "type_"),
    [(402, "Schema"), (429, "Schema"), (500, "Schema"), (503, "Schema"), (408, "SDKError"), (413, "SDKError")],
)
def test_8_the_vendors_client_meets_each_switch(client: Driver, running: Sandbox, status: int, type_: str) -> None:
    running.fault(provider="codat", action="status", status=status)
    refused = client.call("upload_files", **upload())["error"]
    told = refused["data"]["statusCode"] if type_ == "Schema" else refused["status_code"]
    assert (refused["type"], told) == (type_, status)


def test_8_the_vendors_client_as_it_is_goes_on_after_a_fault(client: Driver, running: Sandbox) -> None:
    running.fault(provider="codat", action="status", status=503)
    assert client.call("upload_files", retries="default", **upload())["ok"]
    assert [one["status"] for one in running.ledger("codat")] == [503, 200]


def test_9_an_upload_that_the_vendors_client_repeats_shows_twice(
    client: Driver, codat: Codat, running: Sandbox
) -> None:
    running.fault(provider="codat", action="drop_answer")
    assert client.call("upload_files", **upload())["error"]["type"] == "RemoteProtocolError"
    assert client.call("upload_files", **upload())["ok"]
    assert codat.names() == ["statement.pdf"] * 2


def test_a_client_reaches_its_own_companies_only(client: Driver) -> None:
    assert client.call("list_files", company_id=THEIRS, key=authorization(STRANGER)) == {"ok": True, "value": []}
