"""What goes wrong at Facturapi or on the way: the customer reads the truth, the operator the cause."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from app.records.models import AuditEntry, Upload
from app.records.states import State
from app.sandbox.sat import issue
from app.tenants.models import Connection
from tests.acceptance.counter import Counter
from tests.acceptance.test_verdicts import sentence
from tests.checks.cases import NOW, Files

pytestmark = pytest.mark.live

Open = Callable[..., Counter]
PUT = {"method": "PUT"}
GET = {"method": "GET"}


def files(**made: Any) -> Files:
    one = issue(**made)
    return Files(cer=one.cer, key=one.key, password=one.password)


def problem(status: int, code: str, message: str = "Lo dice Facturapi.") -> dict[str, Any]:
    return {
        "action": "status",
        "status": status,
        "body": json.dumps({"ok": False, "message": message, "status": status, "code": code}),
        "headers": {"Content-Type": "application/json", "X-Facturapi-Log-Id": "log-4711"},
    }


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Faults, and what comes of them."""

    id: str
    faults: tuple[dict[str, Any], ...]
    state: State
    problem: str | None
    #: What the operator finds in the attempt.
    cause: dict[str, Any] = field(default_factory=dict)


TROUBLES = (
    Trouble(
        id="401",
        faults=(GET | problem(401, "api_key_invalid"),),
        state=State.FAILED,
        problem="credential-refused",
        cause={"provider_http_status": 401, "provider_code": "api_key_invalid", "provider_log_id": "log-4711"},
    ),
    Trouble(
        id="401-when-sent",
        faults=(PUT | problem(401, "api_key_invalid"),),
        state=State.FAILED,
        problem="credential-refused",
        cause={"provider_http_status": 401},
    ),
    Trouble(
        id="wrong-kind-of-key",
        faults=(PUT | problem(403, "api_key_not_allowed"),),
        state=State.FAILED,
        problem="settings-wrong",
        cause={"provider_http_status": 403, "provider_code": "api_key_not_allowed"},
    ),
    Trouble(
        id="402",
        faults=(PUT | problem(402, "plan_limit"),),
        state=State.FAILED,
        problem="plan-not-allowed",
        cause={"provider_http_status": 402},
    ),
    Trouble(
        id="429-before",
        faults=(GET | problem(429, "rate_limit_exceeded"),),
        state=State.FAILED,
        problem="provider-busy",
        cause={"provider_http_status": 429},
    ),
    Trouble(
        id="429",
        faults=(PUT | problem(429, "rate_limit_exceeded"),),
        state=State.FAILED,
        problem="provider-busy",
        cause={"provider_http_status": 429, "provider_code": "rate_limit_exceeded"},
    ),
    Trouble(
        id="500",
        faults=(PUT | problem(500, "internal_error"),),
        state=State.FAILED,
        problem="provider-error",
        cause={"provider_http_status": 500, "provider_code": "internal_error"},
    ),
    Trouble(
        id="cut-off-before",
        faults=(GET | {"action": "reset"},),
        state=State.FAILED,
        problem="provider-unreachable",
    ),
    Trouble(
        id="slow-before",
        faults=(GET | {"action": "stall", "seconds": 30},),
        state=State.FAILED,
        problem="provider-too-slow",
    ),
    Trouble(id="slow", faults=(PUT | {"action": "stall", "seconds": 30},), state=State.UNKNOWN, problem="unconfirmed"),
    Trouble(id="answer-lost", faults=(PUT | {"action": "drop_answer"},), state=State.DELIVERED, problem=None),
    Trouble(
        id="answer-cut", faults=(PUT | {"action": "truncate", "after_bytes": 20},), state=State.DELIVERED, problem=None
    ),
    Trouble(
        id="answer-lost-and-then-down",
        faults=(PUT | {"action": "drop_answer"}, GET | {"action": "delay", "seconds": 0}, GET | {"action": "reset"}),
        state=State.UNKNOWN,
        problem="unconfirmed",
    ),
)


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.id)
def test_trouble(trouble: Trouble, language: str, counter: Counter) -> None:
    for fault in trouble.faults:
        counter.world.sandbox.fault(**fault)

    page = counter.hand_in(files(), language=language)

    assert page.status == 200
    assert "/o/" in page.address
    assert counter.upload.state == trouble.state, counter.world.gateway.log()
    assert counter.upload.problem == trouble.problem
    (attempt,) = counter.attempts
    assert {name: getattr(attempt, name) for name in trouble.cause} == trouble.cause
    assert attempt.ended_at
    if trouble.problem:
        organization = {"organization": counter.organization.name}
        assert sentence(trouble.problem, organization, language) in page.text or trouble.state == State.UNKNOWN
    assert f"upload.{trouble.state}" in counter.audit


def test_a_refused_credential_pauses_the_connection_and_tells_operators(counter: Counter) -> None:
    counter.world.sandbox.fault(**GET, **problem(401, "api_key_invalid"))

    counter.hand_in(files())

    (connection,) = counter.world.rows(Connection)
    assert connection.paused_at
    assert "connection.paused" in counter.audit
    before = len(counter.world.sandbox.ledger("facturapi"))
    page = counter.hand_in(files())
    assert sentence("connection-paused", {}, "es") in page.text
    assert len(counter.world.sandbox.ledger("facturapi")) == before, "a paused connection was used"


CODES = {
    "private_key_password_incorrect": "wrong_password",
    "private_key_certificate_mismatch": "pair_mismatch",
    "certificate_expired": "expired",
    "certificate_not_yet_valid": "not_yet_valid",
    "csd_required": "fiel_not_csd",
    "certificate_invalid": "revoked",
    "certificate_files_invalid": "key_unreadable",
    "certificate_files_required": "missing",
    "certificate_file_required": "missing",
    "private_key_file_required": "missing",
    # Without an earlier RFC to name there is no sentence of ours for it.
    "certificate_fiel_rfc_mismatch": "provider-refused",
    "something_new": "provider-refused",
}


@pytest.mark.parametrize("code", CODES)
def test_what_facturapi_says_of_a_certificate_is_said_in_our_words(code: str, counter: Counter) -> None:
    message = f"Facturapi dice {code}."
    counter.world.sandbox.fault(**PUT, **problem(400, code, message))

    page = counter.hand_in(files())

    assert (counter.upload.state, counter.upload.problem) == (State.FAILED, CODES[code])
    (attempt,) = counter.attempts
    assert (attempt.provider_http_status, attempt.provider_code, attempt.provider_message) == (400, code, message)
    assert message in page.text
    assert "%(" not in page.text


def test_facturapi_keeps_an_organization_to_the_rfc_of_its_first_certificate(counter: Counter) -> None:
    counter.hand_in(files(rfc="EKU9003173C9"))

    page = counter.hand_in(files(rfc="CACX7605101P8"), language="en")

    said = sentence("rfc_mismatch", {"rfc": "CACX7605101P8", "expected": "EKU9003173C9"}, "en")
    assert said in page.text
    assert [upload.state for upload in counter.world.rows(Upload)] == [State.DELIVERED, State.FAILED]


def test_a_provider_that_is_down(counter: Counter, nowhere: Any) -> None:
    """Nothing listens where the provider should be: said at once, with nothing sent."""
    page = counter.customer().hand_in(
        counter.address.replace(counter.world.gateway.url, nowhere.url),
        files={"cer": files().cer, "key": files().key},
        fields={"password": files().password},
        headers={"Origin": nowhere.url},
    )

    assert sentence("provider-unreachable", {}, "es") in page.text
    assert counter.upload.state == State.FAILED


def test_an_unconfirmed_upload_is_settled_by_checking_again(counter: Counter) -> None:
    trouble = next(trouble for trouble in TROUBLES if trouble.id == "answer-lost-and-then-down")
    for fault in trouble.faults:
        counter.world.sandbox.fault(**fault)
    customer = counter.customer()
    given = files()
    page = customer.hand_in(
        counter.address, files={"cer": given.cer, "key": given.key}, fields={"password": given.password}
    )
    assert [upload.state for upload in counter.world.rows(Upload)] == [State.UNKNOWN]

    page = customer.send(page.address, files={}, fields=page.hidden())

    assert counter.upload.state == State.DELIVERED
    assert len(counter.puts) == 1, "it was sent again"
    assert page.status == 200


def test_what_is_held_and_newer_is_replaced_only_when_asked_to(counter: Counter) -> None:
    newer = files(
        number="30001000000500009999", not_before=NOW - timedelta(days=1), not_after=NOW + timedelta(days=900)
    )
    older = files(
        number="30001000000500001111", not_before=NOW - timedelta(days=400), not_after=NOW + timedelta(days=90)
    )
    counter.hand_in(newer)
    customer = counter.customer()

    page = customer.hand_in(
        counter.address, files={"cer": older.cer, "key": older.key}, fields={"password": older.password}
    )
    assert page.status == 422
    assert "replace" in page.errors
    assert len(counter.puts) == 1
    assert counter.held()["certificate"]["serial_number"] == "30001000000500009999"

    own = page.hidden() | {"replace": "y", "password": older.password}
    page = customer.send(page.address, files={"cer": older.cer, "key": older.key}, fields=own)
    assert "/o/" in page.address
    assert counter.held()["certificate"]["serial_number"] == "30001000000500001111"
    assert [upload.state for upload in counter.world.rows(Upload)] == [State.DELIVERED, State.REJECTED, State.DELIVERED]


def test_an_equal_certificate_is_sent_again_unasked(counter: Counter) -> None:
    given = files()
    counter.hand_in(given)

    counter.hand_in(given)

    assert len(counter.puts) == 2
    assert {upload.state for upload in counter.world.rows(Upload)} == {State.DELIVERED}


def test_every_transition_left_its_entry(counter: Counter) -> None:
    counter.hand_in(files())

    entries = counter.world.rows(AuditEntry)
    assert [entry.action for entry in entries if entry.action.startswith("upload.")] == [
        "upload.delivering",
        "upload.delivered",
    ]
    assert {entry.organization_id for entry in entries} == {counter.organization.id}
