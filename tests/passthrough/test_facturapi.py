"""Facturapi's own package for Node, unchanged, through the gateway."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr
from urllib3.filepost import encode_multipart_formdata

from app.passthrough.faces import FACES
from app.passthrough.rules import Verdict
from app.records.states import State
from app.sandbox import sat
from app.tenants import connections
from tests.delivery.test_deliverer import png
from tests.passthrough.desk import Desk
from tests.passthrough.recorded import recorded
from tests.sandbox import vendor

pytestmark = pytest.mark.live

PASSWORD = "Contraseña 1"
ISSUED: dict[str, Any] = {"name": "Escuela Kemper Urgate", "password": PASSWORD}
OTHER = sat.issue(rfc="CACX7605101P8", number="30001000000500003417", pair="second", **ISSUED)
FIEL = sat.issue(rfc="EKU9003173C9", number="30001000000500003418", kind="fiel", **ISSUED)
LONG_AGO = datetime(2015, 1, 1, tzinfo=UTC)
EXPIRED = sat.issue(rfc="EKU9003173C9", number="30001000000500003419", not_before=LONG_AGO, **ISSUED)
CSD = sat.issue(rfc="EKU9003173C9", name="Escuela Kemper Urgate", number="30001000000500003416", password=PASSWORD)
LOGO = png()


@pytest.fixture(scope="session", autouse=True)
def _installed() -> None:
    vendor.install()


def organization(desk: Desk) -> str:
    return str(desk.house.places["facturapi"].settings["organization_id"])


def through(desk: Desk, *calls: list[Any]) -> list[dict[str, Any]]:
    place = desk.place("facturapi")
    return vendor.calls(place.base_url, place.key, *calls)


def ledger(desk: Desk) -> list[dict[str, Any]]:
    return desk.house.sandbox.ledger("facturapi")


def test_the_package_uploads_a_certificate(desk: Desk) -> None:
    (made,) = through(desk, ["uploadCertificate", organization(desk), CSD.cer, CSD.key, PASSWORD])
    assert made["ok"], made
    assert made["value"]["certificate"]["serial_number"] == "30001000000500003416"
    (entry,) = ledger(desk)
    assert entry["authorization"] == f"Bearer {desk.house.places['facturapi'].key}"
    assert [part["name"] for part in entry["parts"]] == ["cer", "key", "password"]
    assert [part["filename"] for part in entry["parts"]] == ["cer.cer", "key.key", None]
    (upload,) = desk.uploads()
    assert (upload.state, upload.operation, upload.mode) == (State.DELIVERED, "facturapi/certificate", "direct")


def test_the_package_uploads_a_logo(desk: Desk) -> None:
    (made,) = through(desk, ["uploadLogo", organization(desk), LOGO])
    assert made["ok"], made
    assert made["value"]["customization"]["has_logo"]
    (upload,) = desk.uploads()
    assert (upload.state, upload.operation, upload.mode) == (State.DELIVERED, "facturapi/logo", "relay")


def test_what_a_check_refuses_is_refused_in_the_vendors_words_and_never_sent(desk: Desk) -> None:
    (made,) = through(desk, ["uploadCertificate", organization(desk), CSD.cer, CSD.key, "another"])
    assert made == {**made, "ok": False}
    told = made["error"]
    assert (told["status"], told["code"]) == (400, "private_key_password_incorrect"), told
    assert ledger(desk) == []
    (upload,) = desk.uploads()
    assert upload.state is State.REJECTED
    assert "another" not in json.dumps(told)


LEGAL = {"name": "Kemper", "legal_name": "ESCUELA KEMPER URGATE", "tax_system": "601", "address": {"zip": "36257"}}
#: Calls by their arguments behind the organization's id; those that have to be asked for are opened.
CALLS: dict[str, list[Any]] = {
    "retrieve": [],
    "uploadLogo": [LOGO],
    "uploadCertificate": [CSD.cer, CSD.key, PASSWORD],
    "updateLegal": [LEGAL],
    "updateCustomization": [{"color": "BADA55", "pdf_extra": {"codes": True}}],
    "deleteCertificate": [],
}


@pytest.mark.parametrize("method", CALLS)
def test_the_provider_sees_no_difference(desk: Desk, method: str) -> None:
    desk.open("facturapi", *[row.call for row in FACES["facturapi"].rules if row.verdict is Verdict.ASK])
    key = desk.house.places["facturapi"].key
    call = [method, organization(desk), *CALLS[method]]
    (made,) = through(desk, call)
    assert made["ok"], made
    (ours,) = recorded(desk, "facturapi", key)
    place = desk.house.places["facturapi"]
    (direct,) = vendor.calls(place.base_url, place.key, call)
    (theirs,) = recorded(desk, "facturapi", key)
    assert ours == theirs
    assert made["value"].keys() == direct["value"].keys()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (["me"], None),
        (["retrieve", "0" * 24], (404, "organization_not_found")),
        (["del", "{organization}"], (401, "api_key_not_allowed")),
        (["create", {"name": "Mine"}], (401, "api_key_not_allowed")),
        (["list"], (401, "api_key_not_allowed")),
        (["renewTestApiKey", "{organization}"], (401, "api_key_not_allowed")),
        (["getTestApiKey", "{organization}"], (401, "api_key_not_allowed")),
        (["uploadLogo", "{organization}", b"no picture"], (400, "invalid_image_file")),
        (["uploadLogo", "{organization}", b"<svg/>" * 100_000], (400, "payload_too_large")),
        (["uploadCertificate", "{organization}", CSD.key, CSD.cer, PASSWORD], (400, "certificate_files_invalid")),
        (
            ["uploadCertificate", "{organization}", CSD.cer, OTHER.key, PASSWORD],
            (400, "private_key_certificate_mismatch"),
        ),
        (
            ["uploadCertificate", "{organization}", OTHER.cer, OTHER.key, PASSWORD],
            (400, "certificate_previous_rfc_mismatch"),
        ),
        (["uploadCertificate", "{organization}", EXPIRED.cer, EXPIRED.key, PASSWORD], (400, "certificate_expired")),
        (["uploadCertificate", "{organization}", FIEL.cer, FIEL.key, PASSWORD], (400, "csd_required")),
    ],
)
def test_the_package_raises_its_own_error(desk: Desk, call: list[Any], told: tuple[int, str] | None) -> None:
    call = [organization(desk) if one == "{organization}" else one for one in call]
    (made,) = through(desk, call)
    if told is None:
        assert made["ok"], made
        return
    error = made["error"]
    assert (error["name"], error["status"], error["code"]) == ("FacturapiError", *told), error
    assert error["message"]
    assert ledger(desk) == []
    for upload in desk.uploads():
        assert upload.state is State.REJECTED
        assert error["logId"] == str(upload.id)


def test_what_a_provider_refuses_is_its_own_answer(desk: Desk) -> None:
    desk.house.sandbox.fault(action="status", method="PUT", status=429, headers={"Retry-After": "3"})
    (made,) = through(desk, ["uploadCertificate", organization(desk), CSD.cer, CSD.key, PASSWORD])
    error = made["error"]
    assert (error["status"], error["code"], error["headers"]["retry-after"]) == (429, "rate_limit_exceeded", "3")
    (upload,) = desk.uploads()
    assert (upload.state, upload.problem) == (State.FAILED, "provider-busy")


def test_parts_may_come_in_any_order(desk: Desk) -> None:
    """As somebody sends them who has no package: the password first."""
    parts = [("password", PASSWORD), ("cer", ("a.cer", CSD.cer)), ("key", ("b.key", CSD.key))]
    body, content_type = encode_multipart_formdata(parts)  # type: ignore[arg-type]
    path = f"facturapi/v2/organizations/{organization(desk)}/certificate"
    assert desk.ask("PUT", path, body, headers={"Content-Type": content_type}).status == 200
    (entry,) = ledger(desk)
    assert [part["name"] for part in entry["parts"]] == ["password", "cer", "key"]
    assert entry["bytes"] == len(body)


@pytest.mark.parametrize(
    ("left_out", "code"),
    [
        ("cer", "certificate_file_required"),
        ("key", "private_key_file_required"),
        ("password", "invalid_request"),
    ],
)
def test_what_is_missing_is_told_by_its_name(desk: Desk, left_out: str, code: str) -> None:
    parts = {"cer": ("a.cer", CSD.cer), "key": ("b.key", CSD.key), "password": PASSWORD}
    del parts[left_out]
    body, content_type = encode_multipart_formdata(parts)  # type: ignore[arg-type]
    path = f"facturapi/v2/organizations/{organization(desk)}/certificate"
    told = desk.ask("PUT", path, body, headers={"Content-Type": content_type}).json
    assert (told["status"], told["code"], told["path"]) == (400, code, left_out)
    assert ledger(desk) == []


def test_a_credential_that_is_refused_pauses_the_connection_and_the_vendor_says_so(desk: Desk) -> None:
    house = desk.house
    with house.database.transaction(house.organization.id) as session:
        withdrawn = {"key": SecretStr("sk_live_withdrawn")}
        connections.set_credential(session, desk.vault, house.connections["facturapi"], withdrawn)
    (made,) = through(desk, ["uploadCertificate", organization(desk), CSD.cer, CSD.key, PASSWORD])
    assert (made["error"]["status"], made["error"]["code"]) == (401, "api_key_invalid")
    (again,) = through(desk, ["me"])
    assert (again["error"]["status"], again["error"]["code"]) == (500, "internal_error")


def test_a_plain_call_is_answered_byte_for_byte(desk: Desk) -> None:
    path = f"/v2/organizations/{organization(desk)}"
    through_us = desk.ask("GET", f"facturapi{path}")
    assert through_us.status == 200
    assert through_us.json["id"] == organization(desk)
    (entry,) = ledger(desk)
    assert entry["path"] == f"/facturapi{path}"
    (called,) = desk.called()
    assert called.details == {"call": "GET /organizations/{organization}", "status": 200}
