"""The same points by the vendor's own package, unchanged but for its base URL."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.flatfile.conftest import DEV, KEY, SPACE, Flatfile
from tests.vendors.driving import Driver

if TYPE_CHECKING:
    from tests.servers import Sandbox

pytestmark = pytest.mark.live

CSV = b"a,b\n1,2\n"


@pytest.fixture(scope="module")
def driver(started: Sandbox) -> Iterator[Driver]:
    with Driver.running("flatfile", base_url=f"{started.url}/flatfile/v1", key=KEY) as driver:
        yield driver


@pytest.fixture
def client(driver: Driver, flatfile: Flatfile) -> Driver:
    """The package, and an account as new."""
    return driver


def upload(client: Driver, *, name: str = "orders.csv", kind: str = "", **changes: Any) -> Any:
    given = {"space_id": SPACE, "environment_id": DEV, "file": [name, CSV, "text/csv"]}
    return client.call(f"{kind}files.upload", **given | changes)


def test_1_the_vendors_client_gets_in_with_its_token(client: Driver) -> None:
    assert client.call("files.list")["value"]["data"] == []
    refused = client.call("files.list", key="sk_nobody")["error"]
    assert (refused["type"], refused["status_code"]) == ("ApiError", 401)
    assert refused["body"]["errors"][0]["message"]


def test_1_the_vendors_clients_base_url_may_end_with_a_slash(client: Driver) -> None:
    assert client.call("files.list", base_url=client.base_url + "/")["ok"]


def test_2_the_vendors_client_sends_the_parts_that_the_ledger_shows(client: Driver, running: Sandbox) -> None:
    assert upload(client, mode="import", origin="filesystem")["ok"]
    (entry,) = running.ledger("flatfile")
    assert (entry["method"], entry["complete"], entry["status"]) == ("POST", True, 200)
    assert [(one["name"], one["filename"], one["content_type"]) for one in entry["parts"]] == [
        ("spaceId", None, None),
        ("environmentId", None, None),
        ("mode", None, None),
        ("origin", None, None),
        ("file", "orders.csv", "text/csv"),
    ]
    assert entry["headers"]["X-Disable-Hooks"] == "true"


def test_2_an_upload_that_the_vendors_client_repeats_lacks_its_fields(client: Driver, running: Sandbox) -> None:
    running.fault(provider="flatfile", action="status", status=503)
    refused = upload(client, request_options={"max_retries": 1})["error"]
    assert (refused["type"], refused["body"]["errors"][0]["key"]) == ("BadRequestError", "spaceId")
    assert [[part["name"] for part in one["parts"]] for one in running.ledger("flatfile")][1] == ["file"]


def test_2_an_unknown_space_is_no_type_of_its_own(client: Driver) -> None:
    refused = upload(client, space_id="us_sp_nothing")["error"]
    assert (refused["type"], refused["status_code"]) == ("ApiError", 404)


def test_3_the_vendors_client_reads_the_whole_file(client: Driver) -> None:
    shown = upload(client)["value"]["data"]
    assert (shown["name"], shown["ext"], shown["mimetype"]) == ("orders.csv", "csv", "text/csv")
    assert (shown["status"], shown["mode"], shown["size"]) == ("partial", "import", len(CSV))
    assert shown["bytes_received"] <= shown["size"]
    assert datetime.fromisoformat(shown["created_at"]).tzinfo
    looks = [client.call("files.get", file_id=shown["id"])["value"]["data"]["status"] for _ in "12"]
    assert looks == ["partial", "complete"]


@pytest.mark.parametrize("kind", ["", "async:"])
def test_4_5_6_the_vendors_client_makes_all_calls_about_files(client: Driver, kind: str) -> None:
    def call(method: str, **arguments: Any) -> Any:
        answer = client.call(f"{kind}files.{method}", **arguments)
        return answer["value"] if answer["ok"] else answer["error"]

    file_id = upload(client, kind=kind)["value"]["data"]["id"]
    upload(client, name="second.csv", kind=kind)
    assert base64.b64decode(call("download", file_id=file_id)["$base64"]) == CSV
    page = call("list", space_id=SPACE, page_size=1, page_number=2, mode="import")
    assert ([one["id"] for one in page["data"]], page["pagination"]) == (
        [file_id],
        {"current_page": 2, "page_count": 2, "total_count": 2},
    )
    changed = call("update", file_id=file_id, name="b.csv", workbook_id="us_wb_1", status="archived")["data"]
    assert (changed["name"], changed["workbook_id"], changed["status"]) == ("b.csv", "us_wb_1", "archived")
    assert call("get", file_id=file_id)["data"]["name"] == "b.csv"
    assert call("delete", file_id=file_id) == {"data": {"success": True}}
    for method in ("get", "download", "delete", "update"):
        gone = call(method, file_id=file_id)
        assert (gone["type"], gone["is_api_error"], gone["status_code"]) == ("NotFoundError", True, 404)
        assert gone["body"]["errors"][0]["message"]


@pytest.mark.parametrize("kind", ["", "async:"])
def test_7_the_vendors_client_makes_all_calls_about_environments_and_spaces(client: Driver, kind: str) -> None:
    def call(method: str, **arguments: Any) -> Any:
        answer = client.call(kind + method, **arguments)
        assert answer["ok"], answer
        return answer["value"]["data"]

    environment = call("environments.create", name="test", is_prod=False, guest_authentication=["shared_link"])
    assert call("environments.get", environment_id=environment["id"]) == environment
    assert call("environments.get", environment_id="current")["id"] == DEV
    assert [one["id"] for one in call("environments.list", page_size=10, page_number=1)][-1] == environment["id"]
    space = call("spaces.create", name="May", environment_id=environment["id"], metadata={"a": 1})
    assert call("spaces.get", space_id=space["id"]) == space
    assert call("spaces.list", environment_id=environment["id"], search="ma") == [space]


def test_7_the_vendors_client_gets_what_is_wrong(client: Driver) -> None:
    for method, arguments, type_ in (
        ("environments.get", {"environment_id": "us_env_nothing"}, "NotFoundError"),
        ("environments.create", {"name": "", "is_prod": True}, "ApiError"),
        ("spaces.get", {"space_id": "us_sp_nothing"}, "NotFoundError"),
        ("spaces.create", {"environment_id": "us_env_nothing"}, "NotFoundError"),
        ("files.update", {"file_id": "us_fl_nothing", "name": "x"}, "NotFoundError"),
        ("spaces.list", {"page_size": 0}, "BadRequestError"),
    ):
        refused = client.call(method, **arguments)["error"]
        assert (refused["type"], refused["is_api_error"]) == (type_, True), method


def test_8_the_vendors_client_meets_each_switch(client: Driver, running: Sandbox) -> None:
    running.fault(provider="flatfile", action="status", status=429, headers={"Retry-After": "1"})
    running.fault(provider="flatfile", action="status", status=502, body="<html>Bad gateway</html>")
    running.fault(provider="flatfile", action="status", status=200, body='{"data": {"id": "us_fl')
    running.fault(provider="flatfile", action="truncate")
    running.fault(provider="flatfile", action="delay", seconds=3)
    errors = [upload(client)["error"] for _ in range(4)]
    errors.append(upload(client, request_options={"timeout_in_seconds": 1})["error"])
    assert [(one["type"], one["status_code"]) for one in errors] == [
        ("ApiError", 429),
        ("ApiError", 502),
        ("ApiError", 200),
        ("RemoteProtocolError", None),
        ("ReadTimeout", None),
    ]
    assert errors[1]["body"] == "<html>Bad gateway</html>"
    running.fault(provider="flatfile", action="status", status=429, headers={"Retry-After": "1"})
    assert client.call("files.list", request_options={"max_retries": 1})["ok"]


def test_9_the_vendors_client_may_say_that_there_is_no_mode(client: Driver, running: Sandbox) -> None:
    assert upload(client, mode=None)["value"]["data"]["mode"] == "import"
    assert ("mode", 0) in [(one["name"], one["size"]) for one in running.ledger("flatfile")[0]["parts"]]


def test_a_file_may_be_given_as_bytes_or_opened(client: Driver) -> None:
    plain = client.call("files.upload", space_id=SPACE, environment_id=DEV, file=CSV)["value"]["data"]
    assert (plain["name"], plain["mimetype"]) == ("upload", "application/octet-stream")
    large = {"name": "large.csv", "megabytes": 40}
    shown = client.call("files.upload", space_id=SPACE, environment_id=DEV, file=large)["value"]["data"]
    assert (shown["name"], shown["size"]) == ("large.csv", 40 << 20)
