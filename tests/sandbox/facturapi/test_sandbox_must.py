"""What a stand-in for Facturapi has to do, point by point, by raw HTTP."""

from __future__ import annotations

import base64
import http.client
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests

from app.sandbox import sat
from tests.sandbox.facturapi.conftest import ACME, LIVE, OTHER, TEST, USER, Facturapi

if TYPE_CHECKING:
    from tests.servers import Sandbox

pytestmark = pytest.mark.live

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
JPG = b"\xff\xd8\xff\xe0" + bytes(100)
LEGAL = {"name": "Acme", "legal_name": "ACME", "tax_system": "601", "address": {"zip": "06000"}}
KEYS = {"U": USER, "L": LIVE, "T": TEST}

#: Every operation: method, path, which kinds of key may, and a request that is good otherwise.
OPERATIONS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("POST", "/organizations", "U", {"json": {"name": "New"}}),
    ("GET", "/organizations", "U", {}),
    ("GET", "/organizations/me", "LT", {}),
    ("GET", f"/organizations/{ACME}", "ULT", {}),
    ("PUT", f"/organizations/{ACME}/legal", "UL", {"json": LEGAL}),
    ("PUT", "/organizations/me/legal", "L", {"json": LEGAL}),
    ("PUT", f"/organizations/{ACME}/customization", "UL", {"json": {"color": "#BADA55"}}),
    ("PUT", f"/organizations/{ACME}/logo", "UL", {"files": {"file": ("logo", PNG)}}),
    ("PUT", "/organizations/me/logo", "L", {"files": {"file": ("logo", JPG)}}),
    ("PUT", f"/organizations/{ACME}/certificate", "UL", {"files": "csd"}),
    ("PUT", "/organizations/me/certificate", "L", {"files": "csd"}),
    ("DELETE", f"/organizations/{ACME}/certificate", "UL", {}),
    ("PUT", f"/organizations/{ACME}/fiel", "UL", {"files": "fiel"}),
    ("GET", f"/organizations/{ACME}/apikeys/test", "U", {}),
    ("PUT", f"/organizations/{ACME}/apikeys/test", "U", {}),
    ("GET", f"/organizations/{ACME}/apikeys/live", "U", {}),
    ("PUT", f"/organizations/{ACME}/apikeys/live", "U", {"json": []}),
    ("DELETE", f"/organizations/{ACME}", "U", {}),
]


def files(issued: sat.Issued, **changes: Any) -> dict[str, Any]:
    """The three parts of an upload; a change of None leaves that part out."""
    parts = {"cer": ("a.cer", issued.cer), "key": ("a.key", issued.key), "password": (None, issued.password)}
    return {name: part for name, part in (parts | changes).items() if part is not None}


def good(request: dict[str, Any]) -> dict[str, Any]:
    kind = request.get("files")
    return {"files": files(sat.issue(kind=kind))} if isinstance(kind, str) else request  # type: ignore[arg-type]


def upload(facturapi: Facturapi, issued: sat.Issued, where: str = "certificate", **changes: Any) -> requests.Response:
    return facturapi.ask("PUT", f"/organizations/me/{where}", key=LIVE, files=files(issued, **changes))


@pytest.mark.parametrize("kind", "ULT")
@pytest.mark.parametrize("operation", [pytest.param(one, id=f"{one[0]} {one[1]}") for one in OPERATIONS])
def test_1_each_operation_takes_its_kinds_of_key_and_no_other(
    facturapi: Facturapi, kind: str, operation: tuple[str, str, str, dict[str, Any]]
) -> None:
    method, path, allowed, request_ = operation
    before = facturapi.organization()
    answer = facturapi.ask(method, path, key=KEYS[kind], **good(request_))
    if kind in allowed:
        assert answer.status_code == 200, answer.text
        return
    expected = "live_api_key_required" if kind == "T" and "L" in allowed else "api_key_not_allowed"
    assert (answer.status_code, answer.json()["code"]) == (401, expected)
    assert facturapi.organization() == before


@pytest.mark.parametrize("key", [USER, LIVE, TEST])
def test_1_basic_with_the_key_as_user_and_no_password_is_as_good_as_bearer(facturapi: Facturapi, key: str) -> None:
    token = base64.b64encode(f"{key}:".encode()).decode()
    answer = facturapi.ask("GET", f"/organizations/{ACME}", key=None, headers={"Authorization": f"Basic {token}"})
    assert answer.json()["id"] == ACME


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "missing_credentials"),
        ("Bearer", "missing_credentials"),
        ("Digest abc", "missing_credentials"),
        ("Bearer sk_live_nobody", "api_key_invalid"),
        ("Bearer sk_test_nobody", "api_key_invalid"),
        ("Bearer sk_user_nobody", "user_key_invalid"),
        ("Basic !", "api_key_invalid"),
        ("Basic " + base64.b64encode(b"sk_user_house:password").decode(), "api_key_invalid"),
    ],
)
def test_1_who_is_not_known_is_told_so(facturapi: Facturapi, authorization: str | None, code: str) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    answer = facturapi.ask("GET", f"/organizations/{ACME}", key=None, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, code)


@pytest.mark.parametrize("key", [LIVE, TEST])
def test_1_an_organizations_key_reaches_no_other_organization(facturapi: Facturapi, key: str) -> None:
    assert facturapi.ask("GET", "/organizations/me", key=key).json()["id"] == ACME
    answer = facturapi.ask("GET", f"/organizations/{OTHER}", key=key)
    assert (answer.status_code, answer.json()["code"]) == (401, "api_key_not_allowed")


def test_1_only_version_2_is_there(facturapi: Facturapi) -> None:
    answer = facturapi.http.get(facturapi.base_url.replace("v2", "v1") + "/organizations/me", timeout=20)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_2_every_reply_is_json_and_none_is_empty(facturapi: Facturapi, running: Sandbox) -> None:
    requests_ = [(method, path, {"key": USER, **good(rest)}) for method, path, _, rest in OPERATIONS]
    requests_ += [
        ("GET", "/organizations/" + "0" * 24, {}),
        ("GET", "/nothing/here", {}),
        ("PATCH", f"/organizations/{OTHER}", {}),
        ("OPTIONS", f"/organizations/{OTHER}", {}),
        ("POST", "/organizations", {"data": "{"}),
        ("PUT", f"/organizations/{OTHER}/certificate", {}),
        ("GET", "/organizations", {"key": None}),
    ]
    running.fault(provider="facturapi", path="/v2/failing", action="status", status=503)
    requests_.append(("GET", "/failing", {}))
    for method, path, rest in requests_:
        answer = facturapi.ask(method, path, **rest)
        assert answer.headers["Content-Type"] == "application/json", (method, path)
        assert "Content-Disposition" not in answer.headers
        assert answer.content.strip()
        json.loads(answer.content)


@pytest.mark.parametrize(
    ("asked", "rest", "status", "code"),
    [
        ("GET /organizations/" + "0" * 24, {}, 404, "organization_not_found"),
        ("GET /organizations/me", {"key": None}, 401, "missing_credentials"),
        ("POST /organizations", {"data": "{"}, 400, "invalid_json"),
        ("POST /organizations", {"json": {}}, 400, "invalid_request"),
        ("POST /organizations", {"json": []}, 400, "invalid_request"),
        (f"PUT /organizations/{ACME}/logo", {"files": {"x": b"x"}}, 400, "image_file_required"),
        (f"DELETE /organizations/{ACME}/apikeys/live/none", {}, 404, "not_found"),
    ],
)
def test_3_an_error_says_its_status_and_code_in_its_body(
    facturapi: Facturapi, asked: str, rest: dict[str, Any], status: int, code: str
) -> None:
    answer = facturapi.ask(*asked.split(), **rest)
    body = answer.json()
    assert answer.headers["Content-Type"] == "application/json"
    assert (answer.status_code, body["status"], body["code"], body["ok"]) == (status, status, code, False)
    assert body["message"]


def test_3_a_field_that_is_wrong_is_named(facturapi: Facturapi) -> None:
    body = facturapi.ask("POST", "/organizations", json={"name": "x" * 101, "nose": 1}).json()
    assert (body["location"], body["path"]) == ("body", "name")
    assert [(one["path"], one["code"], one["source"]) for one in body["errors"]] == [
        ("name", "invalid_length", "facturapi"),
        ("nose", "unknown_field", "facturapi"),
    ]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429, 500, 502, 503])
def test_3_an_ordered_error_has_the_vendors_shape(facturapi: Facturapi, running: Sandbox, status: int) -> None:
    running.fault(provider="facturapi", action="status", status=status)
    answer = facturapi.ask("GET", "/organizations/me")
    assert (answer.status_code, answer.json()["status"], answer.json()["ok"]) == (status, status, False)
    assert answer.json()["code"]


def test_3_every_reply_has_a_log_id_and_429_says_when_to_come_back(facturapi: Facturapi, running: Sandbox) -> None:
    replies = [facturapi.ask("GET", "/organizations/me", key=LIVE), facturapi.ask("GET", "/nothing", key=None)]
    running.fault(provider="facturapi", action="status", status=429)
    replies.append(facturapi.ask("GET", "/organizations/me", key=LIVE))
    ids = [reply.headers["X-Facturapi-Log-Id"] for reply in replies]
    assert len(set(ids)) == len(ids)
    assert int(replies[-1].headers["Retry-After"]) > 0
    assert replies[-1].json()["code"] == "rate_limit_exceeded"


@pytest.mark.parametrize(("method", "kind"), [("GET", "test"), ("PUT", "test"), ("PUT", "live")])
def test_4_a_key_is_answered_as_a_bare_json_string(facturapi: Facturapi, method: str, kind: str) -> None:
    answer = facturapi.ask(method, f"/organizations/{ACME}/apikeys/{kind}")
    assert answer.text.strip().startswith(f'"sk_{kind}_')
    assert answer.text.strip() == json.dumps(answer.json())


CSD = sat.issue()
SOON = datetime.now(UTC) + timedelta(days=1)
LATELY = datetime.now(UTC) - timedelta(days=1)

REFUSALS: dict[str, tuple[str, dict[str, Any]]] = {
    "no files": ("certificate_files_required", {"cer": None, "key": None}),
    "files as texts": ("certificate_files_required", {"cer": (None, CSD.cer), "key": (None, CSD.key)}),
    "no cer": ("certificate_file_required", {"cer": None}),
    "cer under another name": ("certificate_file_required", {"cer": None, "certificate": ("a.cer", CSD.cer)}),
    "no key": ("private_key_file_required", {"key": None}),
    "no password": ("invalid_request", {"password": None}),
    "empty password": ("invalid_request", {"password": (None, "")}),
    "wrong password": ("private_key_password_incorrect", {"password": (None, "12345678A")}),
    "another's key": ("private_key_certificate_mismatch", {"key": ("b.key", sat.issue(pair="second").key)}),
    "swapped": ("certificate_invalid", {"cer": ("a.cer", CSD.key), "key": ("a.key", CSD.cer)}),
    "cut cer": ("certificate_invalid", {"cer": ("a.cer", CSD.cer[:-10])}),
    "cut key": ("certificate_files_invalid", {"key": ("a.key", CSD.key[:-1])}),
    "decrypted key": ("certificate_files_invalid", {"key": ("a.key", sat.issue(decrypted=True).key)}),
    "forged count": ("certificate_files_invalid", {"key": ("a.key", sat.issue(iterations=300_000).key)}),
    "expired": ("certificate_expired", {"cer": ("a.cer", sat.issue(not_after=LATELY).cer)}),
    "not yet valid": ("certificate_not_yet_valid", {"cer": ("a.cer", sat.issue(not_before=SOON).cer)}),
    "e.firma": ("csd_required", {"cer": ("a.cer", sat.issue(kind="fiel").cer)}),
    "huge": ("payload_too_large", {"cer": ("a.cer", bytes((1 << 20) + 1))}),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_5_each_thing_that_can_be_wrong_has_its_code_and_changes_nothing(facturapi: Facturapi, case: str) -> None:
    code, changes = REFUSALS[case]
    before = facturapi.organization()
    answer = upload(facturapi, CSD, **changes)
    assert answer.json()["code"] == code
    assert answer.status_code == (413 if code == "payload_too_large" else 400)
    assert facturapi.organization() == before


def test_5_a_missing_password_is_named(facturapi: Facturapi) -> None:
    body = upload(facturapi, CSD, password=None).json()
    assert (body["path"], body["errors"][0]["code"]) == ("password", "required")


@pytest.mark.parametrize(
    "body",
    [
        {"json": {"cer": "", "key": "", "password": ""}},
        {"data": {"password": "12345678a"}},
        {"data": b"--b\r\nno end", "headers": {"Content-Type": "multipart/form-data; boundary=b"}},
        {"data": b"--b--\r\n", "headers": {"Content-Type": "multipart/form-data"}},
        {"data": b"--b\r\nX: y\r\n\r\nz\r\n--b--\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=b"}},
        {},
    ],
)
def test_5_what_is_not_multipart_is_called_that(facturapi: Facturapi, body: dict[str, Any]) -> None:
    answer = facturapi.ask("PUT", "/organizations/me/certificate", key=LIVE, **body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_multipart_form_data")


@pytest.mark.parametrize("order", [("cer", "key", "password"), ("password", "cer", "key"), ("key", "password", "cer")])
@pytest.mark.parametrize(
    ("cer_name", "key_name", "kind"),
    [
        ("cer.cer", "key.key", "application/octet-stream"),
        ("certificate.cer", "certificate.key", None),
        ("España.txt", "x", "text/plain; charset=utf-8"),
        ("", "", "image/png"),
    ],
)
def test_5_parts_are_found_by_name_in_any_order_under_any_file_name_and_type(
    facturapi: Facturapi, order: tuple[str, ...], cer_name: str, key_name: str, kind: str | None
) -> None:
    parts = {
        "cer": _part("cer", CSD.cer, cer_name, kind),
        "key": _part("key", CSD.key, key_name, kind),
        "password": _part("password", CSD.password.encode(), None, "text/plain; charset=utf-8"),
    }
    answer = facturapi.ask(
        "PUT",
        "/organizations/me/certificate",
        key=LIVE,
        data=b"".join(parts[name] for name in order) + b"--limit--\r\n",
        headers={"Content-Type": 'multipart/form-data; boundary="limit"'},
    )
    assert answer.status_code == 200, answer.text


def _part(name: str, content: bytes, filename: str | None, kind: str | None) -> bytes:
    head = f'--limit\r\nContent-Disposition: form-data; name="{name}"'
    head += "" if filename is None else f'; filename="{filename}"'
    head += f"\r\nContent-Type: {kind}" if kind else ""
    return head.encode() + b"\r\n\r\n" + content + b"\r\n"


def test_5_another_rfc_than_before_is_refused(facturapi: Facturapi) -> None:
    assert upload(facturapi, CSD).ok
    other = sat.issue(rfc="CACX7605101P8")
    assert upload(facturapi, other).json()["code"] == "certificate_previous_rfc_mismatch"
    assert upload(facturapi, sat.issue(kind="fiel", rfc="CACX7605101P8"), "fiel").json()["code"] == "fiel_rfc_mismatch"


def test_5_another_rfc_than_the_fiels_is_refused(facturapi: Facturapi) -> None:
    assert upload(facturapi, sat.issue(kind="fiel", rfc="CACX7605101P8"), "fiel").ok
    assert upload(facturapi, CSD).json()["code"] == "certificate_fiel_rfc_mismatch"


@pytest.mark.parametrize(
    ("issued", "changes", "code"),
    [
        (CSD, {}, "fiel_required"),
        (sat.issue(kind="fiel"), {"cer": ("a.cer", b"x")}, "fiel_invalid"),
        (sat.issue(kind="fiel"), {"password": (None, "x")}, "private_key_password_incorrect"),
    ],
)
def test_5_the_fiels_own_codes(facturapi: Facturapi, issued: sat.Issued, changes: dict[str, Any], code: str) -> None:
    assert upload(facturapi, issued, "fiel", **changes).json()["code"] == code


def test_5_a_revoked_certificate_is_invalid_however_good_it_looks(facturapi: Facturapi, running: Sandbox) -> None:
    running.control("POST", "/facturapi/revoked", {"numbers": [CSD.number]})
    assert upload(facturapi, CSD).json()["code"] == "certificate_invalid"
    running.control("DELETE", "/facturapi/revoked")
    assert upload(facturapi, CSD).ok


def test_5_validity_goes_by_the_sandboxs_clock(facturapi: Facturapi, running: Sandbox) -> None:
    issued = sat.issue(not_before=datetime(2019, 6, 17, tzinfo=UTC), not_after=datetime(2023, 6, 17, tzinfo=UTC))
    assert upload(facturapi, issued).json()["code"] == "certificate_expired"
    running.clock("2022-01-01T00:00:00Z")
    assert upload(facturapi, issued).json()["certificate"]["updated_at"].startswith("2022-01-01T00:00:")


def test_6_an_upload_shows_what_the_certificate_itself_says(facturapi: Facturapi) -> None:
    issued = sat.issue(rfc="OÑO120726RX3", number="00001000000500009999")
    assert "certificate" in steps(facturapi.organization())
    answer = upload(facturapi, issued).json()
    held = answer["certificate"]
    assert held.pop("updated_at").endswith("Z")
    assert held == {
        "has_certificate": True,
        "expires_at": issued.not_after.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "serial_number": "00001000000500009999",
    }
    assert answer["legal"]["tax_id"] == "OÑO120726RX3"
    assert "certificate" not in steps(answer)
    assert answer["is_production_ready"] is False
    assert facturapi.organization() | {"certificate": held} == answer


@pytest.mark.parametrize("extra", [{"t61": True, "branch": "MONTAÑA"}, {"ac6_issuer": True}, {"cipher": "aes256"}])
def test_6_certificates_with_the_sats_quirks_are_taken(facturapi: Facturapi, extra: dict[str, Any]) -> None:
    assert upload(facturapi, sat.issue(**extra)).status_code == 200


def test_6_the_same_upload_again_can_be_told_by_its_time(facturapi: Facturapi) -> None:
    times = [upload(facturapi, CSD).json()["certificate"]["updated_at"] for _ in range(3)]
    assert sorted(set(times)) == times


def test_6_deleting_answers_a_time_alone_and_brings_the_step_back(facturapi: Facturapi) -> None:
    upload(facturapi, CSD)
    answer = facturapi.ask("DELETE", "/organizations/me/certificate", key=LIVE)
    assert list(answer.json()) == ["updated_at"]
    after = facturapi.organization()
    assert after["certificate"] == {"has_certificate": False}
    assert "certificate" in steps(after)


def test_6_an_e_firma_fills_its_own_block(facturapi: Facturapi) -> None:
    issued = sat.issue(kind="fiel", number="30001000000500003415")
    assert upload(facturapi, issued, "fiel").json()["fiel"]["serial_number"] == "30001000000500003415"
    after = facturapi.organization()
    assert after["fiel"]["has_certificate"] is True
    assert after["certificate"] == {"has_certificate": False}


def steps(organization: dict[str, Any]) -> list[str]:
    return [step["type"] for step in organization["pending_steps"]]


def test_7_legal_data_are_kept_and_end_their_step(facturapi: Facturapi) -> None:
    given = LEGAL | {"website": "acme.example", "address": {"zip": "06000", "street": "Reforma"}}
    answer = facturapi.ask("PUT", "/organizations/me/legal", key=LIVE, json=given).json()
    assert "legal" not in steps(answer)
    assert (answer["legal"]["website"], answer["legal"]["address"]["street"]) == ("acme.example", "Reforma")
    assert facturapi.organization() == answer


@pytest.mark.parametrize(
    ("change", "path", "code"),
    [
        ({"name": None}, "name", "required"),
        ({"tax_system": "6011"}, "tax_system", "invalid_length"),
        ({"address": {"street": "x"}}, "address.zip", "required"),
        ({"address": "x"}, "address", "invalid_type"),
        ({"tax_id": "EKU9003173C9"}, "tax_id", "unknown_field"),
        ({"phone": 5}, "phone", "invalid_type"),
    ],
)
def test_7_legal_data_that_are_wrong_change_nothing(
    facturapi: Facturapi, change: dict[str, Any], path: str, code: str
) -> None:
    given = {name: value for name, value in (LEGAL | change).items() if value is not None}
    before = facturapi.organization()
    body = facturapi.ask("PUT", "/organizations/me/legal", key=LIVE, json=given).json()
    assert (body["code"], body["path"], body["errors"][0]["code"]) == ("invalid_request", path, code)
    assert facturapi.organization() == before


@pytest.mark.parametrize("image", [PNG, JPG])
def test_7_a_logo_is_told_by_its_bytes_and_ends_its_step(facturapi: Facturapi, image: bytes) -> None:
    answer = facturapi.ask("PUT", "/organizations/me/logo", key=LIVE, files={"file": ("file", image)}).json()
    assert "logo" not in steps(answer)
    assert answer["customization"]["has_logo"] is True
    assert facturapi.http.get(answer["logo_url"], timeout=20).content == image


@pytest.mark.parametrize(
    ("files_", "code"),
    [
        ({"file": ("logo.png", b"GIF89a")}, "invalid_image_file"),
        ({"file": ("logo.png", PNG + bytes(500_000))}, "invalid_image_file"),
        ({"file": ("logo.png", b"")}, "image_file_required"),
        ({"logo": ("logo.png", PNG)}, "image_file_required"),
    ],
)
def test_7_what_is_no_logo_is_refused(facturapi: Facturapi, files_: dict[str, Any], code: str) -> None:
    answer = facturapi.ask("PUT", "/organizations/me/logo", key=LIVE, files=files_)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert facturapi.organization()["logo_url"] is None


def test_7_customization_is_kept_field_by_field(facturapi: Facturapi) -> None:
    given = {"color": "#00ff00", "next_folio_number": 7, "pdf_extra": {"codes": False}}
    shown = facturapi.ask("PUT", "/organizations/me/customization", key=LIVE, json=given).json()["customization"]
    assert (shown["color"], shown["next_folio_number"]) == ("#00ff00", 7)
    assert (shown["pdf_extra"]["codes"], shown["pdf_extra"]["tax_breakdown"]) == (False, True)
    wrong = {"color": "green", "next_folio_number": 0, "pdf_extra": {"codes": 1, "x": True}, "payroll_options": []}
    body = facturapi.ask("PUT", "/organizations/me/customization", key=LIVE, json=wrong).json()
    assert [one["path"] for one in body["errors"]] == [
        "color",
        "next_folio_number",
        "pdf_extra.codes",
        "pdf_extra.x",
        "payroll_options",
    ]


def test_8_live_keys_are_added_listed_by_their_beginning_and_deleted(facturapi: Facturapi) -> None:
    where = f"/organizations/{ACME}/apikeys/live"
    made = facturapi.ask("PUT", where).json()
    assert facturapi.ask("GET", "/organizations/me", key=made).json()["id"] == ACME
    assert facturapi.ask("GET", "/organizations/me", key=LIVE).ok
    listed = facturapi.ask("GET", where)
    assert [set(one) for one in listed.json()] == [{"id", "first_12", "created_at"}] * 2
    assert [one["first_12"] for one in listed.json()] == [LIVE[:12], made[:12]]
    assert made not in listed.text
    left = facturapi.ask("DELETE", f"{where}/{listed.json()[0]['id']}").json()
    assert left == listed.json()[1:]
    assert facturapi.ask("GET", "/organizations/me", key=LIVE).json()["code"] == "api_key_invalid"
    assert facturapi.ask("GET", "/organizations/me", key=made).ok


def test_8_a_new_test_key_kills_the_former_at_once(facturapi: Facturapi) -> None:
    where = f"/organizations/{ACME}/apikeys/test"
    assert facturapi.ask("GET", where).json() == TEST
    made = facturapi.ask("PUT", where).json()
    assert facturapi.ask("GET", where).json() == made
    assert facturapi.ask("GET", "/organizations/me", key=TEST).json()["code"] == "api_key_invalid"
    assert facturapi.ask("GET", "/organizations/me", key=made).ok


def test_8_the_keys_of_a_deleted_organization_die_with_it(facturapi: Facturapi) -> None:
    made = facturapi.ask("POST", "/organizations", json={"name": "Short"}).json()
    key = facturapi.ask("PUT", f"/organizations/{made['id']}/apikeys/live").json()
    assert facturapi.ask("DELETE", f"/organizations/{made['id']}").json()["id"] == made["id"]
    assert facturapi.ask("GET", "/organizations/me", key=key).json()["code"] == "api_key_invalid"
    assert facturapi.ask("GET", f"/organizations/{made['id']}").json()["code"] == "organization_not_found"


def test_9_a_list_is_paged_searched_and_bounded_by_date(facturapi: Facturapi, running: Sandbox) -> None:
    for day in range(1, 6):
        running.clock(f"2031-03-0{day}T12:00:00Z")
        facturapi.ask("POST", "/organizations", json={"name": f"Paged {day}"})
    running.control("DELETE", "/clock")

    def listed(**query: Any) -> tuple[int, int, int, list[str]]:
        body = facturapi.ask("GET", "/organizations", params={"q": "paged"} | query).json()
        names = [one["legal"]["name"][-1] for one in body["data"]]
        return body["page"], body["total_pages"], body["total_results"], names

    assert listed() == (1, 1, 5, ["5", "4", "3", "2", "1"])
    assert listed(limit=2, page=2) == (2, 3, 5, ["3", "2"])
    assert listed(limit=2, page=9) == (9, 3, 5, [])
    between = {"date[gte]": "2031-03-02T12:00:00.000Z", "date[lt]": "2031-03-04"}
    assert listed(**between) == (1, 1, 2, ["3", "2"])
    assert listed(q="nobody of that name") == (1, 0, 0, [])
    for one in facturapi.ask("GET", "/organizations", params={"q": "paged"}).json()["data"]:
        facturapi.ask("DELETE", f"/organizations/{one['id']}")


@pytest.mark.parametrize(
    ("query", "code", "path"),
    [
        ({"page": "31"}, "page_too_large", "page"),
        ({"page": "0"}, "invalid_request", "page"),
        ({"page": "²"}, "invalid_request", "page"),
        ({"limit": "101"}, "invalid_request", "limit"),
        ({"limit": "x"}, "invalid_request", "limit"),
        ({"date[gte]": "yesterday"}, "invalid_request", "date[gte]"),
    ],
)
def test_9_what_a_list_does_not_take_is_named(
    facturapi: Facturapi, query: dict[str, str], code: str, path: str
) -> None:
    answer = facturapi.ask("GET", "/organizations", params=query)
    body = answer.json()
    assert (answer.status_code, body["code"], body["location"], body["path"]) == (400, code, "query", path)


def test_10_no_refusal_echoes_a_secret(facturapi: Facturapi, running: Sandbox) -> None:
    password, key = "Contraseña secreta 77", "sk_live_never_to_be_seen"
    texts = [upload(facturapi, CSD, password=(None, password)).text]
    for code, changes in REFUSALS.values():
        texts.append(upload(facturapi, CSD, **({"password": (None, password)} | changes)).text)
        assert code
    texts.append(facturapi.ask("GET", "/organizations/me", key=key).text)
    texts.append(facturapi.ask("PUT", "/organizations/me/legal", key=LIVE, json=LEGAL | {"tax_system": password}).text)
    texts.append(facturapi.ask("POST", "/organizations", data=password.encode()).text)
    texts.append(running.log())
    secrets = [password, json.dumps(password)[1:-1], key, LIVE, USER, TEST, CSD.key.hex()[:40]]
    secrets.append(base64.b64encode(CSD.key).decode()[:40])
    for text in texts:
        assert not [secret for secret in secrets if secret in text]


def test_10_a_slow_answer_is_a_switch(facturapi: Facturapi, running: Sandbox) -> None:
    running.fault(provider="facturapi", action="delay", seconds=5)
    with pytest.raises(requests.ReadTimeout):
        facturapi.http.get(f"{facturapi.base_url}/organizations/me", timeout=0.2)
    assert facturapi.ask("GET", "/organizations/me", key=LIVE).ok


def test_10_an_answer_that_is_no_json_is_a_switch(facturapi: Facturapi, running: Sandbox) -> None:
    running.fault(provider="facturapi", action="status", status=502, body="<html>Bad Gateway</html>")
    answer = facturapi.ask("GET", "/organizations/me", key=LIVE)
    assert (answer.status_code, answer.text) == (502, "<html>Bad Gateway</html>")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


def test_10_limits_are_a_switch_counted_by_identity(facturapi: Facturapi, running: Sandbox) -> None:
    running.control("PUT", "/limits", {"on": True})
    try:
        answers = [facturapi.ask("PUT", "/organizations/me/legal", key=LIVE, json=LEGAL) for _ in range(11)]
        assert [answer.status_code for answer in answers] == [200] * 10 + [429]
        assert answers[-1].headers["Retry-After"] == "2"
        assert answers[-1].json()["code"] == "rate_limit_exceeded"
        assert facturapi.ask("GET", "/organizations/me", key=LIVE).ok
        assert facturapi.ask("PUT", "/organizations/me/legal", key="sk_live_other", json=LEGAL).ok
    finally:
        running.control("PUT", "/limits", {"on": False})
    assert facturapi.ask("PUT", "/organizations/me/legal", key=LIVE, json=LEGAL).ok


def test_a_connection_goes_on_after_a_refusal(facturapi: Facturapi) -> None:
    parts = urlsplit(facturapi.base_url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    for key, status in (("nobody", 401), (LIVE, 200), ("nobody", 401), (LIVE, 200)):
        connection.request("GET", parts.path + "/organizations/me", headers={"Authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
    connection.close()
