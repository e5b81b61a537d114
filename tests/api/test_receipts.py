"""The receipt of an upload, as services get it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from app.database import Database
from app.records import receipts
from app.records.sealing import seal
from app.records.signing import Keys
from app.sandbox.sat import issue
from app.tenants.vault import Vault
from tests.api.conftest import PNG, Desk
from tests.api.test_entrance import READS


@pytest.fixture
def seal_all(worker: Database, vault: Vault) -> Callable[[], None]:
    def seal_all() -> None:
        seal(worker, vault)

    return seal_all


def test_a_receipt_is_there_once_it_is_sealed(desk: Desk, seal_all: Callable[[], None]) -> None:
    made = desk.hand_in(external_id="logo-" + secrets.token_hex(2), file=("logo.png", PNG)).get_json()
    path = f"/api/v1/uploads/{made['id']}/receipt"
    early = desk.ask("GET", path)
    assert (early.status_code, early.get_json()["type"], early.headers["Retry-After"]) == (
        404,
        "/docs/problems#not-sealed",
        "1",
    )
    seal_all()
    found = desk.ask("GET", path, "read")
    assert (found.status_code, found.content_type) == (200, "application/json")
    assert f"acuse-{desk.mine.slug}-000001.json" in found.headers["Content-Disposition"]
    with desk.database.doors() as session:
        body = receipts.check(found.data, Keys.load(session))
    (file,) = body["upload"]["files"]
    assert (file["name"], file["size"], file["sha256"]) == (made["filename"], made["size"], made["sha256"])
    assert body["upload"]["id"] == made["id"]
    assert body["upload"]["through"]["kind"] == "token"
    assert body["upload"]["external_id"] == made["external_id"]
    assert body["organization"]["slug"] == desk.mine.slug
    assert (body["delivery"]["operation"], body["delivery"]["connection"]) == ("facturapi/logo", "facturapi")
    assert body["delivery"]["reference"] == made["reference"]


def test_what_was_not_delivered_has_none(desk: Desk, seal_all: Callable[[], None]) -> None:
    desk.fault("status", status=400, body={"message": "No."})
    failed = desk.hand_in().get_json()
    seal_all()
    answer = desk.ask("GET", f"/api/v1/uploads/{failed['upload']}/receipt")
    assert (answer.status_code, answer.get_json()["upload"]) == (404, failed["upload"])
    assert "Retry-After" not in answer.headers


@pytest.mark.parametrize(("token", "status"), READS.items())
def test_a_receipt_is_its_organizations(
    desk: Desk, seal_all: Callable[[], None], token: str | None, status: int
) -> None:
    made = desk.hand_in().get_json()
    seal_all()
    assert desk.ask("GET", f"/api/v1/uploads/{made['id']}/receipt", token).status_code == status


def test_there_is_no_such_upload(desk: Desk) -> None:
    answer = desk.ask("GET", f"/api/v1/uploads/{uuid4()}/receipt")
    assert (answer.status_code, json.loads(answer.data)["type"]) == (404, "/docs/problems#not-found")


def test_a_certificates_receipt_says_nothing_of_its_key(desk: Desk, seal_all: Callable[[], None]) -> None:
    issued = issue(rfc="EKU9003173C9")
    made = desk.hand_in(
        desk.mine.to_certificate,
        replace="true",
        cer=("a.cer", issued.cer),
        key=("a.key", issued.key),
        password=issued.password,
    )
    assert made.status_code == 201, made.data
    seal_all()
    text = desk.ask("GET", f"/api/v1/uploads/{made.get_json()['id']}/receipt").text
    upload, _ = desk.upload(made.get_json()["id"])
    body = json.loads(text)["receipt"]["upload"]
    assert body["certificate"].keys() == {"serial", "valid_from", "valid_until"}
    assert body["certificate"]["serial"] == upload.facts["number"]
    assert body["files"] == []
    assert UUID(body["id"]) == upload.id
    for part in upload.parts:
        assert part["sha256"] not in text
        assert part["filename"] not in text
