"""The object store: addresses that are good for one thing, and what it says of all others."""

from __future__ import annotations

import http.client
import re
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pytest

from app.sandbox.clock import Clock
from app.sandbox.files import Files
from app.sandbox.store import Store, Stored
from tests.sandbox.formkiq.conftest import SEED, WRITER, Formkiq, send

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Response

    from tests.servers import Sandbox

ORIGIN = "http://127.0.0.1:8002"
KEY = "a b/~c+d/ñ?&=.csv"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(ORIGIN, clock=Clock(), files=Files(tmp_path / "files"))


def environ(url: str, method: str = "GET", **more: str) -> dict[str, Any]:
    target = url.removeprefix(ORIGIN)
    path = unquote(target.partition("?")[0]).encode().decode("latin-1")
    host = {"SERVER_PORT": "8002", "HTTP_HOST": "127.0.0.1:8002"}
    return {"REQUEST_METHOD": method, "RAW_URI": target, "PATH_INFO": path, **host, **more}


def code(answer: Response | None) -> str | None:
    found = re.search("<Code>(.+)</Code>", answer.get_data(as_text=True)) if answer else None
    return found[1] if found else None


def test_an_objects_bytes_are_its_providers_own(store: Store) -> None:
    stored = store.keep("factify", KEY, b"content", "text/csv")
    assert stored == store.find("factify", KEY)
    assert (stored.size, stored.sha256, stored.content_type) == (7, sha256(b"content").hexdigest(), "text/csv")
    assert store.read("factify", KEY) == b"content"
    assert store.read("formkiq", KEY) is None
    store.delete("factify", KEY)
    store.delete("factify", KEY)
    assert (store.find("factify", KEY), store.read("factify", KEY)) == (None, None)


def test_a_provider_is_told_of_what_came_for_it(store: Store) -> None:
    told: list[tuple[str, Stored]] = []
    store.on_put("formkiq", lambda key, stored: told.append((key, stored)))
    stored = store.keep("formkiq", KEY, b"content")
    store.keep("factify", KEY, b"content")
    assert told == [(KEY, stored)]


def test_an_address_leads_to_its_object_alone(store: Store) -> None:
    store.keep("factify", KEY, b"content", "text/csv")
    url = store.sign("factify", KEY, method="GET", seconds=60)
    assert urlsplit(url).path == "/factify/a%20b/%7ec+d/%C3%B1%3F%26%3D.csv"
    asked = environ(url)
    assert store.serves(asked)
    assert store.judge(asked) is None
    for method in ("PUT", "DELETE"):
        assert code(store.judge(environ(url, method, CONTENT_LENGTH="1"))) == "SignatureDoesNotMatch"
    statuses: list[str] = []
    answer = store(asked, lambda status, _headers, _exc=None: statuses.append(status))  # type: ignore[arg-type]
    assert (b"".join(answer), statuses) == (b"content", ["200 OK"])
    assert not store.serves(asked | {"SERVER_PORT": "8001"})


def test_an_address_is_good_until_its_end(store: Store, tmp_path: Path) -> None:
    clock = Clock()
    ending = Store(ORIGIN, clock=clock, files=Files(tmp_path / "more"))
    url = ending.sign("factify", KEY, method="GET", seconds=60)
    for later, expected in ((58, None), (62, "AccessDenied")):
        clock.set(clock.now() + timedelta(seconds=later))
        assert code(ending.judge(environ(url))) == expected
        clock.reset()
    assert code(store.judge(environ(url))) == "SignatureDoesNotMatch"


def test_signed_headers_have_to_come_as_they_were_signed(store: Store) -> None:
    headers = {"x-amz-meta-kind": "invoice"}
    url = store.sign("formkiq", KEY, method="PUT", seconds=60, length=3, headers=headers)
    good = {"HTTP_X_AMZ_META_KIND": "invoice", "CONTENT_LENGTH": "3"}
    assert store.judge(environ(url, "PUT", **good)) is None
    for change in ({"HTTP_X_AMZ_META_KIND": "Invoice"}, {"CONTENT_LENGTH": "4"}, {"HTTP_HOST": "127.0.0.1"}):
        assert code(store.judge(environ(url, "PUT", **good | change))) == "SignatureDoesNotMatch"
    assert code(store.judge(environ(url, "PUT", **good, HTTP_X_AMZ_ACL="private"))) == "AccessDenied"
    assert code(store.judge(environ(url, "PUT", **good, HTTP_AUTHORIZATION="x"))) == "InvalidRequest"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-amz-checksum-sha256": "no base64"},
        {"x-amz-checksum-sha256": "c2hvcnQ="},
        {"x-amz-sdk-checksum-algorithm": "SHA256"},
        {"x-amz-sdk-checksum-algorithm": "SHA1", "x-amz-checksum-sha256": "A" * 43 + "="},
    ],
)
def test_a_checksum_that_is_none_is_refused_before_the_body(store: Store, headers: dict[str, str]) -> None:
    url = store.sign("formkiq", KEY, method="PUT", seconds=60, headers=headers)
    sent = {"HTTP_" + name.upper().replace("-", "_"): value for name, value in headers.items()}
    assert code(store.judge(environ(url, "PUT", CONTENT_LENGTH="1", **sent))) == "InvalidRequest"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, "InvalidRequest"),
        (403, "AccessDenied"),
        (411, "MissingContentLength"),
        (418, "InvalidRequest"),
        (500, "InternalError"),
        (502, "InternalError"),
        (503, "SlowDown"),
    ],
)
def test_a_status_has_the_code_that_goes_with_it(store: Store, status: int, expected: str) -> None:
    answer = store.failure(status)
    assert (answer.status_code, answer.content_type, code(answer)) == (status, "application/xml", expected)


@pytest.fixture
def formkiq(running: Sandbox) -> Formkiq:
    running.seed(**SEED)
    return Formkiq(running=running)


@pytest.mark.live
def test_a_refusal_reaches_a_client_that_is_still_sending(formkiq: Formkiq, running: Sandbox) -> None:
    url = formkiq.upload()["url"]
    target = urlsplit(url)
    connection = http.client.HTTPConnection(target.netloc, timeout=20)
    connection.putrequest("PUT", url.removeprefix(running.store_url))
    connection.putheader("Content-Length", str(1 << 30))
    connection.putheader("Authorization", WRITER)
    connection.endheaders(b"the beginning")
    reply = connection.getresponse()
    assert (reply.status, reply.headers["Connection"], b"InvalidRequest" in reply.read()) == (400, "close", True)
    connection.close()
    put = running.ledger("formkiq")[-1]
    assert (put["method"], put["complete"], put["bytes"], put["status"]) == ("PUT", False, 0, 400)


@pytest.mark.live
def test_a_connection_goes_on_after_a_small_body_was_refused(formkiq: Formkiq, running: Sandbox) -> None:
    url = formkiq.upload()["url"]
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    for headers, status in (({"Authorization": WRITER}, 400), ({}, 200), ({"x-amz-acl": "x"}, 403), ({}, 200)):
        connection.request("PUT", url.removeprefix(running.store_url), b"content", headers)
        reply = connection.getresponse()
        reply.read()
        assert reply.status == status
    connection.close()


@pytest.mark.live
@pytest.mark.parametrize(
    ("fault", "entry"),
    [
        ({"action": "reset", "after_bytes": 1000}, (False, None)),
        ({"action": "truncate"}, (True, 200)),
        ({"action": "drop_answer"}, (True, 200)),
    ],
)
def test_faults_act_on_it_too(
    formkiq: Formkiq, running: Sandbox, fault: dict[str, Any], entry: tuple[bool, int | None]
) -> None:
    made = formkiq.upload()
    running.fault(provider="formkiq", path=urlsplit(made["url"]).path[:12], **fault)
    arrived = fault["action"] != "reset"
    try:
        answer = send("PUT", made["url"], bytes(1 << 20))
    except (ConnectionError, http.client.HTTPException):
        assert fault["action"] != "truncate"
    else:
        assert (fault["action"], answer.status) == ("truncate", 200)
    put = next(one for one in running.ledger("formkiq") if one["method"] == "PUT")
    assert (put["complete"], put["status"]) == entry
    assert ("contentLength" in formkiq.ask("GET", f"/documents/{made['documentId']}").json) is arrived


@pytest.mark.live
def test_whoever_has_no_provider_is_nobody_there(running: Sandbox) -> None:
    for path in ("/", "/nobody/key", "/_sandbox/ledger"):
        answer = send("GET", running.store_url + path)
        assert (answer.status, b"<Code>AccessDenied</Code>" in answer.body) == (403, True)
    assert running.ledger() == []
