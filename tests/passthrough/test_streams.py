"""A file passes while it arrives, as it was sent, and is never whole at the provider before it may be."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any, Final

import pytest

from app.local.processes import wait_until
from app.providers.operation import MIB
from app.records.states import State
from tests.passthrough.desk import Desk
from tests.relay.files import EICAR, SPOILT, noise, pdf, png
from tests.relay.sending import Answered, Sending

pytestmark = pytest.mark.live

SECONDS: Final = 10.0
AT: Final = "/proxy/factify/v1beta/documents"
LARGE: Final = pdf(6 * MIB)
SMALL: Final = pdf(4_000)
FIELDS: Final = {"title": "Contrato"}


def sending(desk: Desk, content: bytes, **given: Any) -> Sending:
    """A document on its way through, as the vendor's own package sends it."""
    files = given.pop("files", {"payload": ("contrato.pdf", "application/pdf", content)})
    headers = {"Authorization": f"Bearer {desk.token}"}
    return Sending(desk.house, "", files=files, at=AT, headers=headers, **{"fields": FIELDS, **given})


def sent(desk: Desk, content: bytes, **given: Any) -> Answered:
    with sending(desk, content, **given) as one:
        return one.give().answer()


def arrivals(desk: Desk, *, complete: bool | None = None) -> list[dict[str, Any]]:
    return [one for one in desk.house.sandbox.ledger("factify", complete=complete) if one["method"] == "POST"]


def reason(answer: Answered) -> tuple[int, str, str]:
    return answer.status, answer.body["code"], answer.body["details"][0]["reason"]


def ended(desk: Desk, state: State) -> bool:
    """Whether the one upload came to that in time."""
    return wait_until(lambda: [one.state for one in desk.uploads()] == [state], SECONDS)


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_what_leaves_is_what_came_to_the_byte(desk: Desk, content: bytes) -> None:
    with sending(desk, content) as one:
        answer = one.give().answer()
        body = one.body
    assert answer.status == 200
    (entry,) = arrivals(desk)
    assert (entry["complete"], entry["bytes"]) == (True, len(body))
    assert entry["headers"]["Content-Length"] == str(len(body))
    (upload,) = desk.uploads()
    assert upload.state is State.DELIVERED
    assert [part["size"] for part in upload.parts] == [len(content)]
    assert upload.parts[0]["sha256"] == entry["parts"][-1]["sha256"]


def test_it_is_on_its_way_while_it_is_still_arriving(desk: Desk) -> None:
    with sending(desk, LARGE) as one:
        one.give_share(0.6)
        assert wait_until(lambda: [upload.state for upload in desk.uploads()] == [State.DELIVERING], SECONDS)
        answer = one.give().answer()
    assert answer.status == 200
    (entry,) = arrivals(desk)
    assert entry["first_byte_at"] < entry["last_byte_at"]


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_fields_may_come_after_the_file(desk: Desk, content: bytes) -> None:
    """As the vendor's package for TypeScript sends them."""
    with sending(desk, content) as one:
        boundary = one.body.split(b"\r\n", 1)[0]
        parts = one.body.split(boundary)[1:-1]
        one.body = boundary + boundary.join(reversed(parts)) + boundary + b"--\r\n"
        answer = one.give().answer()
    assert answer.status == 200
    (entry,) = arrivals(desk)
    assert [part["name"] for part in entry["parts"]] == ["payload", "title"]
    assert answer.body["document"]["title"] == "Contrato"


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("spoil", [SPOILT["pdf"], lambda data: data[: -len(EICAR)] + EICAR], ids=["pdf", "eicar"])
def test_what_is_refused_at_its_last_byte_never_arrives(desk: Desk, content: bytes, spoil: Any) -> None:
    answer = sent(desk, spoil(content))
    assert reason(answer) == (400, "invalid_argument", "invalid_field_value")
    assert answer.body["details"][0]["param"] == "payload"
    assert arrivals(desk, complete=True) == []
    assert ended(desk, State.REJECTED)
    assert answer.body["details"][0]["request_id"] == str(desk.uploads()[0].id)


@pytest.mark.parametrize("share", [0.2, 0.9, 1.0])
def test_what_breaks_off_never_arrives(desk: Desk, share: float) -> None:
    with sending(desk, LARGE) as one:
        one.give_share(share) if share < 1 else one.give(-1)
        assert wait_until(lambda: len(desk.uploads()) == 1, SECONDS)
        one.socket.shutdown(socket.SHUT_RDWR)
    assert ended(desk, State.CANCELLED)
    assert arrivals(desk, complete=True) == []


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_a_body_without_its_closing_boundary_never_arrives(desk: Desk, content: bytes) -> None:
    with sending(desk, content) as one:
        one.body = one.body[:-4] + b"xx\r\n"
        answer = one.give().answer()
    assert answer.status == 400
    assert arrivals(desk, complete=True) == []
    assert State.DELIVERED not in {one.state for one in desk.uploads()}


@pytest.mark.attack(
    "framing", "a file that carries a second part, or another form, to the provider", "refused; nothing arrives whole"
)
@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"fields": {**FIELDS, "document_id": "doc_" + "0" * 26}}, "document_id"),
        ({"fields": {**FIELDS, "payload_key": "x"}}, "payload_key"),
        ({"fields": {**FIELDS, "duplicates": "1"}}, "duplicates"),
        ({"fields": {"title": "x" * 256}}, "title"),
        ({"files": {"file": ("contrato.pdf", "application/pdf", SMALL)}}, "file"),
        ({"files": {"payload": ("contrato.exe", "application/pdf", SMALL)}}, ""),
        ({"files": {"payload": ("contrato.pdf", "application/pdf", noise(4_000))}}, ""),
        ({"files": {"payload": ("contrato.pdf", "application/pdf", b"")}}, ""),
    ],
)
def test_what_could_be_smuggled_in_is_refused(desk: Desk, given: Mapping[str, Any], told: str) -> None:
    answer = sent(desk, SMALL, **given)
    assert reason(answer)[:2] == (400, "invalid_argument")
    assert told in answer.body["message"]
    assert arrivals(desk, complete=True) == []


def test_a_second_file_is_refused(desk: Desk) -> None:
    with sending(desk, SMALL) as one:
        boundary = one.body.split(b"\r\n", 1)[0]
        parts = one.body.split(boundary)[1:-1]
        one.body = boundary + boundary.join([*parts, parts[-1]]) + boundary + b"--\r\n"
        one._headers["Content-Length"] = str(len(one.body))
    with one:
        answer = one.give().answer()
    assert answer.status == 400
    assert arrivals(desk, complete=True) == []


def test_no_file_is_told_as_the_vendor_tells_it(desk: Desk) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    body = b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\nx\r\n--b--\r\n'
    answer = desk.ask("POST", "factify/v1beta/documents", body, headers=headers)
    assert (answer.status, answer.json["details"][0]["reason"]) == (400, "missing_required_field")
    assert arrivals(desk) == []


def test_a_form_without_a_length_is_told_to_have_one(desk: Desk) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Transfer-Encoding": "chunked"}
    answer = desk.ask("POST", "factify/v1beta/documents", None, headers=headers, chunks=[b"--b\r\n"])
    assert (answer.status, answer.json["code"]) == (411, "invalid_argument")
    assert arrivals(desk) == []


def test_what_is_too_large_is_refused_before_any_of_it_leaves(desk: Desk) -> None:
    house = desk.house
    path = f"/proxy/facturapi/v2/organizations/{house.places['facturapi'].settings['organization_id']}/logo"
    files = {"file": ("logo.png", "image/png", png(600_000))}
    with Sending(house, "", files=files, at=path, headers={"Authorization": f"Bearer {desk.token}"}) as one:
        one.connection.close()
        answer = desk.ask(
            "PUT", path.removeprefix("/proxy/"), one.body, headers={"Content-Type": one._headers["Content-Type"]}
        )
    assert (answer.status, answer.json["code"], answer.json["status"]) == (400, "payload_too_large", 400)
    assert house.sandbox.ledger("facturapi") == []


@pytest.mark.parametrize("content_type", ["application/pdf", "application/json", "multipart/mixed; boundary=b"])
def test_a_file_that_is_no_form_is_refused(desk: Desk, content_type: str) -> None:
    answer = desk.ask("POST", "factify/v1beta/documents", SMALL, headers={"Content-Type": content_type})
    assert answer.status == 400
    assert arrivals(desk) == []


def test_a_form_is_passed_on_only_where_its_file_is_looked_at(desk: Desk) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = desk.ask("POST", "factify/v1beta/documents/doc_1/trash", b"--b--\r\n", headers=headers)
    assert answer.status == 400
    assert desk.house.sandbox.ledger("factify") == []
