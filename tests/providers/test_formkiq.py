"""FormKiQ's generators, by what is sent into them: no wire, no database."""

from __future__ import annotations

import base64
import json
from collections.abc import Generator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from uuid_utils.compat import uuid7

from app.intake import CollectedFile
from app.providers.base import Account, Ending, HandIn, Outcome, Unavailable, Verdict
from app.providers.formkiq import DOCUMENT, INLINE, Formkiq, Settings
from app.providers.formkiq_replies import xml
from app.providers.formkiq_steps import PAUSES
from app.providers.wire import Answer, FilePart, Json, JsonWithFile, NoAnswer, Outgoing, Raw, Reply
from app.words import WORDS

T = Any

ID = uuid7()
NOW = datetime.fromisoformat("2026-11-21T14:05:00-06:00")
SHA = "797bb0abff798d7200af7685dca7901edffc52bf26500d5bd97282658ee24152"
LARGE = INLINE + 1
URL = (
    "https://bucket.s3.us-east-2.amazonaws.com/x%7ey?X-Amz-Date=20261121T200500Z&X-Amz-Expires=172800&X-Amz-Signature=a"
)
DATE = "Sat, 21 Nov 2026 20:05:00 GMT"
FORMKIQ = Formkiq()
GONE = ("DELETE", f"/documents/{ID}")
LOOK = ("GET", f"/documents/{ID}")
AGAIN = ("GET", f"/documents/{ID}/upload")
ANNOUNCE = ("POST", "/documents/upload")
INLINE_POST = ("POST", "/documents")
PUT = ("PUT", "")


def account(**settings: str) -> Account:
    given = {"base_url": "https://k.example", "auth": "key", "site_id": "default"} | settings
    return Account(environment="live", settings=given)


def handin(size: int = 10, sha256: str = "", **more: Any) -> HandIn:
    source = CollectedFile(name="file", filename="f", content_type="x/y", content=b"c", sha256=sha256)
    file = FilePart(name="file", filename="estado 1.pdf", content_type="application/pdf", size=size, source=source)
    given: dict[str, Any] = {"id": ID, "organization": "acme", "received_at": NOW, "parts": {"file": file}}
    return HandIn(**given | more)


def reply(body: Any = None, status: int = 200, **headers: str) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status=status, headers=headers, body=raw)


def no(cause: Any, *, released: bool) -> NoAnswer:
    return NoAnswer(cause=cause, released=released)


def made(**more: Any) -> Reply:
    return reply({"documentId": str(ID), "siteId": "default"} | more, 201, date=DATE)


def place(url: str = URL, **more: Any) -> Reply:
    return made(url=url, **more)


def shown(length: Any = None, **more: Any) -> Reply:
    content = {} if length is None else {"contentLength": length}
    return reply({"documentId": str(ID), "path": "a/b.pdf", **content, **more})


def message(text: str, status: int) -> Reply:
    return reply({"message": text}, status)


def s3(status: int, code: str, text: str = "No.") -> Reply:
    inner = f"<Code>{code}</Code><Message>{text}</Message><RequestId>R1</RequestId><HostId>H1</HostId>"
    return reply(f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'.encode(), status)


MISSING = message(f"Document {ID} not found.", 404)
TAKEN = message(f"documentId '{ID}' already exists", 409)
DELETED = message("deleted", 200)
STORED = reply(b"", 200)
EXPIRED = s3(403, "AccessDenied", "Request has expired")
WITHDRAWN = no("withdrawn", released=False)
SILENCE = no("timeout", released=True)


def play(steps: Generator[Outgoing, Answer, T], *answers: Answer) -> tuple[T, list[Outgoing]]:
    """Answer each request in turn; what comes of it, and what was asked."""
    asked: list[Outgoing] = []
    given = iter(answers)
    try:
        asked.append(next(steps))
        while True:
            answer = next(given, None)
            assert answer is not None, "more requests than answers"
            asked.append(steps.send(answer))
    except StopIteration as end:
        assert next(given, None) is None, "fewer requests than answers"
        return end.value, asked


def deliver(*answers: Answer, size: int = 10, **more: Any) -> tuple[Outcome, list[tuple[str, str]]]:
    outcome, asked = play(FORMKIQ.deliver(DOCUMENT, handin(size, **more), account()), *answers)
    assert sum(one.hands_in for one in asked) <= 1
    assert outcome.problem is None or WORDS[outcome.problem] % {**outcome.params, "organization": "Acme"}
    return outcome, [(one.method, one.path) for one in asked]


# What is asked


def test_a_small_one_goes_with_its_description() -> None:
    fields = {"path": "in/{date}/{filename}", "tags": "kind=statement", "document_metadata": "a=b"}
    given = handin(fields=fields)
    outcome, asked = play(FORMKIQ.deliver(DOCUMENT, given, account(site_id="legal")), made(), shown(10))
    post, look = asked
    assert (post.method, post.path, post.query) == ("POST", "/documents", {"siteId": "legal"})
    assert isinstance(post.body, JsonWithFile)
    assert (post.body.member, post.body.file) == ("content", given.parts["file"])
    assert post.body.value == {
        "documentId": str(ID),
        "path": "in/2026-11-21/estado 1.pdf",
        "contentType": "application/pdf",
        "isBase64": True,
        "tags": [{"key": "kind", "value": "statement"}],
        "metadata": [{"key": "a", "value": "b"}],
    }
    assert (look.method, look.path, look.query) == ("GET", f"/documents/{ID}", {"siteId": "legal"})
    assert (outcome.ending, outcome.reference, outcome.provider_status) == (Ending.DELIVERED, str(ID), None)


def test_a_large_one_is_announced_and_put_where_it_is_told_to() -> None:
    named = {"x-amz-sdk-checksum-algorithm": "SHA256", "x-amz-checksum-sha256": "eXuw="}
    given = handin(LARGE, sha256=SHA, fields={"attributes": "a=b"})
    answers = place(headers=named), STORED, shown(LARGE, checksum=SHA, checksumType="SHA256")
    outcome, (announce, put, look) = play(FORMKIQ.deliver(DOCUMENT, given, account()), *answers)
    assert (announce.method, announce.path) == ANNOUNCE
    assert announce.query == {"contentLength": str(LARGE), "siteId": "default"}
    assert isinstance(announce.body, Json)
    assert announce.body.value == {
        "documentId": str(ID),
        "path": "estado 1.pdf",
        "contentType": "application/pdf",
        "attributes": [{"key": "a", "stringValue": "b"}],
        "checksum": SHA,
        "checksumType": "SHA256",
    }
    assert (put.method, put.path, put.url, put.query) == ("PUT", "", URL, {})
    assert put.headers == named | {"Content-Type": "application/pdf"}
    assert put.body == Raw(file=given.parts["file"])
    assert (look.method, look.path) == LOOK
    assert outcome.ending is Ending.DELIVERED
    assert "Signature" not in repr((announce, put))


def test_a_file_that_is_still_coming_in_signs_no_checksum() -> None:
    given = handin(LARGE)
    _, (announce, *_) = play(FORMKIQ.deliver(DOCUMENT, given, account()), place(), STORED, shown(LARGE))
    assert isinstance(announce.body, Json)
    assert not {"checksum", "checksumType"} & announce.body.value.keys()


def test_the_largest_that_goes_inline() -> None:
    assert deliver(made(), shown(INLINE), size=INLINE)[1] == [INLINE_POST, LOOK]
    assert deliver(place(), STORED, shown(LARGE), size=LARGE)[1] == [ANNOUNCE, PUT, LOOK]
    assert 4 * -(-INLINE // 3) <= 4_000_000


# What the fields say


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("", "estado 1.pdf"),
        ("{organization}/{date}/{filename}", "acme/2026-11-21/estado 1.pdf"),
        ("inbox/", "inbox/estado 1.pdf"),
        ("/", "estado 1.pdf"),
        ("/a//./ b /{filename}", "a/b/estado 1.pdf"),
        ("año/{filename}", "año/estado 1.pdf"),
    ],
)
def test_a_path_is_filled_in(template: str, path: str) -> None:
    _, (post, _) = play(FORMKIQ.deliver(DOCUMENT, handin(fields={"path": template}), account()), made(), shown(10))
    assert isinstance(post.body, JsonWithFile)
    assert post.body.value["path"] == path


@pytest.mark.parametrize(
    "template",
    [
        "{name}",
        "{}",
        "{filename",
        "a}b",
        "{filename.x}",
        "{filename!r}",
        "{date:%Y}",
        "../a",
        "a/../../b",
        "a\\b",
        "a\x00b",
        "a\u202eb",
        ".",
    ],
)
def test_a_path_that_says_something_else_is_refused(template: str) -> None:
    outcome, asked = deliver(fields={"path": template})
    assert (outcome.ending, outcome.problem, outcome.field) == (Ending.REJECTED, "bad-path", "path")
    assert asked == []


def test_a_path_has_its_length() -> None:
    assert deliver(made(), shown(10), fields={"path": 512 * "é"})[0].ending is Ending.DELIVERED
    outcome, _ = deliver(fields={"path": 512 * "é" + "a"})
    assert (outcome.problem, outcome.params) == ("path-too-long", {"limit": 1024})


def test_a_files_name_is_not_a_template() -> None:
    given = handin()
    file = FilePart(name="file", filename="{date}..", content_type="x/y", size=1, source=given.parts["file"].source)
    given = handin(parts={"file": file})
    _, (post, _) = play(FORMKIQ.deliver(DOCUMENT, given, account()), made(), shown(1))
    assert isinstance(post.body, JsonWithFile)
    assert post.body.value["path"] == "{date}.."


@pytest.mark.parametrize(
    ("field", "said", "member", "value"),
    [
        ("tags", "a=b\n\n c = d=e ", "tags", [{"key": "a", "value": "b"}, {"key": "c", "value": "d=e"}]),
        ("tags", '{"a": "b", "c": ["d", 1]}', "tags", [{"key": "a", "value": "b"}, {"key": "c", "values": ["d", "1"]}]),
        ("tags", '[{"key": "a", "values": ["b"]}]', "tags", [{"key": "a", "values": ["b"]}]),
        ("document_metadata", '{"a": true}', "metadata", [{"key": "a", "value": "true"}]),
        ("attributes", "a=b", "attributes", [{"key": "a", "stringValue": "b"}]),
        ("attributes", '{"n": 1.5}', "attributes", [{"key": "n", "numberValue": 1.5}]),
        ("attributes", '{"y": false}', "attributes", [{"key": "y", "booleanValue": False}]),
        ("attributes", '{"s": ["a", "b"]}', "attributes", [{"key": "s", "stringValues": ["a", "b"]}]),
        ("attributes", '{"n": [1, 2]}', "attributes", [{"key": "n", "numberValues": [1, 2]}]),
        ("attributes", '[{"key": "a", "stringValue": "b"}]', "attributes", [{"key": "a", "stringValue": "b"}]),
        ("attributes", '[{"key": "a"}]', "attributes", [{"key": "a"}]),
        ("actions", "ocr\n FULLTEXT ", "actions", [{"type": "OCR"}, {"type": "FULLTEXT"}]),
        (
            "actions",
            '[{"type": "OCR", "parameters": {"ocrParseTypes": "TEXT"}}]',
            "actions",
            [{"type": "OCR", "parameters": {"ocrParseTypes": "TEXT"}}],
        ),
    ],
)
def test_fields_are_read_by_line_or_as_json(field: str, said: str, member: str, value: Any) -> None:
    _, (post, _) = play(FORMKIQ.deliver(DOCUMENT, handin(fields={field: said}), account()), made(), shown(10))
    assert isinstance(post.body, JsonWithFile)
    assert post.body.value[member] == value


@pytest.mark.parametrize(
    ("field", "said"),
    [
        *[("tags", said) for said in ("a", "=b", "{", '{"": "b"}', '{"a": null}', '{"a": {"b": 1}}', '{"a": NaN}')],
        *[("tags", said) for said in ('["a"]', '[{"key": 1}]', '[{"key": "a", "more": "b"}]', "[" * 9000)],
        ("tags", json.dumps({str(one): "v" for one in range(101)})),
        ("tags", json.dumps({"a": 1001 * "v"})),
        ("document_metadata", "x"),
        *[("attributes", said) for said in ("a", '{"a": ["b", 1]}', '{"a": []}', '{"a": [true]}', '{"a": null}')],
        *[("actions", said) for said in ("o c r", "[", '["OCR"]', '[{"type": 1}]', '[{"type": "OCR", "more": 1}]')],
        *[("actions", said) for said in ('[{"type": "OCR", "parameters": []}]', '[{"type": "OCR", "queueId": 1}]')],
    ],
)
def test_what_cannot_be_read_is_refused_at_its_field(field: str, said: str) -> None:
    for size in (10, LARGE):
        outcome, asked = deliver(size=size, fields={field: said})
        problem = "bad-actions" if field == "actions" else "bad-pairs"
        assert (outcome.ending, outcome.problem, outcome.field) == (Ending.REJECTED, problem, field)
        assert asked == []


def test_metadata_goes_with_small_files_only() -> None:
    outcome, asked = deliver(size=LARGE, fields={"document_metadata": "a=b"})
    assert (outcome.ending, outcome.problem, outcome.field) == (Ending.REJECTED, "metadata-inline", "document_metadata")
    assert asked == []


# What it looks like afterwards


@pytest.mark.parametrize(("size", "before"), [(10, [made()]), (LARGE, [place(), STORED])], ids=["inline", "presigned"])
def test_it_is_waited_for(size: int, before: list[Answer]) -> None:
    late = [shown()] * (len(PAUSES) - 1)
    steps = FORMKIQ.deliver(DOCUMENT, handin(size), account())
    outcome, asked = play(steps, *before, *late, shown(size))
    assert (outcome.ending, outcome.provider_status) == (Ending.DELIVERED, None)
    assert sum(one.after for one in asked) == pytest.approx(5.0)
    outcome, _ = deliver(*before, *late, shown(), size=size)
    assert (outcome.ending, outcome.provider_status, outcome.reference) == (Ending.DELIVERED, "processing", str(ID))


@pytest.mark.parametrize("answer", [message("Internal", 500), SILENCE, reply(b"<html>"), message("Unauthorized", 401)])
@pytest.mark.parametrize(("size", "before"), [(10, [made()]), (LARGE, [place(), STORED])], ids=["inline", "presigned"])
def test_nothing_to_be_seen_takes_nothing_back(size: int, before: list[Answer], answer: Answer) -> None:
    outcome, _ = deliver(*before, answer, size=size)
    assert (outcome.ending, outcome.provider_status) == (Ending.DELIVERED, "processing")


@pytest.mark.parametrize(
    "look", [shown(11), shown(10, checksum=SHA[::-1], checksumType="SHA256"), MISSING], ids=["length", "hash", "gone"]
)
def test_something_else_there_is_unconfirmed(look: Answer) -> None:
    outcome, _ = deliver(made(), look, sha256=SHA)
    assert (outcome.ending, outcome.problem) == (Ending.UNKNOWN, "unconfirmed")


def test_a_checksum_of_another_kind_proves_nothing_and_disproves_nothing() -> None:
    for said in ({"checksum": "ab", "checksumType": "SHA1"}, {"checksum": 1, "checksumType": "SHA256"}):
        assert deliver(made(), shown(10, **said), sha256=SHA)[0].provider_status is None


# What is refused


@pytest.mark.parametrize(
    ("answer", "ending", "problem"),
    [
        (message("Unauthorized", 401), Ending.CREDENTIAL, "credential-refused"),
        (message("Forbidden", 403), Ending.CREDENTIAL, "credential-refused"),
        (message("fkq access denied to siteId (legal)", 403), Ending.FAILED, "settings-wrong"),
        (message("fkq access denied (groups: default_read)", 403), Ending.FAILED, "settings-wrong"),
        (reply(b"<html>", 403), Ending.FAILED, "provider-error"),
        (message("Not Found", 404), Ending.FAILED, "settings-wrong"),
        (message("Payment required", 402), Ending.FAILED, "plan-not-allowed"),
        (message("Too large", 413), Ending.FAILED, "provider-refused"),
        (message("Too many", 429), Ending.RETRY, "provider-busy"),
        (no("connect", released=False), Ending.RETRY, "provider-unreachable"),
        (no("egress", released=False), Ending.FAILED, "settings-wrong"),
        (no("timeout", released=False), Ending.RETRY, "provider-too-slow"),
    ],
)
@pytest.mark.parametrize("size", [10, LARGE], ids=["inline", "presigned"])
def test_a_clear_no_leaves_nothing_behind(answer: Answer, ending: Ending, problem: str, size: int) -> None:
    outcome, asked = deliver(answer, size=size)
    assert (outcome.ending, outcome.problem, outcome.empty_record) == (ending, problem, None)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("key", "field"), [("path", "path"), ("tags.key", "tags"), ("metadata", "document_metadata"), ("checksum", None)]
)
def test_its_faults_stand_at_the_field(key: str, field: str | None) -> None:
    told = reply({"errors": [{"key": key, "error": "is wrong"}, {"error": "and this"}, "odd"]}, 400)
    outcome, _ = deliver(told)
    assert (outcome.ending, outcome.problem, outcome.field) == (Ending.FAILED, "provider-refused", field)
    assert outcome.message == f"{key}: is wrong; and this"


@pytest.mark.parametrize(
    "answer",
    [
        SILENCE,
        message("Internal Server Error", 500),
        reply({}, 201),
        made(documentId="other", url=URL),
        made(),
        place(headers={"Authorization": "x"}),
        place(headers={"x-amz-a": {}}),
        place(headers={"x-amz-a": "a\r\nb"}),
        place(headers=[1]),
        made(url=7),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("deletion", "record"), [(DELETED, "deleted"), (MISSING, None), (message("no", 500), "left"), (SILENCE, "left")]
)
def test_no_place_to_put_it_takes_the_record_back(answer: Answer, deletion: Answer, record: str | None) -> None:
    outcome, asked = deliver(answer, deletion, size=LARGE)
    assert (outcome.ending, outcome.empty_record) == (Ending.RETRY, record)
    assert asked == [ANNOUNCE, GONE]


# What the bucket says


@pytest.mark.parametrize(
    ("answer", "ending", "problem"),
    [
        (EXPIRED, Ending.RETRY, "provider-error"),
        (s3(403, "SignatureDoesNotMatch"), Ending.FAILED, "provider-error"),
        (s3(403, "AccessDenied"), Ending.FAILED, "provider-error"),
        (reply(b"", 403), Ending.FAILED, "provider-error"),
        (reply(b"", 401), Ending.FAILED, "provider-error"),
        (s3(400, "BadDigest"), Ending.FAILED, "provider-error"),
        (s3(400, "EntityTooLarge"), Ending.FAILED, "provider-refused"),
        (s3(404, "NoSuchBucket"), Ending.FAILED, "provider-error"),
        (s3(411, "MissingContentLength"), Ending.FAILED, "provider-error"),
        (s3(307, "TemporaryRedirect"), Ending.FAILED, "provider-error"),
        (s3(429, "TooManyRequests"), Ending.RETRY, "provider-busy"),
        (no("reset", released=False), Ending.RETRY, "provider-unreachable"),
        (no("egress", released=False), Ending.FAILED, "settings-wrong"),
        (WITHDRAWN, Ending.FAILED, "interrupted"),
    ],
    ids=str,
)
def test_a_bucket_that_says_no_leaves_no_record(answer: Answer, ending: Ending, problem: str) -> None:
    outcome, asked = deliver(place(), answer, DELETED, size=LARGE)
    assert (outcome.ending, outcome.problem, outcome.empty_record) == (ending, problem, "deleted")
    assert asked == [ANNOUNCE, PUT, GONE]


def test_its_words_are_kept() -> None:
    outcome, _ = deliver(place(), s3(400, "BadDigest", "a &amp; b"), message("no", 403), size=LARGE)
    assert (outcome.code, outcome.message, outcome.log_id) == ("BadDigest", "a & b", "R1")
    assert (outcome.http_status, outcome.empty_record) == (400, "left")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_no_document_type_is_read(encoding: str) -> None:
    bomb = '<!DOCTYPE e [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Error><Code>&b;</Code></Error>'
    assert xml(bomb.encode(encoding)) == {}
    assert xml("<Error><Code>C</Code></Error>".encode(encoding)) == {"Code": "C"}


@pytest.mark.parametrize("body", [b"", b"<html>", b"\x00", b"<a><b>", b"<Error>" * 9000, b"{}"])
def test_what_is_no_error_of_its_is_none(body: bytes) -> None:
    assert xml(body) == {}


# In doubt


@pytest.mark.parametrize("size", [10, LARGE], ids=["inline", "presigned"])
@pytest.mark.parametrize(
    ("answer", "said_no"),
    [
        (SILENCE, False),
        (no("reset", released=True), False),
        (no("truncated", released=True), False),
        (reply(b"", 204), False),
        (message("Internal Server Error", 500), True),
        (s3(503, "SlowDown"), True),
        (reply(b"", 408), True),
    ],
    ids=str,
)
def test_in_doubt_it_is_looked_for(answer: Answer, said_no: bool, size: int) -> None:
    before: list[Answer] = [] if size == 10 else [place()]
    outcome, _ = deliver(*before, answer, shown(size), size=size)
    assert (outcome.ending, outcome.reference) == (Ending.DELIVERED, str(ID))

    outcome, _ = deliver(*before, answer, MISSING, size=size)
    assert outcome.ending is (Ending.RETRY if said_no else Ending.UNKNOWN)
    assert outcome.empty_record is None

    empty = [shown()] if said_no else [shown()] * len(PAUSES)
    outcome, _ = deliver(*before, answer, *empty, *([DELETED] if said_no else []), size=size)
    assert outcome.ending is (Ending.RETRY if said_no else Ending.UNKNOWN)
    assert outcome.empty_record == ("deleted" if said_no else None)

    for look in (message("Internal", 500), message("Not Found", 404), SILENCE, shown(size + 1)):
        outcome, _ = deliver(*before, answer, look, size=size)
        assert (outcome.ending, outcome.problem) == (Ending.UNKNOWN, "unconfirmed")


def test_a_small_one_that_is_withdrawn_leaves_nothing_to_take_back() -> None:
    outcome, asked = deliver(WITHDRAWN)
    assert (outcome.ending, outcome.empty_record, asked) == (Ending.FAILED, None, [INLINE_POST])


# An id of ours that is taken


@pytest.mark.parametrize(
    ("looked", "ending"),
    [
        (shown(10), Ending.DELIVERED),
        (shown(11), Ending.FAILED),
        (MISSING, Ending.FAILED),
        (SILENCE, Ending.FAILED),
    ],
    ids=["equal", "other", "gone", "silence"],
)
def test_a_small_one_that_is_there_already(looked: Answer, ending: Ending) -> None:
    assert deliver(TAKEN, looked)[0].ending is ending


def test_a_small_one_whose_record_is_empty_can_be_sent_again_later() -> None:
    outcome, asked = deliver(TAKEN, shown(), DELETED)
    assert (outcome.ending, outcome.empty_record) == (Ending.RETRY, "deleted")
    assert asked == [INLINE_POST, LOOK, GONE]


def test_a_large_one_that_is_there_already_is_not_sent() -> None:
    outcome, asked = deliver(TAKEN, shown(LARGE), size=LARGE)
    assert (outcome.ending, asked) == (Ending.DELIVERED, [ANNOUNCE, LOOK])
    outcome, asked = deliver(TAKEN, shown(7), size=LARGE)
    assert (outcome.ending, outcome.problem, asked) == (Ending.FAILED, "provider-refused", [ANNOUNCE, LOOK])


def test_a_large_one_whose_record_is_empty_gets_another_address() -> None:
    outcome, asked = deliver(TAKEN, shown(), reply(place().json), STORED, shown(LARGE), size=LARGE, sha256=SHA)
    assert (outcome.ending, asked) == (Ending.DELIVERED, [ANNOUNCE, LOOK, AGAIN, PUT, LOOK])


def test_a_large_one_whose_record_cannot_be_seen_is_left_alone() -> None:
    for looked, ending in ((MISSING, Ending.FAILED), (message("x", 500), Ending.RETRY), (SILENCE, Ending.RETRY)):
        outcome, asked = deliver(TAKEN, looked, size=LARGE)
        assert (outcome.ending, asked) == (ending, [ANNOUNCE, LOOK])


ENDED = URL.replace("Expires=172800", "Expires=0")


def test_an_address_that_has_ended_is_asked_for_again() -> None:
    answers = place(ENDED), place("https://b.s3.us-east-2.amazonaws.com/2"), STORED, shown(LARGE)
    steps = FORMKIQ.deliver(DOCUMENT, handin(LARGE), account())
    outcome, asked = play(steps, *answers)
    assert (outcome.ending, asked[2].url) == (Ending.DELIVERED, "https://b.s3.us-east-2.amazonaws.com/2")
    outcome, ways = deliver(place(ENDED), place(ENDED), DELETED, size=LARGE)
    assert (outcome.ending, outcome.empty_record) == (Ending.RETRY, "deleted")
    assert ways == [ANNOUNCE, AGAIN, GONE]


@pytest.mark.parametrize(
    "url", [URL, ENDED.replace("Date=2026", "Date=x"), "https://[/", ENDED.replace("=0", "=" + 99 * "9")]
)
def test_any_other_is_taken_as_it_is(url: str) -> None:
    assert deliver(place(url), STORED, shown(LARGE), size=LARGE)[1] == [ANNOUNCE, PUT, LOOK]


# Later


@pytest.mark.parametrize(
    ("answers", "ending", "record"),
    [
        ([shown(10)], Ending.DELIVERED, None),
        ([shown(11)], Ending.UNKNOWN, None),
        ([MISSING], Ending.FAILED, None),
        ([shown(), DELETED], Ending.FAILED, "deleted"),
        ([shown(), SILENCE], Ending.FAILED, "left"),
        ([message("Not Found", 404)], Ending.RETRY, None),
        ([message("x", 500)], Ending.RETRY, None),
        ([message("fkq access denied (x)", 403)], Ending.RETRY, None),
        ([message("Unauthorized", 401)], Ending.CREDENTIAL, None),
        ([SILENCE], Ending.RETRY, None),
        ([reply([])], Ending.RETRY, None),
    ],
    ids=str,
)
def test_it_can_be_looked_for_later(answers: list[Answer], ending: Ending, record: str | None) -> None:
    outcome, _ = play(FORMKIQ.reconcile(DOCUMENT, handin(), account()), *answers)
    assert (outcome.ending, outcome.empty_record) == (ending, record)


#: The id that somebody's own client has for what it handed in.
THEIRS = "0c5b1d62-9f0e-4f6b-8f5e-2f0c6a3d9b11"


def theirs(length: Any = None) -> Reply:
    return reply({"documentId": THEIRS, **({} if length is None else {"contentLength": length})})


@pytest.mark.parametrize(
    ("answer", "ending", "reference"),
    [
        (theirs(10), Ending.DELIVERED, THEIRS),
        (theirs(11), Ending.UNKNOWN, None),
        (theirs(), Ending.FAILED, None),
        (message(f"Document {THEIRS} not found.", 404), Ending.FAILED, None),
        (message("Not Found", 404), Ending.RETRY, None),
        (message("Unauthorized", 401), Ending.CREDENTIAL, None),
        (SILENCE, Ending.RETRY, None),
    ],
)
def test_what_a_client_of_its_own_handed_in_is_looked_for_by_its_id_and_left_alone(
    answer: Answer, ending: Ending, reference: str | None
) -> None:
    sent = handin(baseline={"target": "/bucket/x", "document_id": THEIRS})
    outcome, asked = play(FORMKIQ.reconcile(DOCUMENT, sent, account()), answer)
    assert (outcome.ending, outcome.reference) == (ending, reference)
    assert [(one.method, one.path) for one in asked] == [("GET", f"/documents/{THEIRS}")]


def test_what_was_to_be_told_its_id_by_the_lost_answer_cannot_be_looked_for() -> None:
    outcome, asked = play(FORMKIQ.reconcile(DOCUMENT, handin(baseline={"target": "/documents"}), account()))
    assert (outcome.ending, asked) == (Ending.UNKNOWN, [])


def test_it_is_followed_by_what_the_provider_calls_it() -> None:
    outcome, asked = play(FORMKIQ.follow(DOCUMENT, handin(reference=THEIRS), account()), theirs(10))
    assert (outcome.provider_status, outcome.reference) == ("ready", THEIRS)
    assert asked[0].path == f"/documents/{THEIRS}"


@pytest.mark.parametrize(
    ("answer", "ending", "status"),
    [
        (shown(), Ending.DELIVERED, "processing"),
        (shown(10), Ending.DELIVERED, "ready"),
        (shown(11), Ending.DELIVERED, "failed"),
        (MISSING, Ending.RETRY, None),
        (SILENCE, Ending.RETRY, None),
    ],
)
def test_it_is_followed_until_it_shows(answer: Answer, ending: Ending, status: str | None) -> None:
    outcome, _ = play(FORMKIQ.follow(DOCUMENT, handin(), account()), answer)
    assert (outcome.ending, outcome.provider_status) == (ending, status)


# Who it is spoken to as


def jwt(**claims: Any) -> SecretStr:
    given = {
        "iss": "https://cognito-idp.us-east-2.amazonaws.com/us-east-2_Ab1",
        "token_use": "access",
        "exp": (NOW + timedelta(hours=1)).timestamp(),
        "cognito:groups": ["default", "legal_read"],
    }
    body = base64.urlsafe_b64encode(json.dumps(given | claims).encode()).decode().rstrip("=")
    return SecretStr(f"e30.{body}.c2ln")


def token(**claims: Any) -> dict[str, SecretStr]:
    return {"token": jwt(**claims)}


def renewable(**claims: Any) -> dict[str, SecretStr]:
    return token(**claims) | {"refresh_token": SecretStr("refresh"), "client_id": SecretStr("client")}


KEY = {"key": SecretStr("the key")}
LISTED = reply({"documents": []})


def verify(credential: Mapping[str, SecretStr], *answers: Answer, **settings: str) -> Verdict:
    auth = "key" if "key" in credential else "token"
    verdict: Verdict = play(FORMKIQ.verify(account(auth=auth, **settings), credential, NOW), *answers)[0]
    return verdict


def test_a_key_is_sent_bare_and_a_token_is_not() -> None:
    assert FORMKIQ.headers(account(), KEY) == {"Authorization": "the key"}
    sent = FORMKIQ.headers(account(auth="token"), token())["Authorization"]
    assert sent == f"Bearer {token()['token'].get_secret_value()}"


def test_which_secrets_there_are_goes_by_the_settings() -> None:
    names = [(one.name, one.required) for one in FORMKIQ.credentials({"auth": "token"})]
    assert names == [("token", True), ("refresh_token", False), ("client_id", False)]
    assert [one.name for one in FORMKIQ.credentials({"auth": "key"})] == ["key"]


def test_what_works_is_said_to() -> None:
    verdict = verify(KEY, LISTED)
    assert (verdict.ok, verdict.ends_at) == (True, None)
    verdict = verify(token(), LISTED)
    assert (verdict.ok, verdict.ends_at) == (True, NOW + timedelta(hours=1))
    assert "nothing renews" in verdict.detail
    verdict = verify(renewable(), LISTED)
    assert (verdict.ok, verdict.ends_at) == (True, None)


@pytest.mark.parametrize(
    ("claims", "site", "says"),
    [
        ({"token_use": "id"}, "default", "ID token"),
        ({"token_use": "?"}, "default", "access token is needed"),
        ({"exp": NOW.timestamp()}, "default", "ended at 2026-11-21 20:05 UTC"),
        ({}, "legal", "does not let it write to site “legal” (its groups: default, legal_read)"),
        ({"cognito:groups": []}, "default", "its groups: none"),
    ],
)
def test_what_a_token_cannot_do_is_said_without_a_call(claims: dict[str, Any], site: str, says: str) -> None:
    for credential in (token(**claims), renewable(**claims)):
        verdict = verify(credential, site_id=site)
        assert not verdict.ok
        assert says in verdict.detail


@pytest.mark.parametrize(
    "groups", [{"cognito:groups": ["Admins"]}, {"cognito:groups": None}, {"cognito:groups": ["default"]}]
)
def test_who_may_write_may(groups: dict[str, Any]) -> None:
    assert verify(token(**groups), LISTED).ok


@pytest.mark.parametrize("odd", ["", "key", "a.b.c", "a.é.c", "e30.bnVsbA.c", "e30.W10.c"])
def test_what_is_no_token_is_named(odd: str) -> None:
    verdict = verify({"token": SecretStr(odd)})
    assert (verdict.ok, verdict.detail) == (False, "this is not a token (a JWT)")


@pytest.mark.parametrize(
    "answer",
    [message("Forbidden", 403), message("fkq access denied to siteId (x)", 403), SILENCE, reply([]), reply({})],
)
def test_what_does_not_work_is_said_in_its_words(answer: Answer) -> None:
    verdict = verify(KEY, answer)
    assert not verdict.ok
    assert isinstance(answer, NoAnswer) or not answer.json or answer.json["message"] in verdict.detail


@pytest.mark.parametrize(("minutes", "due"), [(60, False), (11, False), (10, True), (0, True), (-60, True)])
def test_a_token_is_renewed_before_it_ends(minutes: int, due: bool) -> None:
    exp = (NOW + timedelta(minutes=minutes)).timestamp()
    assert FORMKIQ.due(renewable(exp=exp), NOW) is due
    assert not FORMKIQ.due(token(exp=exp), NOW)
    assert not FORMKIQ.due(KEY, NOW)


@pytest.mark.parametrize("odd", [{"exp": None}, {"exp": "soon"}, {"exp": 1e30}])
def test_a_token_without_an_end_is_never_due(odd: dict[str, Any]) -> None:
    assert not FORMKIQ.due(renewable(**odd), NOW)


def test_cognito_is_asked_where_the_token_came_from() -> None:
    result = {"AuthenticationResult": {"AccessToken": jwt(exp=1).get_secret_value(), "ExpiresIn": 3600}}
    new, (asked,) = play(FORMKIQ.renew(account(auth="token"), renewable()), reply(result))
    assert new == {"token": jwt(exp=1)}
    assert (asked.method, asked.url) == ("POST", "https://cognito-idp.us-east-2.amazonaws.com/")
    assert asked.headers["X-Amz-Target"] == "AWSCognitoIdentityProviderService.InitiateAuth"
    assert isinstance(asked.body, Json)
    assert asked.body.value == {
        "AuthFlow": "REFRESH_TOKEN_AUTH",
        "ClientId": "client",
        "AuthParameters": {"REFRESH_TOKEN": "refresh"},
    }
    assert "refresh" not in repr(asked)


def test_a_refresh_token_that_is_rotated_is_kept() -> None:
    result = {"AuthenticationResult": {"AccessToken": jwt().get_secret_value(), "RefreshToken": "next"}}
    new, _ = play(FORMKIQ.renew(account(auth="token"), renewable()), reply(result))
    assert new["refresh_token"] == SecretStr("next")


@pytest.mark.parametrize(
    "issuer",
    [
        "https://evil.example/us-east-2_Ab1",
        "https://cognito-idp.us-east-2.amazonaws.com.evil.example/us-east-2_Ab1",
        "https://cognito-idp.us-east-2.amazonaws.com@evil.example/x",
        "https://cognito-idp.evil.example#.us-east-2.amazonaws.com/x",
        "http://cognito-idp.us-east-2.amazonaws.com/us-east-2_Ab1",
        "http://localhost:8001/formkiq/cognito/us-east-2_sandbox",
        "",
    ],
)
def test_and_nowhere_else(issuer: str) -> None:
    with pytest.raises(Unavailable) as refused:
        play(FORMKIQ.renew(account(auth="token"), renewable(iss=issuer)))
    assert refused.value.outcome.problem == "settings-wrong"


def test_in_the_sandbox_it_is_the_sandbox() -> None:
    settings = {"base_url": "http://localhost:8001/formkiq/jwt", "auth": "token", "site_id": "default"}
    sandbox = Account(environment="sandbox", settings=settings)
    steps = FORMKIQ.renew(sandbox, renewable(iss="http://localhost:8001/formkiq/cognito/us-east-2_sandbox"))
    assert next(steps).url == "http://localhost:8001/formkiq/cognito/"
    with pytest.raises(Unavailable):
        next(FORMKIQ.renew(sandbox, renewable()))


@pytest.mark.parametrize(
    ("answer", "ending"),
    [
        (reply({"__type": "NotAuthorizedException", "message": "Refresh Token has expired"}, 400), Ending.CREDENTIAL),
        (reply({"__type": "a#NotAuthorizedException"}, 400), Ending.CREDENTIAL),
        (reply({"__type": "TooManyRequestsException"}, 400), Ending.RETRY),
        (reply({"__type": "InvalidParameterException"}, 400), Ending.FAILED),
        (reply({"__type": 7, "message": []}, 400), Ending.FAILED),
        (reply({"AuthenticationResult": {"AccessToken": "no token"}}), Ending.RETRY),
        (reply({"AuthenticationResult": []}), Ending.RETRY),
        (reply([]), Ending.RETRY),
        (reply(b"", 500), Ending.RETRY),
        (SILENCE, Ending.RETRY),
    ],
    ids=str,
)
def test_no_new_token_is_unavailable(answer: Answer, ending: Ending) -> None:
    with pytest.raises(Unavailable) as refused:
        play(FORMKIQ.renew(account(auth="token"), renewable()), answer)
    assert refused.value.outcome.ending is ending


# What a connection says


@pytest.mark.parametrize(
    "url", ["https://a.execute-api.us-east-2.amazonaws.com", "https://k.example/v1", "http://127.0.0.1:8001/formkiq"]
)
def test_an_installations_address(url: str) -> None:
    assert Settings(base_url=url, auth="key").site_id == "default"


@pytest.mark.parametrize(
    "url",
    ["k.example", "https://k.example/", "https://a@k.example", "https://k.example?x", "ftp://k.example", "https://"],
)
def test_and_none(url: str) -> None:
    with pytest.raises(ValidationError):
        Settings(base_url=url, auth="key")


def test_only_the_sandbox_is_spoken_to_in_the_clear() -> None:
    for environment, address in (("live", ""), ("test", ""), ("sandbox", "http://k.example")):
        plain = Account(environment=environment, settings={"base_url": "http://k.example", "auth": "key"})
        assert FORMKIQ.base_url(plain, None) == address
    assert FORMKIQ.base_url(account(), None) == "https://k.example"


# What lies there


def test_what_lies_there_is_listed() -> None:
    one = {"documentId": "d1", "path": "a/b.pdf", "contentLength": 7, "contentType": "application/pdf"}
    one["insertedDate"] = "2025-03-04T10:11:12+0000"
    page, (asked,) = play(FORMKIQ.list(account(), "c2"), reply({"documents": [one, "odd", {}], "next": "c3"}))
    assert asked.query == {"limit": "100", "siteId": "default", "next": "c2"}
    (item,) = page.items
    assert (item.id, item.name, item.size, page.next) == ("d1", "a/b.pdf", 7, "c3")
    assert item.created_at == datetime(2025, 3, 4, 10, 11, 12, tzinfo=UTC)
    with pytest.raises(Unavailable):
        play(FORMKIQ.list(account()), reply({"documents": 1}))


def test_one_is_shown_given_and_taken_away() -> None:
    id_ = str(ID)
    assert play(FORMKIQ.get(account(), id_), shown(7))[0].size == 7
    assert play(FORMKIQ.get(account(), id_), MISSING)[0] is None
    asked = play(FORMKIQ.content(account(), id_), place())[0]
    assert (asked.method, asked.url) == ("GET", URL)
    assert play(FORMKIQ.delete(account(), id_), DELETED)[0].ending is Ending.DELIVERED
    assert play(FORMKIQ.delete(account(), id_), MISSING)[0].ending is Ending.DELIVERED
    assert play(FORMKIQ.delete(account(), id_), message("fkq access denied (x)", 403))[0].ending is Ending.FAILED
    for look in (FORMKIQ.get, FORMKIQ.content):
        with pytest.raises(Unavailable):
            play(look(account(), id_), message("x", 500))


def test_an_id_is_no_path() -> None:
    assert next(FORMKIQ.get(account(), "../x?y")).path == "/documents/..%2Fx%3Fy"
