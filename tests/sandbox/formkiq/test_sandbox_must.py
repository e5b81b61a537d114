"""What a stand-in for FormKiQ has to do, point by point, by raw HTTP."""

from __future__ import annotations

import base64
import http.client
import json
import re
import time
from hashlib import sha1, sha256, sha512
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import pytest

from tests.sandbox.formkiq.conftest import BOTH, READER, WRITER, Answer, Formkiq, send

if TYPE_CHECKING:
    from tests.servers import Sandbox

pytestmark = pytest.mark.live

CONTENT = b"%PDF-1.7 " + bytes(range(256)) * 300
HASHES = {"SHA1": sha1, "SHA256": sha256, "SHA512": sha512}


def code(answer: Answer) -> tuple[int, str]:
    """Status and S3 code of a refusal by the store."""
    assert answer.headers["Content-Type"] == "application/xml", answer.body
    text = answer.body.decode()
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>')
    assert re.search("<RequestId>.+</RequestId><HostId>.+</HostId></Error>$", text)
    found = re.search("<Code>(.+)</Code><Message>.+</Message>", text)
    assert found
    return answer.status, found[1]


def checked(kind: str = "SHA256", content: bytes = CONTENT) -> dict[str, str]:
    return {"checksum": HASHES[kind](content).hexdigest(), "checksumType": kind}


def test_1_the_store_is_another_origin(formkiq: Formkiq, running: Sandbox) -> None:
    address = urlsplit(formkiq.upload()["url"])
    assert f"{address.scheme}://{address.netloc}" == running.store_url != running.url
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in address.query
    for url in (running.url + address.path + "?" + address.query, running.store_url + "/_sandbox/ledger"):
        assert send("PUT", url, b"x").status in {403, 404}


@pytest.mark.parametrize("value", [WRITER, "Bearer anything"])
def test_1_a_put_with_the_apis_authorization_is_refused_and_seen(
    formkiq: Formkiq, running: Sandbox, value: str
) -> None:
    made = formkiq.upload()
    assert code(send("PUT", made["url"], CONTENT, {"Authorization": value})) == (400, "InvalidRequest")
    assert "contentLength" not in formkiq.ask("GET", f"/documents/{made['documentId']}").json
    put = next(entry for entry in running.ledger("formkiq") if entry["method"] == "PUT")
    assert (put["authorization"], put["status"]) == (value, 400)
    assert send("PUT", made["url"], CONTENT).status == 200


def test_2_a_key_counts_only_as_it_is(formkiq: Formkiq) -> None:
    assert formkiq.ask("GET", "/documents").status == 200
    for auth, status, message in (
        (None, 401, "Unauthorized"),
        (f"Bearer {WRITER}", 403, "Forbidden"),
        (WRITER + "x", 403, "Forbidden"),
        ("x" * 100, 403, "Forbidden"),
        (formkiq.token("default"), 403, "Forbidden"),
    ):
        answer = formkiq.ask("GET", "/documents", auth=auth)
        assert (answer.status, answer.json) == (status, {"message": message})
    assert send("GET", f"{formkiq.running.url}/formkiq/documents", None, {"X-Api-Key": WRITER}).status == 401


def test_2_an_access_token_counts_with_bearer_and_without(formkiq: Formkiq) -> None:
    token = formkiq.token("default")
    for auth in (token, f"Bearer {token}"):
        assert formkiq.ask("GET", "/documents", auth=auth, base="/jwt").status == 200
    head, payload, signature = token.split(".")
    for refused in (
        None,
        WRITER,
        formkiq.token("default", use="id"),
        formkiq.token("default", seconds=-1),
        f"{head}.{payload}x.{signature}",
        f"Basic {token}",
    ):
        answer = formkiq.ask("GET", "/documents", auth=refused, base="/jwt")
        assert (answer.status, answer.json) == (401, {"message": "Unauthorized"})


def test_2_a_token_says_who_made_it_for_whom(formkiq: Formkiq, running: Sandbox) -> None:
    def payload(token: str) -> dict[str, Any]:
        middle = token.split(".")[1]
        read: dict[str, Any] = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
        return read

    access = payload(formkiq.token("default", "legal_read", seconds=60))
    assert access["iss"] == f"{running.url}/formkiq/cognito/us-east-2_sandbox"
    assert (access["token_use"], access["cognito:groups"]) == ("access", ["default", "legal_read"])
    assert (access["exp"] - access["iat"], access["client_id"]) == (60, "sandbox-client")
    assert payload(formkiq.token(use="id"))["token_use"] == "id"


@pytest.mark.parametrize(
    ("auth", "method", "site", "expected"),
    [
        (WRITER, "GET", "default", 200),
        (WRITER, "GET", None, 200),
        (WRITER, "GET", "legal", 200),
        (WRITER, "POST", "legal", "fkq access denied (groups: legal (READ))"),
        (WRITER, "GET", "finance", "fkq access denied to siteId (finance)"),
        (READER, "POST", None, "fkq access denied (groups: default (READ))"),
        (BOTH, "POST", None, 201),
        (WRITER, "GET", "global", 401),
    ],
)
def test_2_a_site_that_is_not_allowed_is_refused(
    formkiq: Formkiq, auth: str, method: str, site: str | None, expected: int | str
) -> None:
    query = {"siteId": site} if site else {}
    data = {"content": "text"} if method == "POST" else None
    answer = formkiq.ask(method, "/documents", data, auth=auth, **query)
    if isinstance(expected, str):
        assert (answer.status, answer.json) == (403, {"message": expected})
    else:
        assert answer.status == expected
    if auth == BOTH:
        assert answer.json["siteId"] == "finance"


@pytest.mark.parametrize(
    ("groups", "site", "write", "read"),
    [
        (("default",), None, 201, 200),
        (("default_read",), None, 403, 200),
        (("finance",), None, 201, 200),
        (("finance",), "default", 403, 403),
        (("Admins",), "anything", 201, 200),
        ((), None, 403, 403),
    ],
)
def test_2_groups_say_what_a_token_may(
    formkiq: Formkiq, groups: tuple[str, ...], site: str | None, write: int, read: int
) -> None:
    query: dict[str, Any] = {"base": "/jwt", "auth": formkiq.token(*groups)} | ({"siteId": site} if site else {})
    assert formkiq.ask("POST", "/documents/upload", {}, **query).status == write
    assert formkiq.ask("GET", "/documents", **query).status == read


def test_3_what_is_made_is_201_and_what_is_read_is_200(formkiq: Formkiq) -> None:
    inline = formkiq.ask("POST", "/documents", {"content": "Hello"})
    assert (inline.status, inline.json.keys()) == (201, {"documentId", "siteId"})
    id_ = inline.json["documentId"]
    assert formkiq.ask("POST", "/documents/upload", {"path": "a.pdf"}).status == 201
    for path in ("", "/upload", f"/{id_}", f"/{id_}/upload", f"/{id_}/content", f"/{id_}/url"):
        answer = formkiq.ask("GET", f"/documents{path}")
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")


def test_3_every_refusal_of_the_api_is_json(formkiq: Formkiq, running: Sandbox) -> None:
    for method, path, status in (
        ("GET", "/nothing", 404),
        ("PUT", "/documents", 404),
        ("POST", "/public/documents", 404),
        ("GET", f"/documents/{uuid4()}", 404),
        ("GET", f"/documents/{uuid4()}/content", 404),
        ("GET", f"/documents/{uuid4()}/upload", 404),
    ):
        answer = formkiq.ask(method, path)
        assert (answer.status, list(answer.json)) == (status, ["message"])
    for status in (429, 500, 502, 504):
        running.fault(provider="formkiq", action="status", status=status)
        answer = formkiq.ask("GET", "/documents")
        assert (answer.status, list(answer.json)) == (status, ["message"])
    assert formkiq.ask("POST", "/documents", b"{").json == {"message": "invalid JSON body"}


def test_4_the_length_is_taken_from_the_query_alone(formkiq: Formkiq) -> None:
    free = formkiq.upload({"contentLength": 3})
    assert "content-length" not in unquote(free["url"])
    assert send("PUT", free["url"], CONTENT).status == 200
    bound = formkiq.upload({"contentLength": 3}, contentLength=len(CONTENT))
    assert "content-length" in unquote(bound["url"])
    assert code(send("PUT", bound["url"], CONTENT + b"x")) == (403, "SignatureDoesNotMatch")
    assert send("PUT", bound["url"], CONTENT).status == 200
    answer = formkiq.ask("POST", "/documents/upload", {}, contentLength="much")
    assert (answer.status, answer.json["errors"][0]["key"]) == (400, "contentLength")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_4_a_site_with_a_maximum_wants_the_length(formkiq: Formkiq, method: str) -> None:
    formkiq.switch(max_bytes=10)
    data = {"contentLength": 3} if method == "POST" else None
    required = formkiq.ask(method, "/documents/upload", data)
    assert required.status == 400
    assert required.json == {"message": "'contentLength' is required when MaxContentLengthBytes is configured"}
    exceeded = formkiq.ask(method, "/documents/upload", data, contentLength=11)
    assert (exceeded.status, exceeded.json) == (400, {"message": "'contentLength' cannot exceed 10 bytes"})
    assert formkiq.ask(method, "/documents/upload", data, contentLength=10).status in {200, 201}


def test_5_an_address_is_signed_over_all_that_it_is_for(formkiq: Formkiq) -> None:
    made = formkiq.upload(checked(), contentLength=len(CONTENT))
    url, headers = made["url"], made["headers"]
    swapped = re.sub("(X-Amz-Date=[^&]+)&(X-Amz-Expires=[^&]+)", r"\2&\1", url)
    for altered in (
        url.replace("X-Amz-Expires=172800", "X-Amz-Expires=172801"),
        url.replace(made["documentId"], str(uuid4())),
        url.replace("%7e", "~"),
        url.replace("%7e", "%7E"),
        url.replace("%20", "+"),
        url.replace("%2f", "/").replace("%2F", "/"),
        swapped,
        url + "0",
        url + "&more=1",
        url[:-1],
    ):
        assert altered != url
        assert code(send("PUT", altered, CONTENT, headers)) == (403, "SignatureDoesNotMatch")
    assert code(send("GET", url, None, headers)) == (403, "SignatureDoesNotMatch")
    assert code(send("PUT", url, CONTENT[:-1], headers)) == (403, "SignatureDoesNotMatch")
    other = {name: value.replace("SHA256", "SHA1") for name, value in headers.items()}
    assert code(send("PUT", url, CONTENT, other)) == (403, "SignatureDoesNotMatch")
    assert code(send("PUT", url, CONTENT, headers | {"Host": "elsewhere"})) == (403, "SignatureDoesNotMatch")
    assert code(send("PUT", url, CONTENT)) == (403, "SignatureDoesNotMatch")
    assert code(send("PUT", url, CONTENT, headers | {"x-amz-acl": "private"})) == (403, "AccessDenied")
    assert code(send("PUT", url.partition("&X-Amz-Signature")[0], CONTENT, headers)) == (403, "AccessDenied")
    taken = send("PUT", url, CONTENT, headers | {"Content-Type": "application/pdf"})
    assert (taken.status, taken.body) == (200, b"")
    assert re.fullmatch('"[0-9a-f]{32}"', taken.headers["ETag"])


@pytest.mark.parametrize("kind", HASHES)
def test_5_wrong_bytes_for_the_checksum_are_refused(formkiq: Formkiq, kind: str) -> None:
    made = formkiq.upload(checked(kind))
    wrong = CONTENT[:-1] + b"x"
    assert code(send("PUT", made["url"], wrong, made["headers"])) == (400, "BadDigest")
    assert formkiq.ask("GET", f"/documents/{made['documentId']}/content").status == 404
    assert send("PUT", made["url"], CONTENT, made["headers"]).status == 200


def test_5_an_address_ends(formkiq: Formkiq, running: Sandbox) -> None:
    made = formkiq.upload(duration=1)
    assert "X-Amz-Expires=3600&" in made["url"]
    running.clock("2031-01-01T00:00:00Z")
    expired = send("PUT", made["url"], CONTENT)
    assert code(expired) == (403, "AccessDenied")
    assert b"<Message>Request has expired</Message>" in expired.body
    again = formkiq.ask("GET", f"/documents/{made['documentId']}/upload").json
    assert again.keys() == {"documentId", "url"}
    assert send("PUT", again["url"], CONTENT).status == 200


def test_5_a_body_without_a_length_or_too_long_a_one_is_refused_at_once(formkiq: Formkiq) -> None:
    url = urlsplit(formkiq.upload()["url"])
    for header, refusal in (
        (("Transfer-Encoding", "chunked"), (411, "MissingContentLength")),
        (("Content-Length", str((5 << 30) + 1)), (400, "EntityTooLarge")),
    ):
        connection = http.client.HTTPConnection(url.netloc, timeout=20)
        connection.putrequest("PUT", f"{url.path}?{url.query}")
        connection.putheader(*header)
        connection.endheaders()
        reply = connection.getresponse()
        assert code(Answer(status=reply.status, headers=reply.headers, body=reply.read())) == refusal
        connection.close()


def test_5_the_store_slows_down_when_it_is_told_to(formkiq: Formkiq, running: Sandbox) -> None:
    made = formkiq.upload()
    running.fault(provider="formkiq", method="PUT", action="status", status=503)
    assert code(send("PUT", made["url"], CONTENT)) == (503, "SlowDown")
    running.fault(provider="formkiq", path="/default", action="drop_answer")
    assert formkiq.ask("GET", "/documents").status == 200
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        send("PUT", made["url"], CONTENT)
    assert formkiq.ask("GET", f"/documents/{made['documentId']}").json["contentLength"] == len(CONTENT)


@pytest.mark.parametrize("kind", HASHES)
def test_6_headers_are_texts_when_there_is_a_checksum(formkiq: Formkiq, kind: str) -> None:
    made = formkiq.upload(checked(kind))
    encoded = base64.b64encode(HASHES[kind](CONTENT).digest()).decode()
    assert made["headers"] == {"x-amz-sdk-checksum-algorithm": kind, f"x-amz-checksum-{kind.lower()}": encoded}
    assert formkiq.ask("GET", "/documents/upload", **checked(kind)).json["headers"] == made["headers"]
    path = f"/documents/{made['documentId']}/upload"
    assert formkiq.ask("GET", path, **checked(kind)).json["headers"] == made["headers"]
    inline = formkiq.ask("POST", "/documents", {"content": "text"} | checked(kind, b"text")).json
    assert all(isinstance(value, str) for value in inline["headers"].values())


def test_6_there_are_none_otherwise_and_nothing_is_null(formkiq: Formkiq) -> None:
    made = formkiq.upload({"path": "a/b.pdf", "checksum": None, "tags": [{"key": "kind", "value": "invoice"}]})
    assert made.keys() == {"documentId", "url"}
    texts = [formkiq.ask("GET", f"/documents{path}").body for path in ("", f"/{made['documentId']}", "/upload")]
    assert not [text for text in texts if b"null" in text]


def test_7_the_record_comes_with_the_address_and_its_size_with_the_bytes(formkiq: Formkiq, running: Sandbox) -> None:
    formkiq.switch(delay_seconds=0.4)
    made = formkiq.upload({"path": "inbox/report.pdf", "contentType": "application/pdf"} | checked())
    path = f"/documents/{made['documentId']}"
    empty = formkiq.ask("GET", path).json
    assert (empty["path"], empty["siteId"], empty["userId"]) == ("inbox/report.pdf", "default", "apikey")
    assert not empty.keys() & {"contentLength", "checksum", "checksumType"}
    assert formkiq.ask("GET", f"{path}/content").status == 404
    assert send("PUT", made["url"], CONTENT, made["headers"]).status == 200
    soon = formkiq.ask("GET", path).json
    assert "contentLength" not in soon
    assert formkiq.ask("GET", f"{path}/content").status == 200
    until = time.monotonic() + 10
    while "contentLength" not in (shown := formkiq.ask("GET", path).json):
        assert time.monotonic() < until
    assert shown["contentLength"] == len(CONTENT)
    assert (shown["checksum"], shown["checksumType"]) == (sha256(CONTENT).hexdigest(), "SHA256")
    put = next(entry for entry in running.ledger("formkiq") if entry["method"] == "PUT")
    assert (put["complete"], put["sha256"]) == (True, sha256(CONTENT).hexdigest())
    assert made["url"] == f"{running.store_url}{put['path']}?{put['query']}"


def test_7_new_content_shows_only_once_it_came(formkiq: Formkiq) -> None:
    made = formkiq.upload(checked())
    path = f"/documents/{made['documentId']}"
    send("PUT", made["url"], CONTENT, made["headers"])
    again = formkiq.ask("GET", f"{path}/upload", **checked(content=b"new")).json
    assert formkiq.ask("GET", path).json["checksum"] == checked()["checksum"]
    assert send("PUT", again["url"], b"new", again["headers"]).status == 200
    shown = formkiq.ask("GET", path).json
    assert (shown["contentLength"], shown["checksum"]) == (3, checked(content=b"new")["checksum"])


def test_7_a_checksum_that_nobody_gave_is_of_no_named_kind(formkiq: Formkiq) -> None:
    made = formkiq.upload()
    send("PUT", made["url"], CONTENT, {"Content-Type": "application/pdf"})
    shown = formkiq.ask("GET", f"/documents/{made['documentId']}").json
    assert "checksumType" not in shown
    assert shown["checksum"] != sha256(CONTENT).hexdigest()
    assert shown["contentType"] == "application/pdf"


@pytest.mark.parametrize("path", ["/documents", "/documents/upload"])
@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"documentId": "no-uuid"}, "documentId"),
        ({"checksum": "00"}, "checksumType"),
        ({"checksum": "00" * 32, "checksumType": "MD5"}, "checksumType"),
        ({"checksum": "00", "checksumType": "SHA256"}, "checksum"),
        ({"checksum": "zz" * 32, "checksumType": "SHA256"}, "checksum"),
        ({"tags": [{"value": "x"}]}, "key"),
        ({"actions": [{}]}, "type"),
        ({"path": 1}, "path"),
    ],
)
def test_8_what_is_wrong_is_named(formkiq: Formkiq, path: str, changes: dict[str, Any], key: str) -> None:
    answer = formkiq.ask("POST", path, {"content": "text"} | changes)
    assert (answer.status, answer.json["errors"][0]["key"]) == (400, key)


def test_8_a_kind_of_checksum_is_enough_within_a_request_only(formkiq: Formkiq) -> None:
    answer = formkiq.ask("POST", "/documents/upload", {"checksumType": "SHA256"})
    assert answer.json == {"errors": [{"key": "checksum", "error": "'checksum' is required"}]}
    made = formkiq.ask("POST", "/documents", {"content": "text", "checksumType": "SHA256"}).json
    shown = formkiq.ask("GET", f"/documents/{made['documentId']}").json
    assert shown["checksum"] == sha256(b"text").hexdigest()
    wrong = formkiq.ask("POST", "/documents", {"content": "other"} | checked(content=b"text"))
    assert (wrong.status, wrong.json["errors"][0]["key"]) == (400, "checksum")


@pytest.mark.parametrize("path", ["/documents", "/documents/upload"])
def test_8_an_id_is_used_once(formkiq: Formkiq, path: str) -> None:
    id_ = str(uuid4())
    data = {"content": "text", "documentId": id_}
    assert formkiq.ask("POST", path, data).json["documentId"] == id_
    for again in ("/documents", "/documents/upload"):
        answer = formkiq.ask("POST", again, data)
        assert (answer.status, answer.json) == (409, {"message": f"documentId '{id_}' already exists"})
    assert formkiq.ask("DELETE", f"/documents/{id_}").status == 200
    assert formkiq.ask("POST", path, data).status == 201


@pytest.mark.parametrize(
    "data", [{}, {"content": ""}, {"content": "", "isBase64": True}, {"content": "a\nb", "isBase64": True}]
)
def test_8_no_content_is_no_document(formkiq: Formkiq, data: dict[str, Any]) -> None:
    answer = formkiq.ask("POST", "/documents", data)
    assert (answer.status, answer.json["errors"][0]["key"]) == (400, "content")


def test_8_a_document_within_a_request_is_small(formkiq: Formkiq) -> None:
    assert formkiq.ask("POST", "/documents", {"content": "x" * 4_999_999}).status == 201
    answer = formkiq.ask("POST", "/documents", {"content": "x" * 5_000_000})
    assert (answer.status, answer.json["errors"][0]["key"]) == (400, "content")
    large = base64.b64encode(bytes(4_400_000)).decode()
    assert formkiq.ask("POST", "/documents", {"content": large, "isBase64": True}).status == 201
    for size in (4_900_000, 7_900_000):
        content = base64.b64encode(bytes(size)).decode()
        answer = formkiq.ask("POST", "/documents", {"content": content, "isBase64": True})
        assert (answer.status, answer.json) == (413, {"message": "Request Entity Too Large"})


def test_9_a_document_is_deleted_once(formkiq: Formkiq) -> None:
    made = formkiq.upload()
    send("PUT", made["url"], CONTENT)
    path = f"/documents/{made['documentId']}"
    address = formkiq.ask("GET", f"{path}/url").json["url"]
    answer = formkiq.ask("DELETE", path, softDelete="false")
    assert (answer.status, answer.json) == (200, {"message": f"'{made['documentId']}' object deleted"})
    for method, rest in (("DELETE", ""), ("GET", ""), ("GET", "/content"), ("GET", "/url")):
        gone = formkiq.ask(method, path + rest)
        assert (gone.status, gone.json) == (404, {"message": f"Document {made['documentId']} not found."})
    assert code(send("GET", address)) == (404, "NoSuchKey")


def test_9_the_list_is_newest_first_and_goes_on(formkiq: Formkiq) -> None:
    made = [formkiq.upload(siteId="finance", auth=BOTH)["documentId"] for _ in range(5)][::-1]
    query: dict[str, Any] = {"auth": BOTH, "limit": 2}
    first = formkiq.ask("GET", "/documents", **query).json
    second = formkiq.ask("GET", "/documents", **query, next=first["next"]).json
    assert [one["documentId"] for page in (first, second) for one in page["documents"]] == made[:4]
    assert formkiq.ask("GET", "/documents", **query, previous=second["previous"]).json == first
    whole = formkiq.ask("GET", "/documents", auth=BOTH, limit=1000).json
    assert "next" not in whole
    day = whole["documents"][0]["insertedDate"][:10]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000", whole["documents"][0]["insertedDate"])
    assert formkiq.ask("GET", "/documents", auth=BOTH, limit=1000, date=day).json == whole
    assert formkiq.ask("GET", "/documents", auth=BOTH, date="2001-01-01", tz="-0600").json == {"documents": []}
    assert formkiq.ask("GET", "/documents", date="yesterday").status == 400


def test_10_base64_is_honoured_and_the_ledger_shows_what_it_held(formkiq: Formkiq, running: Sandbox) -> None:
    data = {"content": base64.b64encode(CONTENT).decode(), "path": "a.pdf", "contentType": "application/pdf"}
    made = formkiq.ask("POST", "/documents", data | {"isBase64": True}).json
    (part,) = running.ledger("formkiq")[-1]["parts"]
    assert part == {
        "name": "content",
        "filename": "a.pdf",
        "content_type": "application/pdf",
        "size": len(CONTENT),
        "sha256": sha256(CONTENT).hexdigest(),
    }
    address = formkiq.ask("GET", f"/documents/{made['documentId']}/content").json["contentUrl"]
    fetched = send("GET", address)
    assert (fetched.status, fetched.body, fetched.headers["Content-Type"]) == (200, CONTENT, "application/pdf")
    text = formkiq.ask("POST", "/documents", {"content": "SGk=", "contentType": "text/plain"}).json
    assert running.ledger("formkiq")[-1]["parts"][0]["filename"] is None
    shown = formkiq.ask("GET", f"/documents/{text['documentId']}/content").json
    assert shown == {"content": "SGk=", "contentType": "text/plain", "isBase64": False}


@pytest.mark.parametrize(
    ("kind", "shown"),
    [("text/csv", True), ("application/json", True), ("application/pdf", False), ("application/octet-stream", False)],
)
def test_10_a_text_is_shown_and_anything_else_fetched(formkiq: Formkiq, kind: str, shown: bool) -> None:
    made = formkiq.upload({"contentType": kind})
    send("PUT", made["url"], b"a,b\n")
    answer = formkiq.ask("GET", f"/documents/{made['documentId']}/content").json
    assert answer.keys() == ({"content", "contentType", "isBase64"} if shown else {"contentUrl", "contentType"})
    length = formkiq.ask("GET", f"/documents/{made['documentId']}").json["contentLength"]
    assert (length, type(length)) == (4, int)


def test_10_addresses_live_for_one_hour_or_two_days_or_as_told(formkiq: Formkiq, running: Sandbox) -> None:
    made = formkiq.upload({"contentType": "application/pdf"})
    send("PUT", made["url"], CONTENT)
    path = f"/documents/{made['documentId']}"

    def lives(url: str) -> int:
        found = re.search(r"X-Amz-Expires=(\d+)&", url)
        assert found
        return int(found[1])

    addresses = [
        made["url"],
        formkiq.ask("GET", f"{path}/url", inline="true").json["url"],
        formkiq.ask("GET", f"{path}/content").json["contentUrl"],
        formkiq.ask("GET", f"{path}/upload", duration=5).json["url"],
        formkiq.upload(duration=2)["url"],
    ]
    assert [lives(url) for url in addresses] == [172_800, 172_800, 3_600, 3_600, 7_200]
    for wrong in ("x", "1.5", "0"):
        assert formkiq.ask("POST", "/documents/upload", {}, duration=wrong).status == 400
    formkiq.switch(lifetime_scale=0.001)
    assert lives(formkiq.upload(duration=1)["url"]) == 4
    assert lives(formkiq.upload()["url"]) == 173
    assert running.control("GET", "/formkiq/switches")["lifetime_scale"] == 0.001


def test_large_content_is_hashed_and_not_kept(formkiq: Formkiq, running: Sandbox) -> None:
    content = bytes((16 << 20) + 1)
    made = formkiq.upload(checked(content=content), contentLength=len(content))
    assert send("PUT", made["url"], content, made["headers"]).status == 200
    put = next(entry for entry in running.ledger("formkiq") if entry["method"] == "PUT")
    assert (put["bytes"], put["sha256"]) == (len(content), sha256(content).hexdigest())
    path = f"/documents/{made['documentId']}"
    assert formkiq.ask("GET", path).json["contentLength"] == len(content)
    assert code(send("GET", formkiq.ask("GET", f"{path}/url").json["url"])) == (404, "NoSuchKey")


def test_children_come_with_their_parent(formkiq: Formkiq) -> None:
    made = formkiq.ask("POST", "/documents", {"documents": [{"content": "a"}, {"content": "b"}]}).json
    assert made.keys() == {"documentId", "siteId", "uploadUrl", "documents"}
    ids = [one["documentId"] for one in made["documents"]]
    assert [formkiq.ask("GET", f"/documents/{id_}").json["contentLength"] for id_ in ids] == [1, 1]
