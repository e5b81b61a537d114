"""Flatfile's own package, unchanged, through the gateway."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from app.passthrough.base import Told
from app.passthrough.faces import FACES
from app.passthrough.rules import Verdict
from app.records.states import State
from tests.passthrough.desk import Desk
from tests.passthrough.recorded import recorded
from tests.relay.files import csv, pdf
from tests.relay.packages import Client
from tests.vendors.driving import FOLDER

pytestmark = pytest.mark.live

RULES: Final = FACES["flatfile"].rules
ASKED: Final = [row.call for row in RULES if row.verdict is Verdict.ASK]
CONTENT: Final = csv(4_000)
KINDS: Final = ("", "async:")


@pytest.fixture
def client(desk: Desk) -> Iterator[Client]:
    with Client.of(desk.through(), "flatfile") as running:
        yield running


@pytest.fixture
def directly(desk: Desk) -> Iterator[Client]:
    with Client.of(desk.house, "flatfile") as running:
        yield running


def where(client: Client) -> dict[str, str]:
    return {name: client.place.settings[name] for name in ("space_id", "environment_id")}


def call(client: Client, method: str, **arguments: Any) -> Any:
    """The whole of its answer."""
    assert client.driver
    return client.driver.call(method, **arguments)


def upload(client: Client, kind: str = "", **more: Any) -> Any:
    return call(client, f"{kind}files.upload", **({**where(client), "file": ["a.csv", CONTENT, "text/csv"]} | more))


def made(client: Client) -> str:
    """The id of a file."""
    return str(upload(client)["value"]["data"]["id"])


@pytest.mark.parametrize("kind", KINDS)
def test_the_package_uploads_lists_gets_and_downloads(desk: Desk, client: Client, kind: str) -> None:
    answer = upload(client, kind, mode="import")
    assert answer["ok"], answer
    file_id = answer["value"]["data"]["id"]
    listed = call(client, f"{kind}files.list", space_id=where(client)["space_id"])["value"]
    assert [one["id"] for one in listed["data"]] == [file_id]
    assert call(client, f"{kind}files.get", file_id=file_id)["value"]["data"]["name"] == "a.csv"
    downloaded = call(client, f"{kind}files.download", file_id=file_id)["value"]
    assert downloaded == {"$base64": base64.b64encode(CONTENT).decode()}
    (upload_,) = desk.uploads()
    assert (upload_.state, upload_.operation, upload_.mode) == (State.DELIVERED, "flatfile/file", "relay")
    assert upload_.reference == file_id


def deletion(client: Client) -> dict[str, Any]:
    return {"file_id": made(client)}


#: A call, and what it is given.
CALLS: Final[dict[str, Any]] = {
    "files.upload": lambda client: {**where(client), "file": ["a.csv", CONTENT, "text/csv"], "mode": "export"},
    "files.list": lambda client: {"space_id": where(client)["space_id"], "page_size": 5},
    "files.get": deletion,
    "files.update": lambda client: {"file_id": made(client), "name": "b.csv"},
    "files.download": deletion,
    "files.delete": deletion,
    "environments.create": lambda _: {"name": "staging", "is_prod": False, "guest_authentication": ["magic_link"]},
    "environments.get": lambda client: {"environment_id": where(client)["environment_id"]},
    "environments.list": lambda _: {"page_size": 5},
    "spaces.create": lambda client: {"name": "April", "environment_id": where(client)["environment_id"]},
    "spaces.get": lambda client: {"space_id": where(client)["space_id"]},
    "spaces.list": lambda client: {"environment_id": where(client)["environment_id"]},
}


@pytest.mark.parametrize("method", CALLS)
def test_the_provider_sees_no_difference(desk: Desk, client: Client, directly: Client, method: str) -> None:
    desk.open("flatfile", *ASKED)
    key = desk.house.places["flatfile"].key
    given = CALLS[method](directly)
    recorded(desk, "flatfile", key)
    assert call(client, method, **given)["ok"]
    (ours,) = recorded(desk, "flatfile", key)
    if method == "files.delete":
        given = CALLS[method](directly)
        recorded(desk, "flatfile", key)
    assert call(directly, method, **given)["ok"]
    (theirs,) = recorded(desk, "flatfile", key)
    if method == "files.delete":  # another one, for the first is gone
        ours["path"], theirs["path"] = (one["path"].rpartition("/")[0] for one in (ours, theirs))
    assert ours == theirs


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_check_refuses_raises_its_own_error_and_never_arrives(desk: Desk, client: Client, kind: str) -> None:
    error = upload(client, kind, file=["a.csv", pdf(4_000), "text/csv"])["error"]
    assert (error["type"], error["status_code"]) == ("BadRequestError", 400)
    (told,) = error["body"]["errors"]
    assert told["key"] == "file"
    assert "CSV" in told["message"]
    assert not [one for one in desk.house.sandbox.ledger("flatfile", complete=True) if one["method"] == "POST"]
    assert [one.state for one in desk.uploads()] == [State.REJECTED]


@pytest.mark.parametrize("kind", KINDS)
def test_its_errors_of_its_own_raise_as_they_do(desk: Desk, client: Client, kind: str) -> None:
    for method in ("files.get", "files.download"):
        error = call(client, kind + method, file_id="us_fl_none")["error"]
        assert (error["type"], error["status_code"]) == ("NotFoundError", 404)
    desk.open("flatfile", "PATCH /files/{file}")
    error = call(client, f"{kind}files.update", file_id=made(client), mode="sideways")["error"]
    assert error["type"] == "BadRequestError"


@pytest.mark.parametrize("kind", KINDS)
def test_its_timeout_is_its_own(desk: Desk, client: Client, kind: str) -> None:
    desk.house.sandbox.fault(provider="flatfile", action="stall", method="GET")
    options = {"timeout_in_seconds": 1}
    error = call(client, f"{kind}files.get", file_id="us_fl_none", request_options=options)["error"]
    assert error["type"] == "ReadTimeout"


def test_a_provider_that_says_nothing_is_an_error_of_its_kind(desk: Desk, client: Client) -> None:
    desk.house.sandbox.fault(provider="flatfile", action="stall", method="GET")
    error = call(client, "files.get", file_id="us_fl_none")["error"]
    assert (error["type"], error["is_api_error"], error["status_code"]) == ("ApiError", True, 504)
    assert error["body"]["errors"][0]["message"]


@pytest.mark.attack("tenants", "what is another's at a provider whose key opens both", "404")
@pytest.mark.parametrize("name", ["space_id", "environment_id"])
def test_another_place_is_not_there(desk: Desk, client: Client, directly: Client, name: str) -> None:
    """Not even one of the same account, which the key would open."""
    account = desk.house.places["flatfile"].seed["accounts"][0]
    other = {"space_id": f"us_sp_{secrets.token_hex(4)}", "environment_id": f"us_env_{secrets.token_hex(4)}"}
    environments = [*account["environments"], {"id": other["environment_id"], "name": "other"}]
    spaces = [
        *account["spaces"],
        {"id": other["space_id"], "name": "O", "environment_id": where(client)["environment_id"]},
    ]
    desk.house.sandbox.seed(flatfile={"accounts": [{**account, "environments": environments, "spaces": spaces}]})
    error = upload(client, **{name: other[name]})["error"]
    assert error["status_code"] == 404
    assert desk.house.sandbox.ledger("flatfile", complete=True) == []
    desk.open("flatfile", *ASKED)
    for method in (f"{name.removesuffix('_id')}s.get",):
        assert call(client, method, **{name: other[name]})["error"]["type"] == "NotFoundError"
        assert call(directly, method, **{name: other[name]})["ok"]
    assert call(client, "files.list", space_id=other["space_id"])["error"]["status_code"] == 404
    assert call(client, "files.list")["error"]["status_code"] == 404  # it would list the whole account's


def test_its_retry_without_the_place_is_a_bad_request_and_nothing_arrives(desk: Desk, client: Client) -> None:
    """Its own way of trying again forgets every field, and sends the file alone."""
    desk.house.sandbox.fault(provider="flatfile", action="status", status=503, method="POST")
    error = upload(client, request_options={"max_retries": 2})["error"]
    assert error["type"] in {"BadRequestError", "ApiError"}
    assert error["status_code"] in {400, 404}
    posted = [one for one in desk.house.sandbox.ledger("flatfile", complete=True) if one["method"] == "POST"]
    assert [one["status"] for one in posted] == [503]


@pytest.mark.parametrize("method", ["spaces.get", "files.delete", "environments.list"])
def test_what_has_to_be_asked_for_says_so(desk: Desk, client: Client, method: str) -> None:
    given = CALLS[method](client)
    error = call(client, method, **given)["error"]
    assert error["status_code"] == 403
    assert "is not passed on unless an operator opens the connection" in error["body"]["errors"][0]["message"]
    desk.open("flatfile", *ASKED)
    assert call(client, method, **given)["ok"]


def test_what_may_name_another_tenants_is_not_for_who_borrows() -> None:
    by_id_alone = {row.call for row in RULES if row.path.startswith("/files/") and row.verdict is not Verdict.DENY}
    assert by_id_alone
    assert not [row.call for row in RULES if row.call in by_id_alone and row.borrowed]


#: Clients of the package whose calls are weighed, one by one.
WEIGHED: Final = ("agents", "auth", "environments", "files", "secrets", "spaces")


def written() -> Iterator[tuple[str, str]]:
    """Every call that those clients of the package make, as its source has it."""
    (package,) = FOLDER.glob("flatfile/.venv/lib/python3*/site-packages/flatfile")
    for name in WEIGHED:
        source = (Path(package) / name / "client.py").read_text()
        for path, method in re.findall(r'request\(\s*f?"([^"]+)",\s*(?:base_url=[^,]+,\s*)?method="(\w+)"', source):
            yield method, "/" + re.sub(r"\{jsonable_encoder\((\w+)\)\}", "x", path)


def test_every_call_of_the_package_is_in_a_row() -> None:
    calls = set(written())
    assert len(calls) > 30
    assert not [one for one in sorted(calls) if RULES.find(*one) is None]


@pytest.mark.parametrize(
    "status", [400, 401, 403, 404, 405, 408, 409, 411, 413, 415, 422, 429, 500, 502, 503, 504, 507]
)
def test_whatever_is_refused_can_be_read(status: int) -> None:
    spelled = FACES["flatfile"].spell(Told(status=status, slug="anything", detail="So.", field="file"))
    assert spelled.status in {400, 401, 403, 404, 429} or spelled.status >= 500
    assert spelled.body == {"errors": [{"key": "file", "message": "So."}]}
