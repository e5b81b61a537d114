"""A file that is the whole body, as `curl -T` sends it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app.tenants.vault import Vault
from tests.api.conftest import PNG, Desk
from tests.api.documents import TABLE, Documents, documents
from tests.relay.files import csv, png

NAMED = "?filename=mi%20logo.png"


@pytest.fixture
def docs(desk: Desk, vault: Vault) -> Documents:
    return documents(desk, vault)


def put(desk: Desk, query: str = NAMED, content: bytes = PNG, path: str | None = None, **more: Any) -> TestResponse:
    return desk.ask("PUT", (path or desk.mine.to_logo) + query, data=content, **more)


def slug(answer: TestResponse) -> str:
    assert answer.json
    return str(answer.json["type"]).partition("#")[2]


def test_a_file_alone_is_handed_in(desk: Desk) -> None:
    answer = put(desk, NAMED + "&external_id=a&metadata=%7B%22n%22%3A1%7D")
    made = answer.json
    assert made
    assert (answer.status_code, answer.headers["Location"]) == (201, f"/api/v1/uploads/{made['id']}")
    told = {name: made[name] for name in ("filename", "size", "sha256", "external_id", "metadata")}
    assert told == {
        "filename": "mi logo.png",
        "size": len(PNG),
        "sha256": hashlib.sha256(PNG).hexdigest(),
        "external_id": "a",
        "metadata": {"n": 1},
    }
    (sent,) = [one for one in desk.sandbox.ledger("facturapi") if one["method"] == "PUT"]
    assert sent["parts"][0]["sha256"] == made["sha256"]


@pytest.mark.parametrize("size", [1 << 10, 1 << 16, 200_000], ids=["small", "whole", "streamed"])
@pytest.mark.parametrize("query", ["", "&durable=0", "&wait=0"])
def test_of_any_size_and_in_any_way(docs: Documents, size: int, query: str) -> None:
    content = csv(size)
    answer = put(docs.desk, "?filename=t.csv" + query, content, docs.path, content_type="text/csv")
    assert answer.json
    assert (answer.status_code, answer.json["size"]) == (202 if "wait" in query else 201, size)
    assert answer.json["sha256"] == hashlib.sha256(content).hexdigest()
    assert docs.arrived() == ([] if "wait" in query else [answer.json["sha256"]])


def test_what_a_check_refuses_at_its_end_never_arrives_whole(desk: Desk) -> None:
    content = png(300_000)
    answer = put(desk, content=content[:-1] + b"?")
    assert answer.status_code == 422
    assert [one for one in desk.sandbox.ledger("facturapi", complete=True) if one["method"] == "PUT"] == []
    assert put(desk, content=content).status_code == 201


def test_without_a_length_it_is_kept_first(docs: Documents) -> None:
    """As `curl -T -` sends it."""

    def chunked(query: str) -> TestResponse:
        environ = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
        more = {"headers": {"Transfer-Encoding": "chunked"}, "environ_overrides": environ, "content_type": "text/csv"}
        return put(docs.desk, f"?filename=t.csv{query}", TABLE[1], docs.path, **more)

    assert chunked("").status_code == 202
    assert (chunked("&durable=0").status_code, slug(chunked("&durable=0"))) == (411, "length-required")


@pytest.mark.parametrize(
    ("query", "status", "slug_"),
    [
        ("", 400, "bad-file-name"),
        ("?filename=", 400, "bad-file-name"),
        ("?filename=a%00.png", 400, "bad-file-name"),
        ("?filename=a%5Cb.png", 400, "bad-file-name"),
        (NAMED + "&colour=red", 400, "unknown-part"),
        (NAMED + "&external_id=a&external_id=b", 400, "duplicate-part"),
        (NAMED + "&external_id=a%00", 400, "not-text"),
        (NAMED + "&external_id=" + 201 * "a", 422, "field-too-long"),
        (NAMED + "&metadata=" + 9000 * "a", 413, "field-too-large"),
        (NAMED + "&durable=1", 501, "durable-not-offered"),
    ],
)
def test_what_its_address_can_be_refused_for(desk: Desk, query: str, status: int, slug_: str) -> None:
    answer = put(desk, query)
    assert (answer.status_code, slug(answer)) == (status, slug_)
    assert not desk.sandbox.ledger("facturapi")


@pytest.mark.parametrize(
    ("headers", "content", "status", "slug_"),
    [
        ({"Content-Type": "multipart/form-data; boundary=x"}, PNG, 400, "nested"),
        ({"Content-Encoding": "gzip"}, PNG, 400, "encoded"),
        ({}, bytes(3 << 20), 413, "file-too-large"),
        ({}, b"GIF89a" + bytes(64), 422, "image-unreadable"),
    ],
)
def test_what_the_body_can_be_refused_for(
    desk: Desk, headers: dict[str, str], content: bytes, status: int, slug_: str
) -> None:
    answer = put(desk, content=content, headers=headers)
    assert (answer.status_code, slug(answer)) == (status, slug_)
    assert not desk.sandbox.ledger("facturapi")


def test_an_empty_file(desk: Desk) -> None:
    answer = put(desk, content=b"", environ_overrides={"CONTENT_LENGTH": "0"})
    assert (answer.status_code, slug(answer)) == (422, "empty-file")


@pytest.mark.parametrize("operation", ["certificate", "fiel", "legal"])
def test_what_is_more_than_one_file_or_secret_has_to_be_a_form(desk: Desk, operation: str) -> None:
    answer = put(desk, path=desk.mine.to_logo.replace("logo", operation))
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_it_needs_what_the_form_needs(desk: Desk) -> None:
    assert put(desk, token=None).status_code == 401
    assert put(desk, token="read").status_code == 403
    assert put(desk, token="their both").status_code == 404
