"""Codat's generators, by what is sent into them: no wire, no database."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Generator
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from uuid_utils.compat import uuid7

from app.intake import CollectedFile
from app.providers.base import Account, Ending, HandIn, Outcome, Unavailable, Verdict
from app.providers.codat import BASE_URL, FILE, MOST_PAGES, PAGE_SIZE, Codat, Settings
from app.providers.wire import Answer, FilePart, Multipart, NoAnswer, Outgoing, Reply
from app.words import WORDS

T = Any

COMPANY, CONNECTION = "3f0c9f0e-2a53-4a3b-9d1b-0a4f5d0e7c11", "5b7d0c3a-9be2-4f6c-8d1e-2f3a4b5c6d7e"
#: Late in the evening of the organization, and the next day by Codat's clock.
NOW = datetime.fromisoformat("2026-11-21T20:00:00-06:00")
SINCE = "2026-11-22T02:00:01Z"
CONTENT = b"%PDF-1.7"
SHA = hashlib.sha256(CONTENT).hexdigest()
CODAT = Codat()
ACCOUNT = Account(environment="live", settings={"company_id": COMPANY, "connection_id": CONNECTION})
HOUSE = Account(environment="live", settings={})
KEY = {"key": SecretStr("the key")}
FILES, DOWNLOAD = f"/companies/{COMPANY}/files", f"/companies/{COMPANY}/files/download"


def handin(sha256: str = SHA) -> HandIn:
    source = CollectedFile(name="file", filename="f", content_type="x/y", content=CONTENT, sha256=sha256)
    file = FilePart(name="file", filename="março.pdf", content_type="application/pdf", size=8, source=source)
    return HandIn(id=uuid7(), organization="acme", received_at=NOW, parts={"file": file})


def reply(body: Any = None, status: int = 200, **headers: str) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status=status, headers={name.replace("_", "-"): value for name, value in headers.items()}, body=raw)


def refused(status: int, error: str | None = "No.", **more: Any) -> Reply:
    return reply({"statusCode": 429, "error": error, "correlationId": "c7", "canBeRetried": "Unknown"} | more, status)


def no(cause: Any, *, released: bool) -> NoAnswer:
    return NoAnswer(cause=cause, released=released)


def listed(name: Any = "março.pdf", uploaded: Any = SINCE) -> dict[str, Any]:
    return {"fileName": name, "displayName": None, "sourceType": "Other", "uploaded": uploaded}


def zipped(*contents: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as writing:
        for number, content in enumerate(contents):
            writing.writestr(f"Other/{number}", content)
    return target.getvalue()


def play(steps: Generator[Outgoing, Answer, T], *answers: Answer) -> tuple[T, list[Outgoing]]:
    """Answer each request in turn, a sink with the body; what comes of it, and what was asked."""
    asked: list[Outgoing] = []
    given = iter(answers)
    try:
        asked.append(next(steps))
        while True:
            answer = next(given, None)
            assert answer is not None, "more requests than answers"
            if asked[-1].sink and isinstance(answer, Reply) and answer.ok:
                asked[-1].sink.feed(answer.body)
                answer = Reply(status=answer.status, headers=answer.headers, body=b"")
            asked.append(steps.send(answer))
    except StopIteration as end:
        assert next(given, None) is None, "fewer requests than answers"
        return end.value, asked


def deliver(*answers: Answer, sha256: str = SHA) -> Outcome:
    outcome, asked = play(CODAT.deliver(FILE, handin(sha256), ACCOUNT), *answers)
    assert [one.hands_in for one in asked] == [True] + [False] * (len(asked) - 1)
    assert outcome.problem is None or outcome.problem in WORDS
    assert isinstance(outcome, Outcome)
    return outcome


# What is asked


def test_one_part_named_file() -> None:
    given = handin()
    outcome, (asked,) = play(CODAT.deliver(FILE, given, ACCOUNT), reply(b""))
    assert (asked.method, asked.path) == ("POST", f"/companies/{COMPANY}/connections/{CONNECTION}/files")
    assert isinstance(asked.body, Multipart)
    (part,) = asked.body.parts
    assert (part.name, part.file, part.filename) == ("file", given.parts["file"], None)
    assert (outcome.ending, outcome.reference, outcome.http_status) == (Ending.DELIVERED, None, 200)


def test_the_key_is_sent_alone() -> None:
    sent = CODAT.headers(ACCOUNT, KEY)["Authorization"]
    assert base64.b64decode(sent.removeprefix("Basic ")) == b"the key"
    assert CODAT.headers(ACCOUNT, {"key": SecretStr(sent)})["Authorization"] == sent


def test_where_it_is() -> None:
    assert CODAT.base_url(ACCOUNT, "http://localhost:1") == BASE_URL
    sandbox = Account(environment="sandbox", settings=ACCOUNT.settings)
    assert CODAT.base_url(sandbox, "http://localhost:1") == "http://localhost:1/codat"
    assert CODAT.base_url(sandbox, None) == ""


def test_ids_are_uuids() -> None:
    given = Settings.model_validate({"company_id": COMPANY, "connection_id": CONNECTION}).model_dump(mode="json")
    assert given == ACCOUNT.settings
    with pytest.raises(ValidationError):
        Settings.model_validate({"company_id": "../x", "connection_id": CONNECTION})


# What it says


@pytest.mark.parametrize(
    ("answer", "ending", "problem"),
    [
        (refused(400), Ending.FAILED, "provider-refused"),
        (refused(401), Ending.CREDENTIAL, "credential-refused"),
        (refused(402), Ending.FAILED, "plan-not-allowed"),
        (refused(403), Ending.FAILED, "settings-wrong"),
        (reply(b"<html>", 403), Ending.FAILED, "provider-error"),
        (refused(404), Ending.FAILED, "settings-wrong"),
        (refused(413), Ending.FAILED, "provider-refused"),
        (refused(429), Ending.RETRY, "provider-busy"),
        (refused(429, canBeRetried="False"), Ending.RETRY, "provider-busy"),
        (reply(b"", 302), Ending.FAILED, "provider-error"),
        (no("connect", released=False), Ending.RETRY, "provider-unreachable"),
        (no("reset", released=False), Ending.RETRY, "provider-unreachable"),
        (no("egress", released=False), Ending.FAILED, "settings-wrong"),
        (no("withdrawn", released=False), Ending.FAILED, "interrupted"),
    ],
    ids=str,
)
def test_a_clear_no_needs_no_look(answer: Answer, ending: Ending, problem: str) -> None:
    outcome = deliver(answer)
    assert (outcome.ending, outcome.problem) == (ending, problem)


def test_its_words_are_kept() -> None:
    faults = [{"itemId": "1", "message": "No."}, {"message": "Nor that."}, {"message": 7}, "odd"]
    outcome = deliver(refused(400, validation={"errors": faults, "warnings": []}))
    assert (outcome.message, outcome.log_id, outcome.http_status) == ("No.; Nor that.", "c7", 400)


def test_how_long_to_wait() -> None:
    date, reset = "Sat, 21 Nov 2026 23:59:30 GMT", "2026-11-22T00:00:00Z"
    assert deliver(reply({}, 429, retry_after="30", x_rate_limit_reset=reset, date=date)).retry_after == 30.0
    assert deliver(reply({}, 429, x_rate_limit_reset=reset, date=date)).retry_after == 30.0
    assert deliver(reply({}, 400, x_rate_limit_reset=reset, date=date)).retry_after is None


# In doubt

DOUBTS = pytest.mark.parametrize(
    ("answer", "said_no"),
    [
        (no("timeout", released=True), False),
        (no("truncated", released=True), False),
        (reply({}, 201), False),
        (reply(b"", 204), False),
        (refused(500), True),
        (refused(503), True),
        (reply(b"", 408), True),
    ],
    ids=str,
)


@DOUBTS
def test_in_doubt_it_is_looked_for(answer: Answer, said_no: bool) -> None:
    assert deliver(answer, reply([listed()]), reply(zipped(b"other", CONTENT))).ending is Ending.DELIVERED
    gone = Ending.RETRY if said_no else Ending.UNKNOWN
    assert deliver(answer, reply([])).ending is gone
    assert deliver(answer, reply([listed()]), reply(zipped(b"other"))).ending is gone


@DOUBTS
@pytest.mark.parametrize("look", [refused(500), refused(401), reply({}), no("timeout", released=True)], ids=str)
def test_a_look_that_fails_leaves_it_unknown(answer: Answer, said_no: bool, look: Answer) -> None:
    for looks in ([look], [reply([listed()]), refused(500)], [reply([listed()]), reply(b"no archive")]):
        outcome = deliver(answer, *looks)
        assert (outcome.ending, outcome.problem) == (Ending.UNKNOWN, "unconfirmed")


def test_what_says_that_it_cannot_be_retried_is_not() -> None:
    assert deliver(refused(500, canBeRetried="False"), reply([])).ending is Ending.FAILED


# Later


def reconcile(*answers: Answer, sha256: str = SHA) -> tuple[Outcome, list[Outgoing]]:
    return play(CODAT.reconcile(FILE, handin(sha256), ACCOUNT), *answers)


def test_it_is_found_by_its_name_and_then_by_its_bytes() -> None:
    outcome, asked = reconcile(reply([listed("other.pdf"), listed()]), reply(zipped(CONTENT)))
    assert [(one.method, one.path, dict(one.query)) for one in asked] == [
        ("GET", FILES, {}),
        ("GET", DOWNLOAD, {"date": "2026-11-22"}),
    ]
    assert outcome.ending is Ending.DELIVERED


def test_a_day_that_changes_meanwhile_is_two() -> None:
    late = handin()
    late = HandIn(
        id=late.id, organization="acme", received_at=datetime(2026, 11, 21, 23, 59, 59, tzinfo=UTC), parts=late.parts
    )
    both = [listed(uploaded="2026-11-21T23:59:59Z"), listed(uploaded="2026-11-22T00:00:01")]
    steps = CODAT.reconcile(FILE, late, ACCOUNT)
    outcome, asked = play(steps, reply(both), reply(zipped(b"other")), reply(zipped(CONTENT)))
    assert [one.query.get("date") for one in asked] == [None, "2026-11-21", "2026-11-22"]
    assert outcome.ending is Ending.DELIVERED


@pytest.mark.parametrize(
    "entry",
    [
        listed("other.pdf"),
        listed(uploaded="2026-11-22T01:54:59Z"),
        listed(uploaded="2026-11-22T14:00:01Z"),
        listed(uploaded=None),
        listed(uploaded="soon"),
        "odd",
    ],
    ids=str,
)
def test_what_is_another_is_not_it(entry: Any) -> None:
    assert reconcile(reply([entry]))[0].ending is Ending.FAILED


@pytest.mark.parametrize("entry", [listed("março.pdf"), listed(None), listed(uploaded="2026-11-22T01:55:00Z")], ids=str)
def test_what_may_be_it_is_looked_into(entry: Any) -> None:
    assert reconcile(reply([entry]), reply(zipped(CONTENT)))[0].ending is Ending.DELIVERED


@pytest.mark.parametrize(
    ("answers", "ending"),
    [
        ([refused(401)], Ending.CREDENTIAL),
        ([refused(404)], Ending.RETRY),
        ([refused(500)], Ending.RETRY),
        ([no("timeout", released=True)], Ending.RETRY),
        ([reply([listed()]), refused(404)], Ending.RETRY),
        ([reply([listed()]), reply(b"", 204)], Ending.RETRY),
        ([reply([listed()]), reply(b"no archive")], Ending.UNKNOWN),
        ([reply([listed()]), reply(zipped(b"other"))], Ending.FAILED),
        ([reply([listed(), listed("other.pdf")]), reply(zipped(b"other"))], Ending.UNKNOWN),
        ([reply([listed(), listed("other.pdf")]), reply(zipped(CONTENT))], Ending.DELIVERED),
    ],
    ids=str,
)
def test_what_a_later_look_comes_to(answers: list[Answer], ending: Ending) -> None:
    assert reconcile(*answers)[0].ending is ending


def test_without_its_hash_nothing_can_be_told() -> None:
    assert reconcile(reply([listed()]), sha256="")[0].ending is Ending.UNKNOWN
    assert reconcile(reply([]), sha256="")[0].ending is Ending.FAILED


# Whether it works


def connection(id: str = CONNECTION, name: Any = "Banking file upload") -> dict[str, Any]:  # noqa: A002
    return {"id": id, "platformName": name, "status": "Linked"}


def verify(*answers: Answer, account: Account = ACCOUNT) -> Verdict:
    verdict: Verdict = play(CODAT.verify(account, KEY, NOW), *answers)[0]
    return verdict


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Accounting file upload", "accounting"),
        ("Banking File Upload", "banking"),
        ("Business documents file upload", "business documents"),
    ],
)
def test_its_kind_is_shown(name: str, kind: str) -> None:
    other = connection("other", "Xero")
    verdict = verify(reply({"results": [other, connection(CONNECTION.upper(), name)], "totalResults": 2}))
    assert (verdict.ok, verdict.detail) == (True, f"the connection takes {kind} files")


def test_another_kind_and_none_are_named() -> None:
    verdict = verify(reply({"results": [connection(name="Xero")]}))
    assert (verdict.ok, "(Xero) takes no files" in verdict.detail) == (False, True)
    verdict = verify(reply({"results": [connection("other"), connection("another", None)]}))
    assert (verdict.ok, "it has: banking, one without a name" in verdict.detail) == (False, True)
    assert "it has: none" in verify(reply({"results": []})).detail


def test_all_pages_are_looked_through_but_not_for_ever() -> None:
    full = reply({"results": [connection(str(number)) for number in range(PAGE_SIZE)]})
    assert verify(full, full, reply({"results": [connection()]})).ok
    assert not verify(*[full] * MOST_PAGES).ok


@pytest.mark.parametrize("answer", [refused(401), refused(403), reply({}), reply([]), no("timeout", released=True)])
def test_what_does_not_work_is_said_in_its_words(answer: Answer) -> None:
    for account in (ACCOUNT, HOUSE):
        verdict = verify(answer, account=account)
        assert not verdict.ok
        assert not (isinstance(answer, Reply) and answer.status > 400) or "No." in verdict.detail


def test_a_houses_key_is_tried_alone() -> None:
    assert verify(reply({"results": []}), account=HOUSE).ok


# What lies there


def test_what_lies_there_goes_by_days() -> None:
    early = {"fileName": "a.pdf", "displayName": "March", "uploaded": "2025-03-04T10:11:12"}
    page, (asked,) = play(CODAT.list(ACCOUNT), reply([early, listed(None), {"fileName": "undated"}]))
    assert asked.path == FILES
    assert [(one.id, one.name) for one in page.items] == [
        ("2026-11-22", "a file without a name"),
        ("2025-03-04", "March"),
    ]
    assert page.items[1].created_at == datetime(2025, 3, 4, 10, 11, 12, tzinfo=UTC)
    asked, before = play(CODAT.content(ACCOUNT, "2025-03-04"))
    assert (asked.path, asked.query, before) == (DOWNLOAD, {"date": "2025-03-04"}, [])


def test_what_cannot_be_shown_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        play(CODAT.list(ACCOUNT), reply({"results": []}))
    with pytest.raises(Unavailable):
        play(CODAT.content(ACCOUNT, "a/b"))
