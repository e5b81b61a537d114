"""The same points by the vendor's own Node package, unchanged but for its base URL."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from app.sandbox import sat
from tests.sandbox import vendor
from tests.sandbox.facturapi.conftest import ACME, LIVE, OTHER, TEST, USER, Facturapi

if TYPE_CHECKING:
    from tests.servers import Sandbox

pytestmark = pytest.mark.live

CSD = sat.issue()
LEGAL = {"name": "Acme", "legal_name": "ACME", "tax_system": "601", "address": {"zip": "06000"}}
UPLOAD = ["uploadCertificate", ACME, CSD.cer, CSD.key, CSD.password]


@pytest.fixture(scope="session", autouse=True)
def _installed() -> None:
    vendor.install()


def test_a_second_installation_installs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendor, "_run", lambda *_, **__: pytest.fail("it was installed again"))
    vendor.install()


def test_1_the_vendors_client_gets_in_with_each_kind_of_key(facturapi: Facturapi) -> None:
    for key in (LIVE, TEST):
        me, upload = vendor.calls(facturapi.base_url, key, ["me"], UPLOAD)
        assert me["value"]["id"] == ACME
        assert upload["ok"] is (key == LIVE)
    (mine,) = vendor.calls(facturapi.base_url, USER, ["retrieve", OTHER])
    assert mine["value"]["id"] == OTHER


def test_2_the_vendors_client_gets_objects_and_no_streams(facturapi: Facturapi) -> None:
    made = vendor.calls(
        facturapi.base_url,
        USER,
        ["retrieve", ACME],
        ["updateLegal", ACME, LEGAL],
        ["updateCustomization", ACME, {"color": "BADA55"}],
        ["uploadLogo", ACME, b"\x89PNG\r\n\x1a\n rest"],
        UPLOAD,
        ["deleteCertificate", ACME],
        ["listLiveApiKeys", ACME],
        ["list", {"q": "acme"}],
        ["create", {"name": "By the client"}],
        ["del", OTHER],
    )
    assert all(one["ok"] and "stream" not in one and isinstance(one["value"], dict | list) for one in made), made


def test_3_the_vendors_client_reads_the_whole_error(facturapi: Facturapi, running: Sandbox) -> None:
    (refused,) = vendor.calls(facturapi.base_url, LIVE, ["updateLegal", ACME, LEGAL | {"tax_system": "1"}])
    error = refused["error"]
    assert (error["name"], error["status"], error["code"]) == ("FacturapiError", 400, "invalid_request")
    assert (error["location"], error["path"], error["errors"][0]["code"]) == ("body", "tax_system", "invalid_length")
    assert error["logId"]
    running.fault(provider="facturapi", action="status", status=429)
    (limited,) = vendor.calls(facturapi.base_url, LIVE, ["me"])
    assert (limited["error"]["status"], limited["error"]["headers"]["retry-after"]) == (429, "2")


def test_3_the_vendors_client_believes_the_bodys_status(facturapi: Facturapi, running: Sandbox) -> None:
    body = {"ok": False, "message": "x", "status": 400, "code": "certificate_invalid"}
    running.fault(provider="facturapi", action="status", status=502, body=body)
    (refused,) = vendor.calls(facturapi.base_url, LIVE, ["me"])
    assert (refused["error"]["status"], refused["error"]["code"]) == (400, "certificate_invalid")


def test_4_the_vendors_client_gets_keys_as_strings(facturapi: Facturapi) -> None:
    made = vendor.calls(
        facturapi.base_url, USER, ["getTestApiKey", ACME], ["renewTestApiKey", ACME], ["renewLiveApiKey", ACME]
    )
    assert [one["value"][:8] for one in made] == ["sk_test_", "sk_test_", "sk_live_"]


def test_5_the_vendors_client_sends_the_parts_that_the_ledger_shows(facturapi: Facturapi, running: Sandbox) -> None:
    (done,) = vendor.calls(facturapi.base_url, LIVE, UPLOAD)
    assert done["ok"], done
    (entry,) = running.ledger("facturapi")
    assert (entry["method"], entry["complete"], entry["status"]) == ("PUT", True, 200)
    assert entry["authorization"] == f"Bearer {LIVE}"
    assert [(part["name"], part["filename"], part["size"]) for part in entry["parts"]] == [
        ("cer", "cer.cer", len(CSD.cer)),
        ("key", "key.key", len(CSD.key)),
        ("password", None, len(CSD.password)),
    ]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ([CSD.cer, CSD.key, "wrong"], "private_key_password_incorrect"),
        ([CSD.cer, sat.issue(pair="second").key, CSD.password], "private_key_certificate_mismatch"),
        ([sat.issue(kind="fiel").cer, CSD.key, CSD.password], "csd_required"),
    ],
)
def test_5_the_vendors_client_gets_the_codes(facturapi: Facturapi, values: list[Any], code: str) -> None:
    (refused,) = vendor.calls(facturapi.base_url, LIVE, ["uploadCertificate", ACME, *values])
    assert (refused["error"]["status"], refused["error"]["code"]) == (400, code)


def test_6_the_vendors_client_sees_what_it_uploaded(facturapi: Facturapi) -> None:
    _, shown, deleted, after = vendor.calls(
        facturapi.base_url, LIVE, UPLOAD, ["me"], ["deleteCertificate", ACME], ["me"]
    )
    assert shown["value"]["certificate"]["serial_number"] == CSD.number
    assert shown["value"]["legal"]["tax_id"] == CSD.rfc
    assert list(deleted["value"]) == ["updated_at"]
    assert after["value"]["certificate"] == {"has_certificate": False}


def test_7_the_vendors_client_ends_the_steps(facturapi: Facturapi, running: Sandbox) -> None:
    vendor.calls(
        facturapi.base_url, LIVE, ["updateLegal", ACME, LEGAL], ["uploadLogo", ACME, b"\xff\xd8\xff\xe0"], UPLOAD
    )
    assert [step["type"] for step in facturapi.organization()["pending_steps"]] == ["manifiesto"]
    logo = running.ledger("facturapi")[1]["parts"][0]
    assert (logo["name"], logo["filename"]) == ("file", "file")


def test_8_the_vendors_client_manages_keys(facturapi: Facturapi) -> None:
    made, listed = vendor.calls(facturapi.base_url, USER, ["renewLiveApiKey", ACME], ["listLiveApiKeys", ACME])
    assert [key["first_12"] for key in listed["value"]] == [LIVE[:12], made["value"][:12]]
    (left,) = vendor.calls(facturapi.base_url, USER, ["deleteLiveApiKey", ACME, listed["value"][0]["id"]])
    assert left["value"] == listed["value"][1:]


def test_9_the_vendors_client_pages_and_bounds_by_date(facturapi: Facturapi) -> None:
    found, none, refused = vendor.calls(
        facturapi.base_url,
        USER,
        ["list", {"limit": 1, "page": 2, "date": {"gte": "2020-01-01"}}],
        ["list", {"date": {"gte": "2020-01-01", "lt": "2020-01-02"}}],
        ["list", {"page": 31}],
    )
    assert (found["value"]["page"], len(found["value"]["data"])) == (2, 1)
    assert none["value"]["total_results"] == 0
    assert refused["error"]["code"] == "page_too_large"


def test_10_the_vendors_client_meets_each_switch(facturapi: Facturapi, running: Sandbox) -> None:
    running.fault(provider="facturapi", action="status", status=500)
    running.fault(provider="facturapi", action="status", status=200, body="<html></html>")
    running.fault(provider="facturapi", action="drop_answer")
    running.fault(provider="facturapi", action="delay", seconds=1)
    started = time.monotonic()
    failed, page, dropped, slow = vendor.calls(facturapi.base_url, LIVE, *[["me"]] * 4)
    assert (failed["error"]["status"], failed["error"]["code"]) == (500, "internal_error")
    assert page["value"] == "<html></html>"
    assert "fetch failed" in dropped["error"]["message"]
    assert slow["ok"]
    assert time.monotonic() - started > 1
