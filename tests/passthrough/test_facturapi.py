"""Facturapi's own package for Node, unchanged, through the gateway."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.records.states import State
from app.sandbox import sat
from tests.delivery.test_deliverer import png
from tests.passthrough.desk import Desk
from tests.sandbox import vendor

pytestmark = pytest.mark.live

PASSWORD = "Contraseña 1"
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


def test_a_plain_call_is_answered_byte_for_byte(desk: Desk) -> None:
    path = f"/v2/organizations/{organization(desk)}"
    through_us = desk.ask("GET", f"facturapi{path}")
    assert through_us.status == 200
    assert through_us.json["id"] == organization(desk)
    (entry,) = ledger(desk)
    assert entry["path"] == f"/facturapi{path}"
    (called,) = desk.called()
    assert called.details == {"call": "GET /organizations/{organization}", "status": 200}
