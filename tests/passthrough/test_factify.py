"""Factify's own package, unchanged, through the gateway: all that it can do, and how it hears a no."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from app.passthrough.faces import FACES
from app.passthrough.rules import Verdict
from app.records.states import State
from app.tenants import connections
from tests.passthrough.desk import Desk
from tests.passthrough.recorded import recorded
from tests.relay.files import pdf
from tests.sandbox.factify.conftest import KEY, SEED, Factify
from tests.sandbox.factify.test_vendors_client import CALLS, Scene, within
from tests.vendors.driving import Driver

pytestmark = pytest.mark.live

RULES = FACES["factify"].rules
ASKED = [row.call for row in RULES if row.verdict is Verdict.ASK]
#: What no connection is opened for.
DENIED = {"api_keys.create", "api_keys.revoke"}
FILE = {"file_name": "año “1”.pdf", "content": pdf(4_000), "content_type": "application/pdf"}


@pytest.fixture
def factify(desk: Desk) -> Iterator[Factify]:
    """The account that the sandbox's own tests call, behind the desk's connection; nobody speaks of it but the test."""
    desk.house.sandbox.seed(**SEED)
    speak_as(desk, KEY)
    with requests.Session() as http:
        http.trust_env = False
        yield Factify(base_url=desk.house.places["factify"].base_url, http=http, sandbox=desk.house.sandbox)


@pytest.fixture
def client(desk: Desk) -> Iterator[Driver]:
    """The package, as it is given the gateway for the vendor."""
    place = desk.place("factify")
    with Driver.running("factify", base_url=place.base_url, key=place.key) as driver:
        yield driver


def speak_as(desk: Desk, key: str) -> None:
    """Give the connection another credential."""
    house = desk.house
    with house.database.transaction(house.organization.id) as session:
        connections.set_credential(session, desk.vault, house.connections["factify"], {"token": SecretStr(key)})


def value(answer: dict[str, Any]) -> Any:
    assert answer["ok"], answer
    return answer["value"]


@pytest.mark.parametrize("method", sorted(CALLS.keys() - DENIED))
def test_the_package_can_do_everything_and_the_provider_sees_no_difference(
    desk: Desk, factify: Factify, client: Driver, method: str
) -> None:
    desk.open("factify", *ASKED)
    call, scene = CALLS[method], Scene(factify)
    given = call.given(scene)
    if "payload" in given:
        given["payload"] = FILE  # one that the gateway takes for a PDF, too
    key = scene[call.key] if call.key else KEY
    speak_as(desk, key)
    desk.house.sandbox.control("DELETE", "/ledger")
    answer = client.call(method, **given)
    assert answer["ok"], answer
    (ours,) = recorded(desk, "factify", key)
    assert within(call.shows(scene), answer["value"]), answer["value"]
    desk.house.sandbox.control("DELETE", "/ledger")
    client.call(method, base_url=factify.base_url, key=key, **given)
    (theirs,) = recorded(desk, "factify", key)
    assert ours == theirs


@pytest.mark.parametrize("method", sorted(DENIED))
def test_the_package_hears_a_no_as_the_vendors_own(desk: Desk, factify: Factify, client: Driver, method: str) -> None:
    desk.open("factify", *ASKED)
    given = CALLS[method].given(Scene(factify))
    desk.house.sandbox.control("DELETE", "/ledger")
    error = client.call(method, **given)["error"]
    assert (error["type"], error["status_code"]) == ("ErrorResponse", 403)
    assert error["data"]["details"][0]["reason"] == "insufficient_permissions"
    assert "the gateway" in error["data"]["message"]
    assert desk.house.sandbox.ledger("factify") == []


@pytest.mark.parametrize("method", ["documents.create", "documents.create_async"])
def test_a_document_is_an_upload(desk: Desk, factify: Factify, client: Driver, method: str) -> None:
    made = value(client.call(method, title="Título «1»", access_level="private", payload=FILE))
    (upload,) = desk.uploads()
    assert (upload.state, upload.operation, upload.mode) == (State.DELIVERED, "factify/document", "relay")
    assert upload.reference == made["document"]["id"]


def test_the_package_follows_pages(desk: Desk, factify: Factify, client: Driver) -> None:
    for number in range(3):
        factify.document(title=f"Contrato {number}")
    listed = value(client.call("documents.list", page_size=2, every_page=True))
    assert [one["title"] for one in listed] == ["Contrato 2", "Contrato 1", "Contrato 0"]


@pytest.mark.parametrize("method", ["documents.create", "documents.create_async"])
def test_the_package_tries_again_and_makes_one_document(
    desk: Desk, factify: Factify, client: Driver, method: str
) -> None:
    path = "/factify/v1beta/documents"
    desk.house.sandbox.fault(provider="factify", method="POST", path=path, action="status", status=503, times=2)
    made = value(client.call(method, title="Contrato", payload=FILE, retries=True))
    assert factify.titles() == ["Contrato"]
    assert [one.state for one in desk.uploads()] == [State.FAILED, State.FAILED, State.DELIVERED]
    assert desk.uploads()[-1].reference == made["document"]["id"]


def test_the_package_tries_again_what_has_arrived_and_hears_of_it(desk: Desk, factify: Factify, client: Driver) -> None:
    path = "/factify/v1beta/documents"
    desk.house.sandbox.fault(provider="factify", method="POST", path=path, action="drop_answer")
    desk.house.sandbox.fault(provider="factify", method="GET", path=path, action="status", status=503)
    made = value(client.call("documents.create", title="Contrato", payload=FILE, retries=True, timeout_ms=60_000))
    assert factify.titles() == ["Contrato"]
    (upload,) = desk.uploads()
    assert (upload.state, upload.reference) == (State.DELIVERED, made["document"]["id"])


def test_the_package_reads_every_field_of_a_refusal(desk: Desk, factify: Factify, client: Driver) -> None:
    broken = FILE | {"content": b"%PDF-1.4\nno more"}
    error = client.call("documents.create", title="Contrato", payload=broken)["error"]
    assert (error["type"], error["status_code"]) == ("ErrorResponse", 400)
    (upload,) = desk.uploads()
    (detail,) = error["data"]["details"]
    assert error["data"]["code"] == "invalid_argument"
    assert detail == {"reason": "invalid_field_value", "param": "payload", "request_id": str(upload.id)}
    assert factify.titles() == []
