"""Whatever the provider or the way to it does wrong is told in the vendor's words, and nothing is handed in twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import pytest
from urllib3.filepost import encode_multipart_formdata

from app.database import utcnow
from app.records.models import Upload
from app.records.states import State
from app.tenants import tokens
from tests.passthrough.desk import Answer, Desk
from tests.passthrough.test_facturapi import CSD, PASSWORD
from tests.passthrough.test_streams import FIELDS, LARGE, SMALL, arrivals, sent
from tests.relay.sending import Answered

pytestmark = pytest.mark.live

DOCUMENTS: Final = "/factify/v1beta/documents"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with an upload; its state then, and the answer: status and code, or the vendor's own."""

    id: str
    order: Mapping[str, Any]
    state: State
    status: int
    code: str | None = None


FAULTS: Final = (
    Fault(id="reset", order={"action": "reset", "after_bytes": 1000}, state=State.FAILED, status=500, code="internal"),
    Fault(id="stall", order={"action": "stall", "after_bytes": 1000}, state=State.FAILED, status=500, code="internal"),
    Fault(id="truncated", order={"action": "truncate"}, state=State.DELIVERED, status=200),
    Fault(id="dropped", order={"action": "drop_answer"}, state=State.DELIVERED, status=200),
    Fault(
        id="429",
        order={"action": "status", "status": 429, "headers": {"Retry-After": "7"}},
        state=State.FAILED,
        status=429,
        code="resource_exhausted",
    ),
    Fault(id="500", order={"action": "status", "status": 500}, state=State.FAILED, status=500, code="internal"),
    Fault(id="418", order={"action": "status", "status": 418, "body": "tea"}, state=State.FAILED, status=418),
    Fault(id="slow", order={"action": "delay", "seconds": 0.7}, state=State.DELIVERED, status=200),
)


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.id for fault in FAULTS])
def test_an_upload_ends_as_it_did(desk: Desk, fault: Fault) -> None:
    desk.house.sandbox.fault(provider="factify", method="POST", path=DOCUMENTS, **fault.order)
    answer = sent_raw(desk, LARGE)
    (upload,) = desk.uploads()
    if fault.id == "reset" and upload.state is State.UNKNOWN:  # all of it was with the network before that
        assert (answer.status, answer.json["code"]) == (500, "unknown")
        return
    assert (answer.status, upload.state) == (fault.status, fault.state), answer
    if fault.code:
        assert answer.json["code"] == fault.code
    if fault.id == "429":
        assert answer.header("retry-after") == "7"
    if fault.id == "418":
        assert answer.body == b"tea"
    if fault.state is State.DELIVERED:
        assert answer.json["document"]["id"] == upload.reference


def sent_raw(desk: Desk, content: bytes, *, title: str = "Contrato") -> Answer:
    body, content_type = encode_multipart_formdata({"title": title, "payload": ("c.pdf", content, "application/pdf")})
    return desk.ask("POST", "factify/v1beta/documents", body, headers={"Content-Type": content_type})


def unanswered(desk: Desk, content: bytes) -> Answered:
    """Hand in what arrives, but nobody hears of it, nor can ask."""
    sandbox = desk.house.sandbox
    sandbox.fault(provider="factify", method="POST", path=DOCUMENTS, action="drop_answer")
    sandbox.fault(provider="factify", method="GET", path=DOCUMENTS, action="status", status=503, times=20)
    answer = sent(desk, content)
    sandbox.control("DELETE", "/faults")
    return answer


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_a_blind_retry_is_looked_for_first_and_answered_from_what_is_there(desk: Desk, content: bytes) -> None:
    answer = unanswered(desk, content)
    (upload,) = desk.uploads()
    assert (answer.status, answer.body["code"]) == (500, "unknown")
    assert answer.body["details"][0]["request_id"] == str(upload.id)
    assert upload.state is State.UNKNOWN
    again = sent(desk, content)
    assert again.status == 200
    first, *others = desk.uploads()
    assert first.state is State.DELIVERED
    assert again.body["document"]["id"] == first.reference
    assert {one.state for one in others} <= {State.CANCELLED}
    assert len(arrivals(desk, complete=True)) == 1


def test_a_blind_retry_of_what_nobody_can_tell_is_not_sent(desk: Desk) -> None:
    unanswered(desk, SMALL)
    desk.house.sandbox.fault(provider="factify", method="GET", path=DOCUMENTS, action="status", status=503, times=20)
    again = sent(desk, SMALL)
    assert (again.status, again.body["code"]) == (500, "unknown")
    assert len(arrivals(desk, complete=True)) == 1


@pytest.mark.parametrize("other", ["content", "time", "token"])
def test_what_is_not_the_same_is_no_retry(desk: Desk, other: str) -> None:
    unanswered(desk, SMALL)
    (upload,) = desk.uploads()
    if other == "time":
        desk.change(Upload, upload.id, updated_at=utcnow() - timedelta(minutes=11))
    if other == "token":
        desk = Desk(house=desk.house, vault=desk.vault, token=another_token(desk))
    again = sent(desk, LARGE if other == "content" else SMALL, fields=FIELDS)
    assert again.status == 200
    assert len(arrivals(desk, complete=True)) == 2


def another_token(desk: Desk) -> str:
    with desk.house.database.transaction(desk.house.organization.id) as session:
        _, made = tokens.create(
            session, organization_id=desk.house.organization.id, name="b", scopes=[tokens.Scope.PROXY]
        )
    return made


@pytest.mark.parametrize(
    ("order", "status"),
    [
        ({"action": "reset"}, 500),
        ({"action": "stall"}, 500),
        ({"action": "drop_answer"}, 500),
        ({"action": "status", "status": 503, "body": "<p>down</p>", "headers": {"Content-Type": "text/html"}}, 503),
    ],
)
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_a_plain_call_without_an_answer_is_told_so(
    desk: Desk, order: Mapping[str, Any], status: int, method: str
) -> None:
    desk.house.sandbox.fault(provider="factify", **order)
    path = "factify/v1beta/documents/doc_" + "0" * 26
    answer = desk.ask(method, path, b"{}" if method == "PATCH" else None, headers={"Content-Type": "application/json"})
    assert answer.status == status
    if status == 503:
        assert (answer.body, answer.header("content-type")) == (b"<p>down</p>", "text/html")
    else:
        # Whether all of it was with the network before a reset, no two runs have in common.
        known = {"internal"} if method == "GET" or order["action"] == "reset" else set()
        in_doubt = {"unknown"} if method == "PATCH" else set()
        assert answer.json["code"] in known | in_doubt
    (called,) = desk.called()
    assert called.details["call"] == f"{method} /v1beta/documents/{{document_id}}"


def certificate(desk: Desk) -> Answer:
    parts: dict[str, Any] = {"cer": ("cer.cer", CSD.cer), "key": ("key.key", CSD.key), "password": PASSWORD}
    body, content_type = encode_multipart_formdata(parts)
    account = desk.house.places["facturapi"].settings["organization_id"]
    return desk.ask(
        "PUT", f"facturapi/v2/organizations/{account}/certificate", body, headers={"Content-Type": content_type}
    )


def test_a_certificate_whose_answer_was_lost_is_looked_for_and_answered_with_what_is_there(desk: Desk) -> None:
    desk.house.sandbox.fault(provider="facturapi", method="PUT", action="drop_answer")
    answer = certificate(desk)
    assert answer.status == 200
    assert answer.json["certificate"]["serial_number"] == "30001000000500003416"
    (upload,) = desk.uploads()
    assert upload.state is State.DELIVERED


def test_a_certificate_that_nobody_can_tell_of_is_unconfirmed_and_its_retry_is_not_sent_blindly(desk: Desk) -> None:
    sandbox = desk.house.sandbox
    sandbox.fault(provider="facturapi", method="PUT", action="drop_answer")
    sandbox.fault(provider="facturapi", method="GET", action="status", status=503, times=20)
    answer = certificate(desk)
    assert (answer.status, answer.json["status"], answer.json["code"]) == (500, 500, "internal_error")
    (upload,) = desk.uploads()
    assert upload.state is State.UNKNOWN
    sandbox.control("DELETE", "/faults")
    again = certificate(desk)
    assert again.status == 200
    assert desk.uploads()[0].state is State.DELIVERED
    assert len([one for one in sandbox.ledger("facturapi") if one["method"] == "PUT"]) == 1
