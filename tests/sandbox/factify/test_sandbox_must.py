"""What a stand-in for Factify has to do, point by point, by raw HTTP."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest
import requests

from app.sandbox.factify import errors
from tests.sandbox.factify.conftest import KEY, PDF, STRANGER, Factify, fetch, refusal

if TYPE_CHECKING:
    from tests.servers import Sandbox

pytestmark = pytest.mark.live

NOWHERE, NO_VERSION = "doc_" + "0" * 26, "ver_" + "0" * 26
CODES = {
    *("unknown", "invalid_argument", "unauthenticated", "permission_denied", "not_found", "already_exists"),
    *("resource_exhausted", "failed_precondition", "internal", "unavailable", "unimplemented", "canceled"),
    "deadline_exceeded",
}
REASONS = {
    *("missing_required_field", "invalid_field_value", "invalid_enum_value", "invalid_cursor", "invalid_id_format"),
    *("missing_api_key", "invalid_api_key", "expired_api_key", "invalid_token", "expired_token"),
    *("authentication_required", "insufficient_permissions", "resource_not_found", "resource_already_exists"),
    *("rate_limit_exceeded", "quota_exceeded", "precondition_failed", "feature_disabled", "internal_error"),
    *("service_unavailable", "unimplemented"),
}


@pytest.fixture
def limited(running: Sandbox) -> Iterator[Sandbox]:
    """The sandbox keeping to limits."""
    running.control("PUT", "/limits", {"on": True})
    yield running
    running.control("PUT", "/limits", {"on": False})


@pytest.mark.parametrize("prefix", ["", "/fwd", "/fwd/x"])
def test_1_it_answers_under_any_prefix(factify: Factify, prefix: str) -> None:
    made = factify.document()
    answer = factify.http.get(
        f"{factify.base_url}{prefix}/v1beta/documents/{made['id']}",
        headers={"Authorization": f"Bearer {KEY}"},
        timeout=20,
    )
    assert answer.json()["document"]["id"] == made["id"]


def test_1_no_other_version_is_there(factify: Factify) -> None:
    url = factify.base_url + "/v1/documents"
    answer = factify.http.get(url, headers={"Authorization": f"Bearer {KEY}"}, timeout=20)
    assert refusal(answer) == (404, "not_found", "resource_not_found")


@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        (None, "missing_api_key"),
        ("Bearer", "missing_api_key"),
        (f"Basic {KEY}", "missing_api_key"),
        (KEY, "missing_api_key"),
        ("Bearer ffy_test_nobody", "invalid_api_key"),
        (f"Bearer {KEY}x", "invalid_api_key"),
        (f"Bearer {KEY.upper()}", "invalid_api_key"),
    ],
)
def test_1_who_is_not_known_is_told_so(factify: Factify, authorization: str | None, reason: str) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    for path in ("/documents", f"/documents/{NOWHERE}", "/me"):
        answer = factify.ask("GET", path, key=None, headers=headers)
        assert refusal(answer) == (401, "unauthenticated", reason)


def test_1_an_unknown_key_stores_nothing(factify: Factify) -> None:
    assert factify.upload(key="ffy_test_nobody").status_code == 401
    assert factify.titles() == []


def test_1_a_key_dies_when_it_is_revoked_or_expires(factify: Factify, running: Sandbox) -> None:
    organization = factify.get("/organizations")["items"][0]["id"]
    ends = datetime.now(UTC) + timedelta(hours=1)
    made = [
        factify.post("/api-keys", {"name": name, "organization_id": organization, "expires_at": ends.isoformat()})
        for name in ("Revoked", "Expired")
    ]
    assert all(re.fullmatch(r"ffy_test_[0-9a-hjkmnp-tv-z]{26}[0-9A-Za-z]{43}", one["secret"]) for one in made)
    assert all(one["api_key"]["key_prefix"] == one["secret"][:16] + "..." for one in made)
    revoked, expired = (one["secret"] for one in made)
    factify.post(f"/api-keys/{made[0]['api_key']['id']}/revoke", key=revoked)
    assert refusal(factify.ask("GET", "/documents", key=revoked))[2] == "invalid_api_key"
    assert factify.ask("GET", "/documents", key=expired).status_code == 200
    running.clock((ends + timedelta(seconds=1)).isoformat())
    assert refusal(factify.ask("GET", "/documents", key=expired))[2] == "expired_api_key"


def test_2_every_success_is_200_and_json(factify: Factify) -> None:
    document = factify.document()["id"]
    policy = factify.control("/policies", key=KEY, name="No print")["policy"]["id"]
    at = f"/documents/{document}"
    calls = [
        ("POST", f"{at}/trash", {}),
        ("POST", f"{at}/untrash", {}),
        ("POST", f"{at}/untrash", None),
        ("POST", f"{at}/policies", {"policy_id": policy}),
        ("DELETE", f"{at}/policies/{policy}", None),
    ]
    answers = [factify.ask(method, path, json=data) for method, path, data in calls]
    answers += [factify.upload(), factify.upload(f"{at}/versions", title=None), factify.ask("GET", f"{at}/export")]
    for answer in answers:
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json"), answer.text
        assert "null" not in answer.text
    assert [one.json() for one in answers[:3]] == [{}, {}, {}]
    assert answers[4].json() == {}


def test_2_members_and_quotas_go_with_an_empty_object(factify: Factify) -> None:
    organization = factify.get("/organizations")["items"][0]["id"]
    _, user = factify.sign_in(email="other@example.com")
    factify.post(f"/organizations/{organization}/members", {"user_id": user, "role": "member"})
    removed = factify.ask("DELETE", f"/organizations/{organization}/members/{user}")
    key = factify.post("/api-keys", {"name": "A", "organization_id": organization})["api_key"]["id"]
    assert factify.ask("PUT", f"/quota/keys/{key}", json={"limit": 5}).status_code == 200
    deleted = factify.ask("DELETE", f"/quota/keys/{key}")
    assert [(one.status_code, one.json()) for one in (removed, deleted)] == [(200, {})] * 2


ID = r"_[0-9a-hjkmnp-tv-z]{26}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def test_3_objects_have_all_that_is_required(factify: Factify) -> None:
    document = factify.document()
    version = factify.get(f"/documents/{document['id']}/versions")["items"][0]
    both = {"id", "url", "created_at", "created_by", "processing_status"}
    assert {*both, "title", "access_level"} <= document.keys()
    assert {*both, "document_id"} <= version.keys()
    assert re.fullmatch("doc" + ID, document["id"])
    assert re.fullmatch("ver" + ID, version["id"])
    assert document["created_by"] == version["created_by"]
    assert document["created_by"].keys() == {"id", "name", "type"}
    assert document["created_by"]["type"] == "user"
    assert {"url", "expires_at"} <= factify.get(f"/documents/{document['id']}/export").keys()
    for path in ("/documents", f"/documents/{document['id']}/versions", "/organizations"):
        assert "pagination" in factify.get(path)


def test_3_organizations_and_those_in_them_have_all_that_is_required(factify: Factify) -> None:
    organization = factify.get("/organizations")["items"][0]
    assert {"id", "name", "created_at"} <= organization.keys()
    at = f"/organizations/{organization['id']}"
    member = factify.get(f"{at}/members")["items"][0]
    assert {"user", "role", "joined_at"} <= member.keys()
    assert {"id", "email", "name"} <= member["user"].keys()
    invite = factify.post(f"{at}/invites", {"email": "other@example.com"})["invite"]
    required = {"id", "email", "organization_id", "sender", "status", "created_at", "expires_at"}
    assert required <= invite.keys()
    key = factify.get(f"/api-keys?organization_id={organization['id']}")["items"][0]
    assert {"id", "name", "key_prefix", "organization_id", "is_active", "created_at"} <= key.keys()


def test_3_what_goes_with_documents_has_all_that_is_required(factify: Factify) -> None:
    at = f"/documents/{factify.document()['id']}"
    policy = factify.control("/policies", key=KEY, name="No print")["policy"]["id"]
    attached = factify.post(f"{at}/policies", {"policy_id": policy})
    assert attached.keys() == {"policy", "document_id", "attached_at"}
    assert attached["policy"].keys() == {"id", "name", "created_at"}
    token, _ = factify.sign_in(email="other@example.com")
    asked = factify.post(f"{at}/access-requests", {"permission": "view"}, key=token)["access_request"]
    required = {"id", "document_id", "permission", "request_status", "subject", "created_at", "updated_at"}
    assert required <= asked.keys()


def test_4_what_is_not_set_is_left_out(factify: Factify) -> None:
    bare, full = factify.document(), factify.document(description="Algo")
    assert not {"description", "trashed_at", "shared_at", "last_viewed_at"} & bare.keys()
    assert full["description"] == "Algo"
    factify.ask("PATCH", f"/documents/{full['id']}", json={"description": None})
    assert "description" not in factify.get(f"/documents/{full['id']}")["document"]
    assert "next_cursor" not in factify.get(f"/documents/{bare['id']}/timeline")


def test_4_times_are_in_utc_with_a_z(factify: Factify, running: Sandbox) -> None:
    running.clock("2026-01-15T04:30:00-06:00")
    document = factify.document()
    assert re.fullmatch(TIME, document["created_at"])
    assert document["created_at"].startswith("2026-01-15T10:30:0")
    exported = factify.get(f"/documents/{document['id']}/export")
    assert re.fullmatch(TIME, exported["expires_at"])


TITLE, LEVEL = (None, "Contrato"), (None, "private")


@pytest.mark.parametrize("order", list(permutations(["title", "access_level", "payload"])))
def test_5_parts_come_in_any_order(factify: Factify, order: tuple[str, ...]) -> None:
    parts = {"title": TITLE, "access_level": LEVEL, "payload": ("a.pdf", PDF)}
    answer = factify.ask("POST", "/documents", files=[(name, parts[name]) for name in order])
    assert answer.json()["document"]["access_level"] == "private"


@pytest.mark.parametrize("kind", ["application/pdf", "application/octet-stream", "text/x-anything", None])
@pytest.mark.parametrize("filename", ["contrato.pdf", "señal ñandú 契約.pdf", "no ending"])
def test_5_the_file_may_have_any_type_and_name(factify: Factify, kind: str | None, filename: str) -> None:
    body = (
        b'--B\r\nContent-Disposition: form-data; name="title"\r\n\r\nT\xc3\xadtulo\r\n'
        b'--B\r\nContent-Disposition: form-data; name="payload"; filename="'
        + filename.encode()
        + b'"\r\n'
        + (f"Content-Type: {kind}\r\n".encode() if kind else b"")
        + b"\r\n"
        + PDF
        + b"\r\n--B--\r\n"
    )
    answer = factify.ask("POST", "/documents", data=body, headers={"Content-Type": "multipart/form-data; boundary=B"})
    assert answer.json()["document"]["title"] == "Título"
    assert factify.sandbox.ledger("factify")[-1]["parts"][1]["filename"] == filename


@pytest.mark.parametrize(
    ("parts", "reason", "param"),
    [
        ({"title": None}, "missing_required_field", "title"),
        ({"title": (None, "")}, "missing_required_field", "title"),
        ({"payload": None}, "missing_required_field", "payload"),
        ({"payload": (None, PDF)}, "missing_required_field", "payload"),
        ({"payload": ("a.pdf", b"")}, "missing_required_field", "payload"),
        ({"title": "x" * 256}, "invalid_field_value", "title"),
        ({"title": (None, b"\xff")}, "invalid_field_value", "title"),
        ({"description": "x" * 2001}, "invalid_field_value", "description"),
        ({"access_level": "secret"}, "invalid_enum_value", "access_level"),
        ({"document_id": NOWHERE}, "invalid_field_value", "document_id"),
        ({"version_id": NO_VERSION}, "invalid_field_value", "version_id"),
        ({"payload_key": "x"}, "invalid_field_value", "payload_key"),
        ({"anything": "x"}, "invalid_field_value", "anything"),
    ],
)
def test_5_a_part_that_is_wrong_is_named(factify: Factify, parts: dict[str, Any], reason: str, param: str) -> None:
    answer = factify.upload(**parts)
    assert refusal(answer) == (400, "invalid_argument", reason)
    assert answer.json()["details"][0]["param"] == param
    assert factify.titles() == []


def test_5_lengths_are_counted_in_characters_and_the_longest_are_taken(factify: Factify) -> None:
    made = factify.document(title="ñ" * 255, description="契" * 2000)
    assert (len(made["title"]), len(made["description"])) == (255, 2000)


def test_5_a_part_comes_once(factify: Factify) -> None:
    answer = factify.ask("POST", "/documents", files=[("title", TITLE), ("title", TITLE), ("payload", ("a", PDF))])
    assert refusal(answer) == (400, "invalid_argument", "invalid_field_value")


@pytest.mark.parametrize("body", [b"", PDF, b'--B\r\nContent-Disposition: form-data; name="title"\r\n\r\nx\r\n'])
def test_5_what_is_no_whole_form_is_refused(factify: Factify, body: bytes) -> None:
    answer = factify.ask("POST", "/documents", data=body, headers={"Content-Type": "multipart/form-data; boundary=B"})
    assert refusal(answer) == (400, "invalid_argument", "invalid_field_value")


def test_5_a_version_needs_a_file_alone(factify: Factify) -> None:
    at = f"/documents/{factify.document()['id']}/versions"
    assert factify.upload(at, title=None).status_code == 200
    assert factify.upload(at, title="v3", description="x" * 2001).json()["title"] == "v3"
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"payload": None}, "missing_required_field"),
        ({"title": "x" * 256}, "invalid_field_value"),
        ({"document_id": NOWHERE}, "invalid_field_value"),
        ({"access_level": "private"}, "invalid_field_value"),
    ]
    for parts, reason in wrong:
        assert refusal(factify.upload(at, **parts)) == (400, "invalid_argument", reason)
    assert len(factify.get(at)["items"]) == 3


def test_5_without_a_level_those_of_the_organization_may_see_it(factify: Factify) -> None:
    assert factify.document()["access_level"] == "organization"
    token, _ = factify.sign_in(email="alone@example.com")
    assert factify.upload(key=token).json()["document"]["access_level"] == "private"


def status(factify: Factify, document: dict[str, Any]) -> str:
    return str(factify.get(f"/documents/{document['id']}")["document"]["processing_status"])


def test_6_a_document_is_ready_when_its_time_has_come(factify: Factify, running: Sandbox) -> None:
    factify.control("/processing", key=KEY, result="ready", seconds=3600)
    document = factify.document()
    assert (document["processing_status"], status(factify, document)) == ("processing", "processing")
    running.clock((datetime.now(UTC) + timedelta(hours=1, seconds=1)).isoformat())
    assert status(factify, document) == "ready"
    assert factify.get("/documents?processing_status=ready")["items"][0]["id"] == document["id"]
    assert factify.get("/documents?processing_status=processing&processing_status=failed")["items"] == []


def test_6_a_document_fails_when_it_is_told_to(factify: Factify) -> None:
    factify.control("/processing", key=KEY, result="failed", seconds=0)
    document = factify.document()
    assert status(factify, document) == "failed"
    factify.control("/processing", key=KEY)
    again = factify.post(f"/documents/{document['id']}/process")
    assert again["status"] == "PROCESSING_OUTCOME_STARTED"
    for ordered, outcome in (("failed", "STARTED"), ("ready", "ALREADY_COMPLETED")):
        assert status(factify, document) == "processing"
        assert factify.post(f"/documents/{document['id']}/process")["status"].endswith("ALREADY_PROCESSING")
        factify.control("/processed", id=document["id"], status=ordered)
        assert status(factify, document) == ordered
        assert factify.post(f"/documents/{document['id']}/process")["status"].endswith(outcome)
    version = document["current_version"]["id"]
    factify.control("/processed", id=version, status="ready")
    assert factify.get(f"/versions/{version}")["processing_status"] == "ready"


def test_6_another_accounts_processing_stays_as_it_was(factify: Factify) -> None:
    factify.control("/processing", key=STRANGER, result="failed", seconds=0)
    assert status(factify, factify.document()) != "failed"


def pages(factify: Factify, query: str) -> Iterator[list[str]]:
    token = ""
    while True:
        page = factify.get(f"/documents?{query}&page_token={token}")
        yield [one["title"] for one in page["items"]]
        token = page["pagination"]["next_page_token"]
        assert page["pagination"]["has_more"] is bool(token)
        if not token:
            return


def test_6_lists_are_newest_first_and_end_with_a_blank_token(factify: Factify) -> None:
    for number in range(7):
        factify.document(title=str(number))
    assert list(pages(factify, "page_size=3")) == [["6", "5", "4"], ["3", "2", "1"], ["0"]]
    assert list(pages(factify, "page_size=7")) == [["6", "5", "4", "3", "2", "1", "0"]]
    assert list(pages(factify, "page_size=4&sort=name")) == [["0", "1", "2", "3"], ["4", "5", "6"]]


def test_6_a_page_goes_on_where_the_last_one_ended_whatever_comes_meanwhile(factify: Factify) -> None:
    for number in range(4):
        factify.document(title=str(number))
    turned = pages(factify, "page_size=2")
    assert next(turned) == ["3", "2"]
    factify.document(title="new")
    assert next(turned) == ["1", "0"]


def test_6_a_page_leads_back_too(factify: Factify) -> None:
    for number in range(5):
        factify.document(title=str(number))
    first = factify.get("/documents?page_size=2")
    assert first["pagination"]["prev_page_token"] == ""
    second = factify.get(f"/documents?page_size=2&page_token={first['pagination']['next_page_token']}")
    back = factify.get(f"/documents?page_size=2&page_token={second['pagination']['prev_page_token']}")
    assert back == first


def test_6_a_cursor_that_is_none_of_this_list_is_refused(factify: Factify) -> None:
    for number in range(3):
        factify.document(title=str(number))
    token = factify.get("/documents?page_size=1")["pagination"]["next_page_token"]
    for wrong in (
        *("/documents?page_token=nope", "/documents?page_token=%C3%B1", "/documents?page_token=WzFd"),
        f"/documents?query=a&page_token={token}",
        f"/organizations?page_token={token}",
        f"/documents?page_token={token}x",
    ):
        assert refusal(factify.ask("GET", wrong)) == (400, "invalid_argument", "invalid_cursor"), wrong


@pytest.mark.parametrize("size", ["0", "101", "-1", "x", ""])
def test_6_a_page_has_1_to_100_items(factify: Factify, size: str) -> None:
    answer = factify.ask("GET", f"/documents?page_size={size}")
    assert refusal(answer) == (400, "invalid_argument", "invalid_field_value")


def test_6_lists_are_filtered(factify: Factify, running: Sandbox) -> None:
    running.clock("2026-01-15T10:00:00Z")
    factify.document(title="Old", access_level="private", description="Presupuesto")
    running.clock("2026-02-15T10:00:00Z")
    new = factify.document(title="New", access_level="public")
    running.clock("2026-03-15T10:00:00Z")
    factify.document(title="Newest")
    author = new["created_by"]["id"]
    for query, titles in [
        ("", ["Newest", "New", "Old"]),
        ("access_level=private&access_level=public", ["New", "Old"]),
        ("query=PRESUP", ["Old"]),
        ("query=new", ["Newest", "New"]),
        ("created.after=2026-02-01T00:00:00Z", ["Newest", "New"]),
        (f"created.after={new['created_at']}&created.before={new['created_at']}", ["New"]),
        (f"created_by_id={author}&created_by_id=user_x", ["Newest", "New", "Old"]),
        ("created_by_id=user_x", []),
        ("ownership=owned", ["Newest", "New", "Old"]),
        ("ownership=not_owned", []),
        ("organization_scope=true", ["Newest", "New", "Old"]),
        ("sort=created_at", ["Old", "New", "Newest"]),
        ("sort=-name", ["Old", "Newest", "New"]),
    ]:
        assert factify.titles(f"?{query}") == titles, query
    for query, reason in [
        ("access_level=secret", "invalid_enum_value"),
        ("created.after=yesterday", "invalid_field_value"),
        ("sort=size", "invalid_field_value"),
        ("organization_scope=1", "invalid_field_value"),
    ]:
        assert refusal(factify.ask("GET", f"/documents?{query}")) == (400, "invalid_argument", reason)


def test_7_a_version_becomes_the_current_one(factify: Factify) -> None:
    document = factify.document()
    made = factify.upload(f"/documents/{document['id']}/versions", title="v2").json()
    assert (made["document_id"], made["title"]) == (document["id"], "v2")
    now = factify.get(f"/documents/{document['id']}")["document"]
    assert now["current_version"]["id"] == made["id"] != document["current_version"]["id"]
    listed = factify.get(f"/documents/{document['id']}/versions")["items"]
    assert [one["id"] for one in listed] == [made["id"], document["current_version"]["id"]]


def test_7_an_export_leads_to_the_same_bytes_for_a_while(factify: Factify, running: Sandbox) -> None:
    content = PDF * 100_000
    document = factify.document(payload=("large.pdf", content))
    at = f"/documents/{document['id']}"
    factify.upload(f"{at}/versions", payload=("small.pdf", PDF))
    new, old = (
        factify.get(f"{at}/export{query}") for query in ("", f"?version_id={document['current_version']['id']}")
    )
    assert new["url"].startswith(running.store_url)
    assert fetch(new["url"], new["headers"]) == (200, PDF)
    assert sha256(fetch(old["url"])[1]).digest() == sha256(content).digest()
    assert fetch(old["url"].replace(document["id"], NOWHERE))[0] == 403
    running.clock((datetime.fromisoformat(new["expires_at"]) + timedelta(seconds=1)).isoformat())
    assert fetch(new["url"])[0] == 403


def test_7_an_export_may_ask_for_headers(factify: Factify) -> None:
    headers = {"X-Amz-Request-Payer": "requester"}
    factify.control("/export", key=KEY, headers=headers, seconds=60)
    exported = factify.get(f"/documents/{factify.document()['id']}/export")
    assert exported["headers"] == headers
    assert datetime.fromisoformat(exported["expires_at"]) < datetime.now(UTC) + timedelta(seconds=61)
    assert fetch(exported["url"], headers) == (200, PDF)
    assert fetch(exported["url"])[0] == 403


def test_7_a_version_of_another_document_is_not_exported(factify: Factify) -> None:
    one, other = factify.document(), factify.document()
    path = f"/documents/{one['id']}/export?version_id={other['current_version']['id']}"
    assert refusal(factify.ask("GET", path)) == (404, "not_found", "resource_not_found")


def test_7_the_same_bytes_in_another_document_are_found(factify: Factify) -> None:
    other = factify.document(title="Elsewhere", payload=("b.pdf", b"other"))
    one, twin = factify.document(), factify.document(title="Twin")
    factify.upload(key=STRANGER)
    same = factify.get(f"/documents/{one['id']}/duplicates")["items"]
    assert same == [{"document_id": twin["id"], "title": "Twin", "version_id": twin["current_version"]["id"]}]
    assert factify.get(f"/documents/{other['id']}/duplicates")["items"] == []
    by_hash = f"/documents/{other['id']}/duplicates?file_contents_hash={sha256(PDF).hexdigest()}"
    assert {item["document_id"] for item in factify.get(by_hash)["items"]} == {one["id"], twin["id"]}
    factify.post(f"/documents/{twin['id']}/trash")
    assert factify.get(f"/documents/{one['id']}/duplicates")["items"] == []


def test_7_of_a_very_large_file_the_size_and_hash_are_known(factify: Factify, running: Sandbox) -> None:
    content = bytes(17 << 20)
    document = factify.document(payload=("huge.pdf", content))
    part = running.ledger("factify")[-1]["parts"][1]
    assert (part["size"], part["sha256"]) == (len(content), sha256(content).hexdigest())
    exported = factify.get(f"/documents/{document['id']}/export")
    assert fetch(exported["url"])[0] == 404


@pytest.mark.parametrize("path", [f"/documents/{NOWHERE}", f"/documents/{NOWHERE}/export", f"/versions/{NO_VERSION}"])
def test_8_what_is_not_there_is_404(factify: Factify, path: str) -> None:
    assert refusal(factify.ask("GET", path)) == (404, "not_found", "resource_not_found")


def test_8_what_is_anothers_is_403(factify: Factify) -> None:
    document = factify.document()
    at, version = f"/documents/{document['id']}", document["current_version"]["id"]
    for method, path in [
        ("GET", at),
        ("PATCH", at),
        ("GET", f"{at}/export"),
        ("GET", f"{at}/duplicates"),
        ("POST", f"{at}/trash"),
        ("POST", f"{at}/versions"),
        ("GET", f"/versions/{version}"),
    ]:
        answer = factify.ask(method, path, key=STRANGER)
        assert refusal(answer) == (403, "permission_denied", "insufficient_permissions"), path
    assert factify.titles(key=STRANGER) == []


def test_8_a_role_opens_as_much_as_it_should(factify: Factify) -> None:
    at = f"/documents/{factify.document(access_level='private')['id']}"
    token, user = factify.sign_in(email="other@example.com")
    calls: list[tuple[str, Callable[[], requests.Response]]] = [
        ("viewer", lambda: factify.ask("GET", at, key=token)),
        ("viewer", lambda: factify.ask("GET", f"{at}/export", key=token)),
        ("collaborator", lambda: factify.upload(f"{at}/versions", key=token)),
        ("admin", lambda: factify.ask("PUT", f"{at}/general-access", key=token, json={"general_access_level": "x"})),
        ("owner", lambda: factify.ask("POST", f"{at}/trash", key=token, json={})),
    ]
    assert {call().status_code for _, call in calls} == {403}
    factify.post(f"{at}/share", {"recipients": [{"recipient": user, "role": "viewer"}]})
    roles = ["viewer", "commenter", "collaborator", "admin"]
    for rank, role in enumerate(roles):
        factify.ask("PATCH", f"{at}/share/{user}", json={"document_role": role})
        allowed = [call().status_code != 403 for _, call in calls]
        assert allowed == [needed in roles[: rank + 1] for needed, _ in calls], role


def test_8_all_posts_of_a_minute_are_a_hundred(factify: Factify, limited: Sandbox) -> None:
    started = datetime(2026, 1, 1, tzinfo=UTC)
    limited.clock(started.isoformat())
    at = f"/documents/{factify.document()['id']}"
    for _ in range(99):
        factify.post(f"{at}/untrash")
    refused = factify.upload()
    assert refusal(refused) == (429, "resource_exhausted", "rate_limit_exceeded")
    assert (refused.headers["X-RateLimit-Limit"], refused.headers["X-RateLimit-Remaining"]) == ("100", "0")
    resets = int(refused.headers["X-RateLimit-Reset"])
    assert 60 <= resets - started.timestamp() <= 65
    assert "Retry-After" not in refused.headers
    assert factify.ask("GET", at).status_code == 200
    assert factify.upload(key=STRANGER).status_code == 200
    assert len(factify.titles()) == 1
    limited.clock(datetime.fromtimestamp(resets, UTC).isoformat())
    assert factify.upload().status_code == 200


def test_8_a_window_slides(factify: Factify, limited: Sandbox) -> None:
    at = f"/documents/{factify.document()['id']}/untrash"
    limited.clock("2026-01-01T00:00:00Z")
    for _ in range(60):
        factify.post(at)
    limited.clock("2026-01-01T00:00:40Z")
    for _ in range(40):
        factify.post(at)
    assert factify.ask("POST", at).status_code == 429
    # A minute that began anew would take a hundred now.
    limited.clock("2026-01-01T00:01:20Z")
    for _ in range(60):
        factify.post(at)
    assert factify.ask("POST", at).status_code == 429


def test_8_all_requests_of_a_minute_are_a_thousand(factify: Factify, limited: Sandbox) -> None:
    limited.clock("2026-01-01T00:00:00Z")
    statuses = [factify.ask("GET", "/documents/quota").status_code for _ in range(1000)]
    refused = factify.ask("GET", "/documents/quota")
    assert set(statuses) == {200}
    assert (refused.status_code, refused.headers["X-RateLimit-Limit"]) == (429, "1000")


def test_8_no_limit_is_kept_to_unless_it_is_switched_on(factify: Factify) -> None:
    at = f"/documents/{factify.document()['id']}/untrash"
    assert {factify.ask("POST", at).status_code for _ in range(120)} == {200}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_8_failures_are_ordered(factify: Factify, running: Sandbox, status: int) -> None:
    running.fault(provider="factify", path="/v1beta/documents", action="status", status=status)
    answer = factify.upload()
    assert answer.status_code == status
    assert ("X-RateLimit-Reset" in answer.headers) is (status == 429)
    assert factify.titles() == []


def test_8_slowness_is_ordered(factify: Factify, running: Sandbox) -> None:
    running.fault(provider="factify", path="/v1beta/documents", action="delay", seconds=6)
    with pytest.raises(requests.ReadTimeout):
        factify.http.get(f"{factify.base_url}/v1beta/documents", timeout=0.2)
    assert factify.titles() == []


def test_8_a_quota_of_documents_counts_those_in_the_trash(factify: Factify) -> None:
    first = factify.upload(key=STRANGER).json()["document"]["id"]
    assert factify.get("/documents/quota", key=STRANGER) == {"limit": 2, "used": 1, "available": 1}
    factify.post(f"/documents/{first}/trash", key=STRANGER)
    assert factify.upload(key=STRANGER).status_code == 200
    assert factify.get("/documents/quota", key=STRANGER) == {"limit": 2, "used": 2, "available": 0}
    refused = factify.upload(key=STRANGER)
    assert refusal(refused) == (429, "resource_exhausted", "quota_exceeded")
    assert "X-RateLimit-Limit" not in refused.headers
    assert factify.upload(f"/documents/{first}/versions", key=STRANGER).status_code == 400
    assert factify.get("/documents/quota") == {"limit": 0, "used": 0, "available": 0}


def test_8_a_keys_quota_is_kept_to(factify: Factify) -> None:
    organization = factify.get("/organizations")["items"][0]["id"]
    made = factify.post("/api-keys", {"name": "Small", "organization_id": organization})
    path = f"/quota/keys/{made['api_key']['id']}"
    assert factify.ask("PUT", path, json={"limit": 2}).status_code == 200
    statuses = [factify.ask("GET", "/documents", key=made["secret"]).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    (quota,) = factify.get("/quota/keys")["quotas"]
    assert (quota["current_usage"], quota["remaining"], quota["is_exceeded"]) == (2, 0, True)


def test_9_codes_and_reasons_are_those_that_are_listed() -> None:
    assert errors.STATUSES.keys() == CODES
    assert errors.REASONS.keys() == REASONS
    assert {code for code, _ in errors.REASONS.values()} <= CODES


@pytest.mark.parametrize("status", [*range(400, 430), 499, 500, 501, 502, 503, 504])
def test_9_an_ordered_error_has_the_vendors_shape(factify: Factify, running: Sandbox, status: int) -> None:
    running.fault(provider="factify", action="status", status=status)
    answer = factify.ask("GET", "/documents")
    body = answer.json()
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/json")
    assert body["code"] in CODES
    assert body["message"]
    assert body["details"][0].get("reason") in {*REASONS, None}
    assert re.fullmatch("req" + ID, body["details"][0]["request_id"])


@pytest.mark.parametrize(
    ("asked", "data", "expected"),
    [
        ("POST /documents/{id}/trash", "{", (400, "unknown", None)),
        ("PATCH /documents/{id}", "[]", (400, "invalid_argument", "invalid_field_value")),
        ("PATCH /documents/{id}", '{"nose": 1}', (400, "invalid_argument", "invalid_field_value")),
        ("PATCH /documents/{id}", '{"title": ""}', (400, "invalid_argument", "missing_required_field")),
        ("PATCH /documents/{id}", '{"title": 1}', (400, "invalid_argument", "invalid_field_value")),
        ("POST /documents/{id}/policies", "{}", (400, "invalid_argument", "missing_required_field")),
        ("PUT /documents/{id}/general-access", '{"general_access_level": "x"}', (400, "invalid_argument", None)),
        ("GET /documents/nope", None, (400, "invalid_argument", "invalid_id_format")),
        ("DELETE /documents/{id}", None, (405, "unimplemented", "unimplemented")),
        ("GET /nothing", None, (404, "not_found", "resource_not_found")),
    ],
)
def test_9_what_is_asked_wrongly_is_answered_in_the_same_shape(
    factify: Factify, asked: str, data: str | None, expected: tuple[int, str, str | None]
) -> None:
    method, path = asked.replace("{id}", factify.document()["id"]).split()
    answer = factify.ask(method, path, data=data, headers={"Content-Type": "application/json"})
    found = refusal(answer)
    assert found[:2] == expected[:2]
    assert found[2] == (expected[2] or ("invalid_enum_value" if "general" in path else None))


def test_10_what_is_thrown_away_leaves_the_list_and_comes_back(factify: Factify) -> None:
    kept, thrown = factify.document(title="Kept"), factify.document(title="Thrown")
    at = f"/documents/{thrown['id']}"
    factify.post(f"{at}/trash")
    assert re.fullmatch(TIME, factify.get(at)["document"]["trashed_at"])
    assert factify.titles() == ["Kept"]
    assert factify.titles("?trash_state=trashed") == ["Thrown"]
    assert factify.titles("?trash_state=active&trash_state=trashed") == ["Thrown", "Kept"]
    refused = factify.upload(f"{at}/versions")
    assert refusal(refused) == (400, "failed_precondition", "precondition_failed")
    factify.post(f"{at}/untrash")
    assert "trashed_at" not in factify.get(at)["document"]
    assert factify.titles() == ["Thrown", "Kept"]
    assert "trashed_at" not in factify.get(f"/documents/{kept['id']}")["document"]


def test_10_what_was_thrown_away_is_shared_with_nobody(factify: Factify) -> None:
    at = f"/documents/{factify.document(access_level='public')['id']}"
    token, user = factify.sign_in(email="other@example.com")
    factify.post(f"{at}/share", {"recipients": [{"recipient": user, "role": "admin"}]})
    assert factify.ask("GET", at, key=token).status_code == 200
    factify.post(f"{at}/trash")
    factify.post(f"{at}/untrash")
    assert factify.ask("GET", at, key=token).status_code == 403
    assert factify.get(at)["document"]["access_level"] == "private"
