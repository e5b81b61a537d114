"""Codat's own package, unchanged, through the gateway."""

from __future__ import annotations

import base64
import io
import uuid
import zipfile
from collections.abc import Iterator
from typing import Any, Final

import pytest

from app.passthrough.base import Told
from app.passthrough.codat import STATUSES, Codat
from app.records.states import State
from tests.passthrough.desk import Desk
from tests.passthrough.recorded import recorded
from tests.relay.files import csv, pdf
from tests.relay.packages import Client

pytestmark = pytest.mark.live

CONTENT: Final = csv(4_000)


@pytest.fixture
def client(desk: Desk) -> Iterator[Client]:
    with Client.of(desk.through(), "codat") as running:
        yield running


def place(client: Client) -> dict[str, str]:
    return {name: str(value) for name, value in client.place.settings.items()}


def upload(client: Client, name: str = "statement.csv", content: bytes = CONTENT, **more: Any) -> Any:
    """The whole of its answer."""
    assert client.driver
    request: dict[str, Any] = {**place(client), "file_upload": {"file": {"file_name": name, "content": content}}}
    return client.driver.call("upload_files", **(request | more))


def ledger(desk: Desk, method: str = "POST") -> list[dict[str, Any]]:
    return [entry for entry in desk.house.sandbox.ledger("codat") if entry["method"] == method]


def test_the_package_uploads_lists_and_downloads(desk: Desk, client: Client) -> None:
    assert upload(client) == {"ok": True, "value": None}
    (entry,) = ledger(desk)
    (part,) = entry["parts"]
    assert (part["name"], part["filename"], part["size"]) == ("fileName", "statement.csv", len(CONTENT))
    own = base64.b64encode(desk.house.places["codat"].key.encode()).decode()
    assert entry["authorization"] == f"Basic {own}"
    (listed,) = client.call("list_files", company_id=place(client)["company_id"])
    assert listed["fileName"] == "statement.csv"
    content = client.call("download_files", company_id=place(client)["company_id"])["$base64"]
    archive = zipfile.ZipFile(io.BytesIO(base64.b64decode(content)))
    assert archive.read(archive.infolist()[0]) == CONTENT
    (made,) = desk.uploads()
    assert (made.state, made.operation, made.mode) == (State.DELIVERED, "codat/file", "relay")


def test_the_package_does_the_same_asynchronously(desk: Desk, client: Client) -> None:
    assert client.driver
    request: dict[str, Any] = {
        **place(client),
        "file_upload": {"file": {"file_name": "statement.csv", "content": CONTENT}},
    }
    assert client.driver.call("upload_files_async", **request)["ok"]
    (listed,) = client.call("list_files_async", company_id=place(client)["company_id"])
    assert listed["fileName"] == "statement.csv"


def test_what_a_check_refuses_raises_its_own_error_and_never_arrives(desk: Desk, client: Client) -> None:
    told = upload(client, content=pdf(4_000))["error"]
    assert told["type"] == "Schema"
    data = told["data"]
    assert (data["statusCode"], data["canBeRetried"]) == (400, "False")
    assert data["validation"]["errors"][0]["validatorName"] == "other-content"
    assert [entry for entry in ledger(desk) if entry["complete"]] == []
    assert [one.state for one in desk.uploads()] == [State.REJECTED]


@pytest.mark.parametrize("method", ["upload_files", "list_files", "download_files"])
def test_the_provider_sees_no_difference(desk: Desk, client: Client, method: str) -> None:
    house = desk.house
    given: dict[str, Any] = {"company_id": place(client)["company_id"]}
    if method == "upload_files":
        given = {**place(client), "file_upload": {"file": {"file_name": "año “1”.csv", "content": CONTENT}}}
    own = base64.b64encode(house.places["codat"].key.encode()).decode()
    client.call(method, **given)
    (ours,) = recorded(desk, "codat", own)
    with Client.of(house, "codat") as directly:
        directly.call(method, **given)
    (theirs,) = recorded(desk, "codat", own)
    assert ours == theirs


@pytest.mark.attack("tenants", "what is another's at a provider whose key opens both", "404")
def test_another_company_is_not_there(desk: Desk, client: Client) -> None:
    for name in ("company_id", "connection_id"):
        other: dict[str, Any] = {name: str(uuid.uuid4())}
        told = upload(client, **other)["error"]
        assert (told["type"], told["data"]["statusCode"]) == ("Schema", 404)
    assert client.driver
    told = client.driver.call("list_files", company_id=str(uuid.uuid4()))["error"]
    assert (told["type"], told["data"]["statusCode"]) == ("Schema", 404)
    assert desk.house.sandbox.ledger("codat") == []


def test_a_key_that_is_none_raises_its_own_error(desk: Desk, client: Client) -> None:
    assert client.driver
    for key in ("Basic !", "Basic dm50X2xpdmVfbm9uZQ==", f"Bearer {desk.token}"):
        told = client.driver.call("list_files", key=key, company_id=place(client)["company_id"])["error"]
        assert (told["type"], told["data"]["statusCode"]) == ("Schema", 401)


def test_what_is_in_no_row_or_says_no_is_refused_with_its_reason(desk: Desk) -> None:
    key = {"Authorization": "Basic " + base64.b64encode(desk.token.encode()).decode()}
    denied = desk.ask("POST", "codat/companies", b"{}", headers=key)
    assert (denied.status, denied.json["statusCode"]) == (403, 403)
    assert "POST /companies" in denied.json["error"]
    assert desk.ask("GET", "codat/meters", headers=key).status == 403
    assert desk.house.sandbox.ledger("codat") == []


def test_its_errors_of_its_own_pass_as_they_are(desk: Desk, client: Client) -> None:
    path = f"/codat/companies/{place(client)['company_id']}/files"
    desk.house.sandbox.fault(provider="codat", action="status", status=402, method="GET", path=path)
    assert client.driver
    told = client.driver.call("list_files", company_id=place(client)["company_id"])["error"]
    assert (told["type"], told["data"]["statusCode"]) == ("Schema", 402)


@pytest.mark.parametrize("action", ["drop_answer", "truncate"])
def test_its_blind_retry_is_answered_from_what_arrived(desk: Desk, client: Client, action: str) -> None:
    """Its own policy comes again without a key; what had arrived is found, and no second one is sent."""
    desk.house.sandbox.fault(provider="codat", action=action, method="POST")
    assert upload(client, retries="default") == {"ok": True, "value": None}
    assert len(ledger(desk)) == 1
    assert len(client.call("list_files", company_id=place(client)["company_id"])) == 1


def test_a_fault_that_passes_is_tried_again_by_the_package(desk: Desk, client: Client) -> None:
    desk.house.sandbox.fault(provider="codat", action="status", status=503, method="POST", times=2)
    assert upload(client, retries="default") == {"ok": True, "value": None}
    assert [entry["status"] for entry in ledger(desk)] == [503, 503, 200]
    assert len(client.call("list_files", company_id=place(client)["company_id"])) == 1


@pytest.mark.parametrize(
    "status", [400, 401, 403, 404, 405, 408, 409, 411, 413, 415, 422, 429, 500, 502, 503, 504, 507]
)
def test_whatever_is_refused_is_one_of_the_statuses_that_it_knows(status: int) -> None:
    spelled = Codat().spell(Told(status=status, slug="anything", detail="So.", field="file", retry_after=7))
    assert spelled.status in STATUSES
    assert spelled.body["statusCode"] == spelled.status
    assert spelled.body["canBeRetried"] in {"True", "False", "Unknown"}
    assert spelled.headers == {"Retry-After": "7"}
