"""Factify's generators, by what is sent into them: no wire, no database."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr, ValidationError

from app.intake import CollectedFile
from app.providers.base import Account, Ending, HandIn, Outcome, Unavailable, Verdict
from app.providers.factify import BASE_URL, DOCUMENT, VERSION, Factify
from app.providers.factify_search import MOST_COMPARED, MOST_PAGES
from app.providers.operation import Operation
from app.providers.wire import Answer, FilePart, Json, Multipart, NoAnswer, Outgoing, Reply
from app.words import WORDS

DOC, OTHER, VER = ("doc_" + "1" * 26), ("doc_" + "2" * 26), ("ver_" + "1" * 26)
CONTENT = b"%PDF-1.7"
DIGEST = sha256(CONTENT).hexdigest()
DATE, SINCE = "Sat, 21 Nov 2026 10:31:00 GMT", "2026-11-21T10:31:00+00:00"
BEFORE, AFTER = "2026-11-21T10:30:29Z", "2026-11-21T10:31:02.123456789Z"
NOW = datetime.fromisoformat(SINCE)
FACTIFY = Factify()
ACCOUNT = Account(environment="sandbox", settings={})
OPERATIONS = pytest.mark.parametrize("operation", [DOCUMENT, VERSION], ids=lambda one: one.name)

T = Any


def handin(operation: Operation = DOCUMENT, *, filename: str = "Contrato.pdf", **fields: str) -> HandIn:
    source = CollectedFile(name="file", filename=filename, content_type="x/y", content=CONTENT, sha256=DIGEST)
    file = FilePart(name="file", filename=filename, content_type="application/pdf", size=len(CONTENT), source=source)
    given = {"document_id": DOC} | fields if operation is VERSION else fields
    return HandIn(
        id=uuid4(),
        organization="acme",
        received_at=datetime.fromisoformat("2026-11-21T04:31:00-06:00"),
        parts={"file": file},
        fields=given,
    )


def reply(body: Any, status: int = 200, **headers: str) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, headers={"date": DATE} | named, body=raw)


INVALID, MISSING = "invalid_field_value", "missing_required_field"


def error(status: int, code: str, reason: str | None = None, *, param: str | None = None, **headers: str) -> Reply:
    detail = {"reason": reason, "param": param, "request_id": "req_7"}
    shown = {name: value for name, value in detail.items() if value is not None}
    return reply({"code": code, "message": "No.", "details": [shown]}, status, **headers)


def document(id_: str = DOC, **more: Any) -> dict[str, Any]:
    return {"id": id_, "title": "Contrato", "created_at": AFTER, "processing_status": "processing"} | more


def version(id_: str = VER, **more: Any) -> dict[str, Any]:
    return document(id_, document_id=DOC) | more


def page(*items: dict[str, Any], next_: str | None = None) -> Reply:
    return reply({"items": items, "pagination": {"next_page_token": next_} if next_ else {}})


UNLIMITED = reply({"limit": 0})
SHOWN = reply({"document": document()})
EXPORT = reply({"url": "https://export.factify.com/x?sig=%7e", "expires_at": AFTER, "headers": {"X-Amz-Meta": "1"}})
FETCHED = reply(b"")
FIRST = {DOCUMENT.slug: UNLIMITED, VERSION.slug: SHOWN}
GOOD = {DOCUMENT.slug: SHOWN, VERSION.slug: reply(version())}


@dataclass(frozen=True, kw_only=True)
class Bytes:
    """A good answer with these bytes, for a request with a sink."""

    content: bytes


def play(steps: Generator[Outgoing, Answer, T], *answers: Answer | Bytes) -> tuple[T, list[Outgoing]]:
    """Answer each request in turn; what comes of it, and what was asked."""
    asked: list[Outgoing] = []
    given = iter(answers)
    try:
        outgoing = next(steps)
        while True:
            asked.append(outgoing)
            answer = next(given)
            if isinstance(answer, Bytes):
                assert outgoing.sink is not None
                outgoing.sink.feed(answer.content)
                answer = FETCHED
            outgoing = steps.send(answer)
    except StopIteration as end:
        assert next(given, None) is None, "fewer requests than answers"
        return end.value, asked


def deliver(operation: Operation, *answers: Answer, **fields: str) -> Outcome:
    """What comes of a delivery whose first look went well."""
    steps = FACTIFY.deliver(operation, handin(operation, **fields), ACCOUNT)
    outcome: Outcome = play(steps, FIRST[operation.slug], *answers)[0]
    return outcome


def sent(operation: Operation, **fields: str) -> tuple[Outgoing, dict[str, str]]:
    """The request that carries the file, and its text parts."""
    steps = FACTIFY.deliver(operation, handin(operation, **fields), ACCOUNT)
    _, asked = play(steps, FIRST[operation.slug], GOOD[operation.slug])
    body = asked[1].body
    assert isinstance(body, Multipart)
    return asked[1], {part.name: str(part.value) for part in body.parts[:-1]}


# What is asked


@OPERATIONS
def test_it_looks_sends_and_is_done(operation: Operation) -> None:
    steps = FACTIFY.deliver(operation, handin(operation), ACCOUNT)
    outcome, asked = play(steps, FIRST[operation.slug], GOOD[operation.slug])
    paths = {
        DOCUMENT.slug: [("GET", "/v1beta/documents/quota"), ("POST", "/v1beta/documents")],
        VERSION.slug: [("GET", f"/v1beta/documents/{DOC}"), ("POST", f"/v1beta/documents/{DOC}/versions")],
    }
    assert [(one.method, one.path) for one in asked] == paths[operation.slug]
    assert [one.carries_file for one in asked] == [False, True]
    assert (outcome.ending, outcome.provider_status, outcome.http_status) == (Ending.DELIVERED, "processing", 200)
    assert outcome.reference == (DOC if operation is DOCUMENT else VER)
    assert outcome.facts == {}


@OPERATIONS
def test_the_file_is_the_last_part_under_its_own_name(operation: Operation) -> None:
    outgoing, _ = sent(operation)
    assert isinstance(outgoing.body, Multipart)
    payload = outgoing.body.parts[-1]
    assert (payload.name, payload.filename, payload.content_type) == ("payload", None, None)
    assert payload.file is not None
    assert (payload.file.filename, payload.file.content_type) == ("Contrato.pdf", "application/pdf")


@OPERATIONS
def test_what_the_server_sets_itself_cannot_be_slipped_in(operation: Operation) -> None:
    smuggled = {"version_id": "x", "payload_key": "x", "owner_id": "x", "payload": "x"}
    if operation is DOCUMENT:
        smuggled["document_id"] = DOC
    _, texts = sent(operation, title="T", description="D", **smuggled)
    assert texts == {"title": "T", "description": "D"}


def test_all_fields_of_a_document_are_sent_and_empty_ones_are_not() -> None:
    _, texts = sent(DOCUMENT, title=" Título ", description="", access_level="organization")
    assert texts == {"title": "Título", "access_level": "organization"}


@pytest.mark.parametrize(
    ("filename", "title"),
    [
        ("Contrato.pdf", "Contrato"),
        ("2026.11.pdf", "2026.11"),
        ("sin terminación", "sin terminación"),
        ("a" * 300 + ".pdf", "a" * 255),
    ],
)
def test_a_document_without_a_title_is_called_as_its_file(filename: str, title: str) -> None:
    assert sent(DOCUMENT, filename=filename)[1] == {"title": title}


def test_a_version_needs_no_title() -> None:
    assert sent(VERSION)[1] == {}


def test_what_a_search_needs_is_remembered_with_the_mark() -> None:
    assert sent(DOCUMENT, title="T")[0].baseline == {"title": "T", "since": SINCE}
    assert sent(VERSION)[0].baseline == {"document_id": DOC, "since": SINCE}
    undated = Reply(status=200, headers={"date": "today"}, body=b"{}")
    _, asked = play(FACTIFY.deliver(DOCUMENT, handin(), ACCOUNT), undated, SHOWN)
    assert asked[1].baseline == {"title": "Contrato"}


# The look before


@pytest.mark.parametrize(
    "quota",
    [
        {"limit": 100, "used": 100, "available": 0},
        {"limit": 100, "used": 100},
        {"limit": "100", "used": "101"},
        {"limit": 100, "available": 0},
    ],
)
def test_a_quota_that_is_used_up_is_told_before_anything_is_sent(quota: dict[str, Any]) -> None:
    outcome, asked = play(FACTIFY.deliver(DOCUMENT, handin(), ACCOUNT), reply(quota))
    assert (outcome.ending, outcome.problem, len(asked)) == (Ending.FAILED, "quota-used-up", 1)


@pytest.mark.parametrize(
    "quota",
    [
        UNLIMITED,
        reply({}),
        reply({"limit": 0, "used": 7, "available": 0}),
        reply({"limit": 100, "used": 99, "available": 1}),
        reply({"limit": 100}),
        reply(b"odd"),
        error(403, "permission_denied", "insufficient_permissions"),
        error(404, "not_found", "resource_not_found"),
        error(501, "unimplemented", "unimplemented"),
    ],
)
def test_any_other_quota_lets_it_pass(quota: Reply) -> None:
    outcome, _ = play(FACTIFY.deliver(DOCUMENT, handin(), ACCOUNT), quota, SHOWN)
    assert outcome.ending is Ending.DELIVERED


@OPERATIONS
@pytest.mark.parametrize(
    ("answer", "ending", "problem"),
    [
        (error(401, "unauthenticated", "invalid_api_key"), Ending.CREDENTIAL, "credential-refused"),
        (error(503, "unavailable", "service_unavailable"), Ending.RETRY, "provider-error"),
        (error(500, "internal", "quota_exceeded"), Ending.RETRY, "provider-error"),
        (error(429, "resource_exhausted", "rate_limit_exceeded"), Ending.RETRY, "provider-busy"),
        (NoAnswer(cause="connect", released=False), Ending.RETRY, "provider-unreachable"),
    ],
)
def test_nothing_is_sent_where_the_look_is_refused(
    operation: Operation, answer: Answer, ending: Ending, problem: str
) -> None:
    outcome, _ = play(FACTIFY.deliver(operation, handin(operation), ACCOUNT), answer)
    assert (outcome.ending, outcome.problem) == (ending, problem)


@pytest.mark.parametrize(
    "document_id",
    [
        "",
        "doc_",
        OTHER[:-1],
        OTHER + "1",
        VER,
        "doc_" + "I" * 26,
        f"{DOC}/../{OTHER}",
        f"{DOC}?x=",
        "../me",
    ],
)
def test_a_version_is_never_of_something_else(document_id: str) -> None:
    outcome, asked = play(FACTIFY.deliver(VERSION, handin(VERSION, document_id=document_id), ACCOUNT))
    assert asked == []
    assert (outcome.ending, outcome.problem, outcome.field) == (Ending.REJECTED, "bad-document-id", "document_id")


def test_a_version_of_a_document_that_is_not_there_is_the_fields_fault() -> None:
    answer = error(404, "not_found", "resource_not_found")
    outcome, _ = play(FACTIFY.deliver(VERSION, handin(VERSION), ACCOUNT), answer)
    assert (outcome.ending, outcome.field, outcome.message) == (Ending.FAILED, "document_id", "No.")


def test_a_version_of_a_document_that_may_not_be_seen_is_the_settings_fault() -> None:
    answer = error(403, "permission_denied", "insufficient_permissions")
    outcome, _ = play(FACTIFY.deliver(VERSION, handin(VERSION), ACCOUNT), answer)
    assert (outcome.ending, outcome.problem) == (Ending.FAILED, "settings-wrong")


# Duplicates


@pytest.mark.parametrize("tick", ["on", "true", "1"])
def test_duplicates_are_looked_up_where_that_is_asked_for(tick: str) -> None:
    found = [{"document_id": OTHER, "title": "Older", "version_id": VER}, {"title": "odd"}, "odd"]
    steps = FACTIFY.deliver(DOCUMENT, handin(duplicates=tick), ACCOUNT)
    outcome, asked = play(steps, UNLIMITED, SHOWN, reply({"items": found}))
    assert asked[2].path == f"/v1beta/documents/{DOC}/duplicates"
    assert outcome.facts == {"duplicates": [{"id": OTHER, "title": "Older"}]}


@pytest.mark.parametrize("tick", ["", "off", "false", "0"])
def test_duplicates_are_not_looked_up_unasked(tick: str) -> None:
    assert deliver(DOCUMENT, SHOWN, duplicates=tick).facts == {}


@pytest.mark.parametrize(
    ("answer", "facts"),
    [
        (reply({}), {"duplicates": []}),
        (error(500, "internal"), {}),
        (NoAnswer(cause="timeout", released=True), {}),
        (reply({"items": "odd"}), {}),
    ],
)
def test_it_is_delivered_whatever_becomes_of_the_duplicates(answer: Answer, facts: dict[str, Any]) -> None:
    outcome = deliver(DOCUMENT, SHOWN, answer, duplicates="on")
    assert (outcome.ending, outcome.facts) == (Ending.DELIVERED, facts)


# What answers mean


@OPERATIONS
@pytest.mark.parametrize(
    ("answer", "ending", "problem", "field"),
    [
        (error(400, "invalid_argument", INVALID, param="title"), Ending.FAILED, "provider-refused", "title"),
        (error(400, "invalid_argument", MISSING, param="payload"), Ending.FAILED, "provider-refused", "file"),
        (error(400, "invalid_argument", INVALID, param="owner"), Ending.FAILED, "provider-refused", None),
        (error(400, "failed_precondition", "precondition_failed"), Ending.FAILED, "provider-refused", None),
        (error(400, "failed_precondition", "feature_disabled"), Ending.FAILED, "plan-not-allowed", None),
        (error(401, "unauthenticated", "expired_api_key"), Ending.CREDENTIAL, "credential-refused", None),
        (error(401, "unauthenticated"), Ending.CREDENTIAL, "credential-refused", None),
        (error(403, "permission_denied", "insufficient_permissions"), Ending.FAILED, "settings-wrong", None),
        (error(403, "permission_denied"), Ending.FAILED, "settings-wrong", None),
        (error(403, "permission_denied", "invalid_token"), Ending.CREDENTIAL, "credential-refused", None),
        (reply(b"<html>Forbidden</html>", 403), Ending.FAILED, "provider-error", None),
        (reply(b"<html>Nothing here</html>", 404), Ending.FAILED, "provider-error", None),
        (error(404, "not_found", "resource_not_found"), Ending.FAILED, "provider-refused", None),
        (error(409, "already_exists", "resource_already_exists"), Ending.FAILED, "provider-refused", None),
        (reply(b"", 413), Ending.FAILED, "provider-refused", None),
        (error(429, "resource_exhausted", "quota_exceeded"), Ending.FAILED, "quota-used-up", None),
        (error(429, "resource_exhausted", "rate_limit_exceeded"), Ending.RETRY, "provider-busy", None),
        (reply(b"", 429, retry_after="7"), Ending.RETRY, "provider-busy", None),
        (NoAnswer(cause="reset", released=False), Ending.RETRY, "provider-unreachable", None),
        (NoAnswer(cause="withdrawn", released=False), Ending.FAILED, "interrupted", None),
    ],
)  # fmt: skip
def test_a_refusal_is_told_by_code_and_reason(
    operation: Operation, answer: Answer, ending: Ending, problem: str, field: str | None
) -> None:
    outcome = deliver(operation, answer)
    assert (outcome.ending, outcome.problem, outcome.field) == (ending, problem, field)
    assert problem in WORDS


def test_the_providers_own_words_are_kept() -> None:
    outcome = deliver(DOCUMENT, error(400, "invalid_argument", "invalid_field_value", param="title"))
    assert (outcome.code, outcome.message, outcome.log_id) == ("invalid_field_value", "No.", "req_7")
    outcome = deliver(DOCUMENT, reply({"code": "canceled", "message": "Gone", "details": "odd"}, 409))
    assert (outcome.code, outcome.message, outcome.log_id) == ("canceled", "Gone", None)


def test_a_pause_lasts_until_its_count_begins_anew() -> None:
    reset = str(int(NOW.timestamp()) + 42)
    busy = error(429, "resource_exhausted", "rate_limit_exceeded", x_ratelimit_reset=reset)
    assert deliver(DOCUMENT, busy).retry_after == 42
    assert deliver(DOCUMENT, reply(b"", 429, retry_after="7", x_ratelimit_reset=reset)).retry_after == 7


@OPERATIONS
@pytest.mark.parametrize(
    "answer",
    [
        NoAnswer(cause="reset", released=True),
        NoAnswer(cause="truncated", released=True),
        NoAnswer(cause="timeout", released=True),
        error(500, "internal", "internal_error"),
        error(503, "unavailable", "service_unavailable"),
        error(408, "deadline_exceeded"),
        error(499, "canceled"),
        reply({}),
        reply(b"<html>"),
        reply({"document": {"id": "odd"}, "id": "odd"}),
        reply({"document": document("doc_" + "I" * 26), **version(document_id=OTHER)}),
    ],
)
def test_what_leaves_it_in_doubt_is_looked_for_by_whoever_waits(operation: Operation, answer: Answer) -> None:
    outcome = deliver(operation, answer)
    assert (outcome.ending, outcome.problem) == (Ending.UNKNOWN, "unconfirmed")
    assert outcome.http_status == (answer.status if isinstance(answer, Reply) else None)


@pytest.mark.parametrize(
    ("word", "status"), [("processing", "processing"), ("ready", "ready"), ("failed", "failed"), ("resting", None)]
)
def test_processing_is_told_in_our_words(word: str, status: str | None) -> None:
    assert deliver(DOCUMENT, reply({"document": document(processing_status=word)})).provider_status == status


# Looking for it afterwards


def look(operation: Operation, *answers: Answer | Bytes, **changes: Any) -> tuple[Outcome, list[Outgoing]]:
    """Reconcile what was remembered, without its fields."""
    of = {"document_id": DOC} if operation is VERSION else {}
    given = handin(operation)
    wanted = HandIn(
        id=given.id,
        organization=given.organization,
        received_at=given.received_at,
        parts=given.parts,
        baseline={"title": "Contrato", "since": SINCE, **of} | changes,
    )
    return play(FACTIFY.reconcile(operation, wanted, ACCOUNT), *answers)


def test_a_document_is_found_by_time_title_and_bytes() -> None:
    listing = page(document(OTHER), document(OTHER, title="Else"), document())
    outcome, asked = look(DOCUMENT, listing, EXPORT, Bytes(content=b"else"), EXPORT, Bytes(content=CONTENT))
    assert (outcome.ending, outcome.reference, outcome.provider_status) == (Ending.DELIVERED, DOC, "processing")
    assert (asked[0].path, asked[0].query) == (
        "/v1beta/documents",
        {"page_size": "100", "created.after": "2026-11-21T10:30:30.000Z"},
    )
    assert [one.path for one in asked[1::2]] == [f"/v1beta/documents/{id_}/export" for id_ in (OTHER, DOC)]
    assert asked[4].url == "https://export.factify.com/x?sig=%7e"
    assert asked[4].headers == {"X-Amz-Meta": "1"}


def test_a_version_is_found_among_its_documents() -> None:
    listing = page(version(), version("ver_" + "2" * 26, created_at=BEFORE))
    outcome, asked = look(VERSION, listing, EXPORT, Bytes(content=CONTENT))
    assert (outcome.ending, outcome.reference) == (Ending.DELIVERED, VER)
    assert (asked[0].path, asked[0].query) == (f"/v1beta/documents/{DOC}/versions", {"page_size": "100"})
    assert (asked[1].path, asked[1].query) == (f"/v1beta/documents/{DOC}/export", {"version_id": VER})


def test_a_version_without_a_title_may_have_any() -> None:
    steps = FACTIFY.reconcile(VERSION, _remembered(VERSION, {"document_id": DOC, "since": SINCE}), ACCOUNT)
    outcome, _ = play(steps, page(version(title="Whatever")), EXPORT, Bytes(content=CONTENT))
    assert outcome.ending is Ending.DELIVERED


def _remembered(operation: Operation, baseline: dict[str, Any]) -> HandIn:
    given = handin(operation)
    return HandIn(
        id=given.id,
        organization=given.organization,
        received_at=given.received_at,
        parts=given.parts,
        baseline=baseline,
    )


@OPERATIONS
@pytest.mark.parametrize(
    "listing",
    [
        page(),
        reply({"pagination": {}}),
        page(version(created_at=BEFORE), document(created_at=BEFORE)),
        page(version(title="Else"), document(title="Else")),
        page(version("odd"), document("odd")),
    ],
)
def test_what_is_not_listed_is_not_there(operation: Operation, listing: Reply) -> None:
    outcome, _ = look(operation, listing)
    assert (outcome.ending, outcome.problem) == (Ending.FAILED, "provider-error")


def test_other_bytes_are_another_file() -> None:
    assert look(DOCUMENT, page(document()), EXPORT, Bytes(content=b"else"))[0].ending is Ending.FAILED


@pytest.mark.parametrize(
    "answers",
    [
        [error(400, "failed_precondition", "precondition_failed")],
        [reply({"url": ""})],
        [reply({"url": "https://x.factify.com/", "headers": {"Host": "elsewhere"}})],
        [reply({"url": "https://x.factify.com/", "headers": {"X-A": "a\r\nb: c"}})],
        [reply({"url": "https://x.factify.com/", "headers": "odd"})],
        [EXPORT, reply(b"", 403)],
        [EXPORT, NoAnswer(cause="egress", released=False)],
        [NoAnswer(cause="timeout", released=True)],
    ],
)
def test_what_cannot_be_compared_leaves_it_unconfirmed(answers: list[Answer]) -> None:
    outcome, _ = look(DOCUMENT, page(document()), *answers)
    assert (outcome.ending, outcome.problem) == (Ending.UNKNOWN, "unconfirmed")


def test_one_that_cannot_be_compared_does_not_hide_the_one_that_is_meant() -> None:
    outcome, _ = look(
        DOCUMENT, page(document(OTHER), document()), error(404, "not_found"), EXPORT, Bytes(content=CONTENT)
    )
    assert (outcome.ending, outcome.reference) == (Ending.DELIVERED, DOC)


@pytest.mark.parametrize(
    ("answer", "ending"),
    [
        (error(503, "unavailable"), Ending.RETRY),
        (error(400, "invalid_argument", "invalid_cursor"), Ending.RETRY),
        (error(403, "permission_denied"), Ending.RETRY),
        (error(401, "unauthenticated", "invalid_api_key"), Ending.CREDENTIAL),
        (NoAnswer(cause="connect", released=False), Ending.RETRY),
        (reply({"items": "odd"}), Ending.RETRY),
    ],
)
def test_without_a_good_answer_nothing_is_learnt(answer: Answer, ending: Ending) -> None:
    assert look(DOCUMENT, answer)[0].ending is ending


def test_pages_are_looked_through_to_their_end() -> None:
    outcome, asked = look(
        DOCUMENT, page(document(title="x"), next_="two"), page(document()), EXPORT, Bytes(content=CONTENT)
    )
    assert outcome.ending is Ending.DELIVERED
    assert asked[1].query == {**asked[0].query, "page_token": "two"}


def test_pages_that_never_end_are_left() -> None:
    pages = [page(document(title="x"), next_=f"page {n}") for n in range(MOST_PAGES)]
    assert look(DOCUMENT, *pages)[0].ending is Ending.UNKNOWN
    same = [page(document(title="x"), next_="same")] * 2
    assert look(DOCUMENT, *same)[0].ending is Ending.FAILED


def test_versions_from_before_are_not_looked_through() -> None:
    outcome, asked = look(VERSION, page(version(title="x", created_at=BEFORE), next_="two"))
    assert (outcome.ending, len(asked)) == (Ending.FAILED, 1)


def test_not_everything_is_fetched() -> None:
    listing = page(*[document()] * (MOST_COMPARED + 1))
    fetched: list[Answer | Bytes] = [EXPORT, Bytes(content=b"else")]
    outcome, asked = look(DOCUMENT, listing, *fetched * MOST_COMPARED)
    assert (outcome.ending, len(asked)) == (Ending.UNKNOWN, 1 + 2 * MOST_COMPARED)


def test_without_a_hash_nothing_can_be_told() -> None:
    given = _remembered(DOCUMENT, {"title": "Contrato", "since": SINCE})
    source = CollectedFile(name="file", filename="f", content_type="x/y", content=b"", sha256="")

    class Half:
        """A file of which not all has passed."""

        sha256 = None
        blocks = source.blocks

    part = FilePart(name="file", filename="f", content_type="x/y", size=9, source=Half())
    wanted = HandIn(
        id=given.id, organization="acme", received_at=given.received_at, parts={"file": part}, baseline=given.baseline
    )
    assert play(FACTIFY.reconcile(DOCUMENT, wanted, ACCOUNT), page(document()))[0].ending is Ending.UNKNOWN
    assert play(FACTIFY.reconcile(DOCUMENT, wanted, ACCOUNT), page())[0].ending is Ending.FAILED


def test_without_the_providers_time_ours_is_used_with_room() -> None:
    _, asked = play(FACTIFY.reconcile(DOCUMENT, _remembered(DOCUMENT, {"title": "x"}), ACCOUNT), page())
    assert asked[0].query["created.after"] == "2026-11-21T10:26:00.000Z"


def test_a_version_of_no_known_document_is_not_looked_for() -> None:
    outcome, asked = play(FACTIFY.reconcile(VERSION, _remembered(VERSION, {"since": SINCE}), ACCOUNT))
    assert (outcome.ending, asked) == (Ending.UNKNOWN, [])


# Following


@pytest.mark.parametrize(
    ("id_", "path", "body"),
    [
        (DOC, f"/v1beta/documents/{DOC}", {"document": document(processing_status="ready")}),
        (VER, f"/v1beta/versions/{VER}", version(processing_status="failed")),
    ],
)
def test_processing_is_followed(id_: str, path: str, body: Any) -> None:
    operation = DOCUMENT if id_ == DOC else VERSION
    given = HandIn(id=uuid4(), organization="acme", received_at=NOW, parts=handin().parts, reference=id_)
    outcome, asked = play(FACTIFY.follow(operation, given, ACCOUNT), reply(body))
    assert asked[0].path == path
    assert (outcome.ending, outcome.reference) == (Ending.DELIVERED, id_)
    assert outcome.provider_status == ("ready" if id_ == DOC else "failed")
    for nothing in (error(404, "not_found"), error(500, "internal"), reply({"document": document(OTHER)})):
        assert play(FACTIFY.follow(operation, given, ACCOUNT), nothing)[0].ending is Ending.RETRY


# What lies there


def test_documents_are_listed_by_pages() -> None:
    shown, asked = play(FACTIFY.list(ACCOUNT), page(document(), {"id": "odd"}, next_="two"))
    (one,) = shown.items
    assert (one.id, one.name, one.status, one.content_type) == (DOC, "Contrato", "processing", "application/pdf")
    assert one.created_at.isoformat() == "2026-11-21T10:31:02.123456+00:00"
    assert (shown.next, asked[0].query) == ("two", {"page_size": "100"})
    shown, asked = play(FACTIFY.list(ACCOUNT, "two"), page(next_=" "))
    assert (shown.items, shown.next, asked[0].query["page_token"]) == ((), None, "two")
    assert play(FACTIFY.list(ACCOUNT, "two"), page(next_="two"))[0].next is None
    with pytest.raises(Unavailable):
        play(FACTIFY.list(ACCOUNT), error(500, "internal"))


def test_one_thing_is_shown() -> None:
    assert play(FACTIFY.get(ACCOUNT, DOC), SHOWN)[0].id == DOC
    assert play(FACTIFY.get(ACCOUNT, VER), reply(version(title=None, created_at="odd")))[0].name == VER
    assert play(FACTIFY.get(ACCOUNT, DOC), error(404, "not_found", "resource_not_found"))[0] is None
    assert play(FACTIFY.get(ACCOUNT, "../me")) == (None, [])
    with pytest.raises(Unavailable):
        play(FACTIFY.get(ACCOUNT, DOC), reply(b"<html>", 404))


def test_content_comes_from_where_it_is_exported_to() -> None:
    fetch, _ = play(FACTIFY.content(ACCOUNT, DOC), EXPORT)
    assert (fetch.method, fetch.url, fetch.headers) == (
        "GET", "https://export.factify.com/x?sig=%7e", {"X-Amz-Meta": "1"},
    )  # fmt: skip
    fetch, asked = play(FACTIFY.content(ACCOUNT, VER), reply(version()), EXPORT)
    assert (asked[1].path, asked[1].query) == (f"/v1beta/documents/{DOC}/export", {"version_id": VER})
    for id_, answers in (
        ("../me", []),
        (DOC, [error(404, "not_found")]),
        (VER, [error(404, "not_found")]),
        (VER, [reply(version(document_id="../me"))]),
    ):
        with pytest.raises(Unavailable):
            play(FACTIFY.content(ACCOUNT, id_), *answers)


def test_a_document_can_be_thrown_away() -> None:
    outcome, asked = play(FACTIFY.delete(ACCOUNT, DOC), reply({}))
    assert (asked[0].method, asked[0].path, asked[0].body) == ("POST", f"/v1beta/documents/{DOC}/trash", Json(value={}))
    assert (outcome.ending, outcome.reference) == (Ending.DELIVERED, DOC)
    gone = error(404, "not_found", "resource_not_found")
    assert play(FACTIFY.delete(ACCOUNT, DOC), gone)[0].ending is Ending.DELIVERED
    assert play(FACTIFY.delete(ACCOUNT, DOC), error(403, "permission_denied"))[0].problem == "settings-wrong"
    outcome, asked = play(FACTIFY.delete(ACCOUNT, VER))
    assert (outcome.ending, asked) == (Ending.FAILED, [])


# The connection


def verify(*answers: Answer) -> Verdict:
    credential = {"token": SecretStr("ffy_test_secret")}
    verdict: Verdict = play(FACTIFY.verify(ACCOUNT, credential, NOW), *answers)[0]
    return verdict


FORBIDDEN = error(403, "permission_denied", "insufficient_permissions")


def test_a_key_is_tried_by_whose_it_is_and_what_it_has_left() -> None:
    me = reply({"user": {"name": "Ana", "email": "a@example.com"}, "organizations": [{"name": "Acme"}, "odd"]})
    assert verify(me, reply({"limit": 100, "used": 3, "available": 97})) == Verdict(
        ok=True, detail="Ana; Acme; 97 documents left"
    )
    assert verify(me, reply({})).detail == "Ana; Acme; no limit of documents"
    assert verify(me, FORBIDDEN) == Verdict(ok=True, detail="Ana; Acme")


def test_a_key_that_is_no_persons_names_its_organization() -> None:
    assert verify(FORBIDDEN, page({"name": "Acme"}), UNLIMITED).detail == "Acme; no limit of documents"
    assert verify(FORBIDDEN, FORBIDDEN, UNLIMITED) == Verdict(ok=True, detail="no limit of documents")


def test_a_key_that_is_not_taken_is_told_in_the_providers_words() -> None:
    unknown = error(401, "unauthenticated", "invalid_api_key")
    assert verify(unknown, unknown) == Verdict(ok=False, detail="credential-refused: No.; invalid_api_key; 401")
    unreachable = NoAnswer(cause="connect", released=False)
    assert verify(unreachable, unreachable) == Verdict(ok=False, detail="provider-unreachable: connect")
    assert verify(FORBIDDEN, page(), error(500, "internal")).detail == "provider-error: No.; internal; 500"


def test_where_it_is_and_what_it_is_spoken_to_with() -> None:
    live = Account(environment="live", settings={})
    assert FACTIFY.base_url(live, "http://127.0.0.1:1") == BASE_URL
    assert FACTIFY.base_url(ACCOUNT, "http://127.0.0.1:1") == "http://127.0.0.1:1/factify"
    assert FACTIFY.base_url(ACCOUNT, None) == ""
    assert [one.name for one in FACTIFY.credentials({})] == ["token"]
    assert FACTIFY.headers(live, {"token": SecretStr("ffy_prod_x")})["Authorization"] == "Bearer ffy_prod_x"
    with pytest.raises(ValidationError):
        FACTIFY.settings(base_url="x")


def test_its_limits_are_those_it_states() -> None:
    assert [(one.requests, one.seconds, sorted(one.methods)) for one in FACTIFY.limits] == [
        (1000, 60, []),
        (100, 60, ["POST"]),
    ]


@OPERATIONS
def test_only_pdfs_are_taken(operation: Operation) -> None:
    (part,) = operation.parts
    assert (part.types, part.max_bytes) == (("pdf",), 5 << 30)
