"""What a client says that its body hashes to is held against it; our answers say what they hash to."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from urllib3.filepost import encode_multipart_formdata
from werkzeug.test import TestResponse

from app.tenants.vault import Vault
from tests.api.conftest import PNG, Desk
from tests.api.documents import documents
from tests.api.test_uploads import certificate
from tests.relay.files import csv


def digest(content: bytes, algorithm: str = "sha-256") -> str:
    hashed = hashlib.new(algorithm.replace("-", ""), content).digest()
    return f"{algorithm}=:{base64.b64encode(hashed).decode()}:"


def send(desk: Desk, path: str, headers: dict[str, str], spoil: bool = False, **parts: Any) -> TestResponse:
    """A form; `{}` in a header stands for its digest."""
    body, content_type = encode_multipart_formdata(parts)
    found = {name: value.replace("{}", digest(body)) for name, value in headers.items()}
    return desk.ask("POST", path, data=body, content_type=content_type, headers=found)


def slug(answer: TestResponse) -> str:
    assert answer.json
    return str(answer.json["type"]).partition("#")[2]


@pytest.mark.parametrize("header", ["Content-Digest", "Repr-Digest"])
@pytest.mark.parametrize("query", ["", "?durable=0", "?wait=0"])
@pytest.mark.parametrize("size", [1000, 300_000], ids=["whole", "streamed"])
def test_a_form_that_is_another_never_arrives_whole(
    desk: Desk, vault: Vault, header: str, query: str, size: int
) -> None:
    docs, file = documents(desk, vault), ("t.csv", csv(size), "text/csv")
    wrong = send(desk, docs.path + query, {header: digest(b"another")}, file=file)
    assert (wrong.status_code, slug(wrong)) == (400, "digest-mismatched-values")
    assert docs.arrived() == []
    assert {one.state for one in desk.uploads()} <= {"rejected"}  # what was whole before its record has none
    right = send(desk, docs.path + query, {header: "{}"}, file=file)
    assert right.status_code in {201, 202}


def test_what_is_held_in_memory_and_what_is_no_form(desk: Desk) -> None:
    for headers, status in (({"Content-Digest": digest(b"x")}, 400), ({"Content-Digest": "{}"}, 201)):
        assert send(desk, desk.mine.to_certificate, headers, **certificate()).status_code == status
    legal = b'{"name": "x", "legal_name": "x", "tax_system": "601", "zip": "26015"}'
    for content, status in ((b"x", 400), (legal, 201)):
        headers = {"Content-Digest": digest(content), "Content-Type": "application/json"}
        path = desk.mine.to_logo.replace("logo", "legal")
        assert desk.ask("POST", path, data=legal, headers=headers).status_code == status


@pytest.mark.parametrize("algorithm", ["sha-256", "sha-512"])
def test_a_file_alone_has_its_own_digest(desk: Desk, algorithm: str) -> None:
    path = f"{desk.mine.to_logo}?filename=a.png"
    for content, status in ((PNG + b"x", 400), (PNG, 201)):
        headers = {"Repr-Digest": digest(content, algorithm)}
        assert desk.ask("PUT", path, data=PNG, headers=headers).status_code == status
    assert len([one for one in desk.sandbox.ledger("facturapi", complete=True) if one["method"] == "PUT"]) == 1


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (f"{digest(PNG)}, {digest(PNG, 'sha-512')}", 201),
        (f"md5=:{base64.b64encode(bytes(16)).decode()}:,{digest(PNG)}", 201),
        (f"{digest(PNG)}, {digest(b'x', 'sha-512')}", 400),
    ],
)
def test_several_have_to_agree_as_far_as_they_are_known(desk: Desk, value: str, status: int) -> None:
    answer = desk.ask("PUT", f"{desk.mine.to_logo}?filename=a.png", data=PNG, headers={"Content-Digest": value})
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("value", "slug_"),
    [
        ("sha-256", "digest-invalid-values"),
        ("sha-256=abc", "digest-invalid-values"),
        ("sha-256=:abc:", "digest-invalid-values"),
        ("sha-256=:YWJj:", "digest-invalid-values"),
        (digest(PNG) + ",", "digest-invalid-values"),
        (digest(PNG).upper(), "digest-invalid-values"),
        ("md5=:YWJj:", "digest-unsupported-algorithms"),
    ],
)
def test_what_cannot_be_held_against_anything_is_said(desk: Desk, value: str, slug_: str) -> None:
    answer = desk.ask("PUT", f"{desk.mine.to_logo}?filename=a.png", data=PNG, headers={"Content-Digest": value})
    assert (answer.status_code, slug(answer)) == (400, slug_)
    assert ("sha-256" in answer.headers.get("Want-Content-Digest", "")) is (slug_ == "digest-unsupported-algorithms")
    assert not desk.uploads()


def test_an_answer_says_what_it_hashes_to(desk: Desk) -> None:
    made = desk.hand_in()
    for answer in (made, desk.ask("GET", made.headers["Location"])):
        assert answer.headers["Content-Digest"] == answer.headers["Repr-Digest"] == digest(answer.data)


def test_what_is_sent_again_under_its_key_is_verified_too(desk: Desk) -> None:
    path, key = f"{desk.mine.to_logo}?filename=a.png", {"Idempotency-Key": "a"}
    assert desk.ask("PUT", path, data=PNG, headers=key).status_code == 201
    assert desk.ask("PUT", path, data=PNG, headers=key | {"Repr-Digest": digest(b"x")}).status_code == 400
    assert desk.ask("PUT", path, data=PNG, headers=key | {"Repr-Digest": digest(PNG)}).status_code == 201
