"""What is handed in through the API, and what it answers."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from app.sandbox import sat
from tests.api.conftest import PNG, Desk
from tests.delivery.test_deliverer import code

NUMBER = "30001000000500003416"
PASSWORD = "12345678a"


def certificate(issued: sat.Issued | None = None, **more: Any) -> dict[str, Any]:
    issued = issued or sat.issue()
    return {"cer": ("a.cer", issued.cer), "key": ("a.key", issued.key), "password": PASSWORD, **more}


def test_a_file_is_passed_on_and_shown(desk: Desk) -> None:
    content = PNG
    answer = desk.hand_in(external_id="invoice 7", metadata='{"batch": [1, "ñ"]}', file=("mi logo.png", content))
    made = answer.json
    assert made
    assert (answer.status_code, answer.headers["Location"]) == (201, f"/api/v1/uploads/{made['id']}")
    (put,) = [one for one in desk.sandbox.ledger("facturapi") if one["method"] == "PUT"]
    assert put["parts"][0]["sha256"] == made["sha256"]
    (attempt,) = made.pop("attempts")
    assert (attempt["number"], attempt["outcome"], attempt["provider_http_status"]) == (1, "delivered", 200)
    assert made | {"id": "", "created_at": "", "sha256": ""} == {
        "id": "",
        "state": "delivered",
        "provider_status": None,
        "organization": desk.mine.slug,
        "connection": "facturapi",
        "operation": "facturapi/logo",
        "filename": "mi logo.png",
        "size": len(content),
        "sha256": "",
        "reference": desk.mine.account,
        "external_id": "invoice 7",
        "metadata": {"batch": [1, "ñ"]},
        "created_at": "",
    }
    assert desk.ask("GET", answer.headers["Location"], "read").json == made | {"attempts": [attempt]}


def test_a_stream_is_on_record_as_it_went(desk: Desk) -> None:
    made = desk.hand_in(file=("logo.png", PNG)).json
    assert made
    upload, (attempt,) = desk.upload(made["id"])
    assert (upload.mode, upload.state, upload.api_token_id is not None) == ("relay", "delivered", True)
    assert upload.facts["file"]["format"] == "png"
    assert attempt.started_at <= attempt.completing_at <= attempt.ended_at  # type: ignore[operator]


def test_direct_parts_come_in_any_order(desk: Desk) -> None:
    answer = desk.hand_in(desk.mine.to_certificate, **certificate())
    assert (answer.status_code, answer.json and answer.json["filename"]) == (201, "a.cer")
    assert PASSWORD not in answer.text


def test_an_older_certificate_asks_and_is_sent_when_told(desk: Desk) -> None:
    def issued(number: str, days: int) -> sat.Issued:
        return sat.issue(number=number, not_after=desk.mine.organization.created_at + timedelta(days=days))

    assert desk.hand_in(desk.mine.to_certificate, **certificate(issued(NUMBER[:-2] + "99", 1400))).status_code == 201
    older = issued(NUMBER, 300)
    asked = desk.hand_in(desk.mine.to_certificate, **certificate(older))
    assert asked.status_code == 422
    assert asked.json
    assert asked.json["type"] == "/docs/problems#older_certificate"
    assert asked.json["errors"][0]["pointer"] == "#/cer"
    assert desk.upload(asked.json["upload"])[0].state == "rejected"
    told = desk.hand_in(desk.mine.to_certificate, **certificate(older, replace="true"))
    assert told.status_code == 201


def test_what_a_check_refuses_never_leaves(desk: Desk) -> None:
    answer = desk.hand_in(file=("logo.png", b"GIF89a" + bytes(64)))
    problem = answer.json
    assert problem
    assert answer.status_code in {415, 422}
    assert problem["errors"][0]["pointer"] == "#/file"
    upload, attempts = desk.upload(problem["upload"])
    assert (upload.state, upload.problem, attempts) == ("rejected", problem["errors"][0]["code"], [])
    assert answer.headers["Location"] == f"/api/v1/uploads/{upload.id}"
    assert not desk.sandbox.ledger("facturapi")


def test_a_problem_speaks_the_callers_language(desk: Desk) -> None:
    broken: dict[str, Any] = {"cer": ("a.cer", b"x"), "key": ("a.key", b"y"), "password": "z"}
    english = desk.hand_in(desk.mine.to_certificate, **broken)
    spanish = desk.hand_in(desk.mine.to_certificate, headers={"Accept-Language": "es-MX,es;q=0.9"}, **broken)
    assert (english.headers["Content-Language"], spanish.headers["Content-Language"]) == ("en", "es")
    assert english.json
    assert spanish.json
    assert english.json["type"] == spanish.json["type"]
    assert english.json["detail"] != spanish.json["detail"]


@pytest.mark.parametrize(
    ("fault", "status", "slug"),
    [
        (code(400, "invalid_request", "Falta algo."), 424, "provider-refused"),
        (code(402, "payment_required"), 424, "plan-not-allowed"),
        (code(401, "api_key_invalid"), 503, "credential-refused"),
        (code(429, "rate_limit_exceeded", headers={"Retry-After": "7"}), 503, "provider-busy"),
        (code(500, "internal_error"), 502, "provider-error"),
        ({"action": "reset", "after_bytes": 1}, 504, "unconfirmed"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_becomes_of_it_has_a_status(desk: Desk, fault: dict[str, Any], status: int, slug: str) -> None:
    desk.fault(**fault)
    answer = desk.hand_in(desk.mine.to_certificate, **certificate())
    problem = answer.json
    assert problem
    assert (answer.status_code, problem["status"], problem["type"]) == (status, status, f"/docs/problems#{slug}")
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Location"] == f"/api/v1/uploads/{problem['upload']}"
    assert answer.headers.get("Retry-After") == ("7" if slug == "provider-busy" else None)
    assert ("Falta algo." in answer.text) is (slug == "provider-refused")
    assert desk.upload(problem["upload"])[0].state == ("unknown" if status == 504 else "failed")


def test_a_provider_that_is_slow_before_the_file_left(desk: Desk) -> None:
    desk.fault("reset", "GET", after_bytes=0)
    assert desk.hand_in().status_code == 502


@pytest.mark.parametrize(("query", "status"), [("?durable=0", 201), ("?durable=1", 501), ("?durable=x", 400)])
def test_durable(desk: Desk, query: str, status: int) -> None:
    answer = desk.hand_in(query=query, file=("logo.png", PNG))
    assert answer.status_code == status
    assert len(desk.uploads()) == (status == 201)


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        ("{}", 201),
        ("", 201),
        (json.dumps({"a": "x" * 4087}), 201),
        (json.dumps({"a": "x" * 4089}), 413),
        ("[]", 422),
        ("7", 422),
        ("{", 422),
        ('{"a": 1, "a": 2}', 422),
        ('{"a": NaN}', 422),
        ('{"a": "\\u0000"}', 422),
        ('{"a": "\\ud800"}', 422),
        ("[" * 4000, 422),
        ('{"a": ' + "[" * 40 + "]" * 40 + "}", 422),
        ('{"a": "\\\\u0000"}', 201),
    ],
    ids=range(14),
)
def test_metadata(desk: Desk, metadata: str, status: int) -> None:
    answer = desk.hand_in(metadata=metadata, file=("logo.png", PNG))
    assert answer.status_code == status, answer.text
    if status == 422:
        assert answer.json
        assert answer.json["errors"][0] | {"detail": ""} == {
            "pointer": "#/metadata",
            "code": "bad-metadata",
            "detail": "",
        }


@pytest.mark.parametrize(("length", "status"), [(200, 201), (201, 422)])
def test_external_id(desk: Desk, length: int, status: int) -> None:
    assert desk.hand_in(external_id="ñ" * length, file=("logo.png", PNG)).status_code == status


def test_a_file_first_is_told_what_to_do(desk: Desk) -> None:
    answer = desk.hand_in(file=("logo.png", PNG), external_id="late")
    assert (answer.status_code, answer.json and answer.json["type"]) == (400, "/docs/problems#fields-before-files")


@pytest.mark.parametrize(
    ("kwargs", "status", "slug"),
    [
        ({"data": b"{}", "content_type": "application/json"}, 415, "not-multipart"),
        ({"data": b"", "content_type": "multipart/form-data; boundary=x"}, 400, "malformed"),
        ({"data": b"--x", "content_type": "multipart/form-data"}, 400, "bad-boundary"),
    ],
    ids=["JSON", "nothing", "no boundary"],
)
def test_what_is_no_form(desk: Desk, kwargs: dict[str, Any], status: int, slug: str) -> None:
    answer = desk.ask("POST", desk.mine.to_logo, **kwargs)
    assert answer.json
    assert (answer.status_code, answer.json["type"]) == (status, f"/docs/problems#{slug}"), answer.text


def test_a_file_that_is_too_large(desk: Desk) -> None:
    answer = desk.hand_in(file=("logo.png", PNG + bytes(500_000)))
    assert (answer.status_code, answer.json and answer.json["type"]) == (413, "/docs/problems#file-too-large")


def test_no_file_at_all(desk: Desk) -> None:
    answer = desk.hand_in(external_id="x")
    assert answer.json
    assert (answer.status_code, answer.json["errors"][0]["code"]) == (422, "missing-file")


def test_a_fault_of_ours_says_no_more_than_that(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_(*_: object, **__: object) -> None:
        raise ValueError("a secret")

    monkeypatch.setattr(type(desk.app.extensions["ventanilla"].deliverer), "stream", break_)
    desk.app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = desk.hand_in()
    assert (answer.status_code, answer.json and answer.json["type"]) == (500, "/docs/problems#internal")
    assert "secret" not in answer.text


# Without a file


def test_an_operation_without_a_file_takes_json(desk: Desk) -> None:
    given = {"name": "Kemper", "legal_name": "ESCUELA KEMPER URGATE", "tax_system": "601", "zip": "26015"}
    path = desk.mine.to_logo.replace("logo", "legal")
    answer = desk.ask("POST", path, json=given | {"external_id": "7", "metadata": {"a": 1}, "phone": None})
    assert answer.status_code == 201, answer.text
    made = answer.json
    assert made
    assert (made["operation"], made["filename"], made["size"], made["sha256"]) == ("facturapi/legal", None, None, None)
    assert (made["external_id"], made["metadata"]) == ("7", {"a": 1})
    (attempt,) = desk.upload(made["id"])[1]
    assert attempt.completing_at
    assert len([one for one in desk.sandbox.ledger("facturapi") if one["method"] == "PUT"]) == 1


@pytest.mark.parametrize(
    ("given", "slug"),
    [
        ({"nothing": "x"}, "unknown-part"),
        ({"name": "a\0b"}, "not-text"),
        ({"name": "\ud800"}, "not-text"),
        ({"metadata": "[]"}, "bad-metadata"),
        ({}, "missing-field"),
    ],
)
def test_what_such_an_object_can_be_refused_for(desk: Desk, given: dict[str, Any], slug: str) -> None:
    answer = desk.ask("POST", desk.mine.to_logo.replace("logo", "legal"), json=given)
    assert answer.json
    assert answer.json["type"] == f"/docs/problems#{slug}", answer.text
    assert not desk.sandbox.ledger("facturapi")


def test_such_an_operation_takes_no_form(desk: Desk) -> None:
    assert desk.hand_in(desk.mine.to_logo.replace("logo", "legal"), name="x").status_code == 415
