"""Facturapi's generators, by what is sent into them: no wire, no database."""

from __future__ import annotations

import json
from collections.abc import Generator
from datetime import datetime
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from uuid_utils.compat import uuid7

from app.intake import CollectedFile
from app.providers.base import Account, Ending, HandIn, Listed, Outcome, Unavailable, Verdict
from app.providers.facturapi import BASE_URL, CERTIFICATE, FIEL, LEGAL, LOGO, Facturapi
from app.providers.facturapi_replies import SETTINGS, VERDICTS
from app.providers.operation import Operation
from app.providers.wire import Answer, FilePart, Json, Multipart, NoAnswer, Outgoing, OutgoingPart, Reply
from app.words import CERTIFICATE as SAID
from app.words import WORDS

ID = "5a2a307be93a2f00129ea035"
NUMBER, OTHER = "30001000000500003416", "00001000000500009999"
FACTS = {
    "number": NUMBER,
    "rfc": "EKU9003173C9",
    "not_before": "2023-05-18T11:43:51+00:00",
    "not_after": "2027-05-18T11:43:51+00:00",
    "test": True,
}
EARLIER, LATER = "2026-01-15T10:31:00.000Z", "2026-11-21T10:31:00.000Z"
NOW = datetime.fromisoformat(LATER)
FACTURAPI = Facturapi()
OPERATIONS = pytest.mark.parametrize("operation", [CERTIFICATE, FIEL, LOGO], ids=lambda one: one.name)
SEALS = pytest.mark.parametrize("operation", [CERTIFICATE, FIEL], ids=lambda one: one.name)

T = Any

SOURCE = CollectedFile(name="file", filename="f", content_type="x/y", content=b"c", sha256="")


def account(environment: str = "sandbox", **settings: str) -> Account:
    return Account(environment=environment, settings=settings or {"organization_id": ID})


def part(name: str) -> FilePart:
    return FilePart(name=name, filename="mío.cer", content_type="x/y", size=1, source=SOURCE)


def handin(operation: Operation = CERTIFICATE, **more: Any) -> HandIn:
    facts = {"file": {"format": "png", "width": 1, "height": 1}} if operation is LOGO else FACTS
    secrets = {} if operation is LOGO else {"password": SecretStr("secreta")}
    given: dict[str, Any] = {
        "id": uuid7(),
        "organization": "acme",
        "received_at": datetime.fromisoformat(LATER),
        "parts": {one.name: part(one.name) for one in operation.parts},
        "secrets": secrets,
        "facts": facts,
    }
    return HandIn(**given | more)


def _parts(outgoing: Outgoing) -> tuple[OutgoingPart, ...]:
    assert isinstance(outgoing.body, Multipart)
    return outgoing.body.parts


def reply(body: Any, status: int = 200, **headers: str) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status=status, headers={name.replace("_", "-"): value for name, value in headers.items()}, body=raw)


def refused(status: int, code: str, **headers: str) -> Reply:
    return reply({"ok": False, "status": status, "code": code, "message": "No."}, status, **headers)


def shown(operation: Operation, serial: str | None = None, updated_at: str = EARLIER, **more: Any) -> Reply:
    """The organization, holding that certificate (for a logo: one at that address)."""
    held: dict[str, Any] = {}
    if operation is LOGO:
        held = {"logo_url": serial}
    elif serial:
        held = {operation.name: {"has_certificate": True, "serial_number": serial, "updated_at": updated_at} | more}
    steps = [{"type": "manifiesto", "description": "Firma la carta manifiesto"}, {"type": "legal"}, "odd", {}]
    return reply({"id": ID, "pending_steps": steps, **held}, x_facturapi_log_id="log7")


def no(cause: Any, *, released: bool) -> NoAnswer:
    return NoAnswer(cause=cause, released=released)


def play(steps: Generator[Outgoing, Answer, T], *answers: Answer) -> tuple[T, list[Outgoing]]:
    """Answer each request in turn; what comes of it, and what was asked."""
    asked = [next(steps)]
    given = iter(answers)
    try:
        while True:
            asked.append(steps.send(next(given)))
    except StopIteration as end:
        assert next(given, None) is None, "fewer requests than answers"
        return end.value, asked


def deliver(*answers: Answer, operation: Operation = CERTIFICATE, environment: str = "sandbox", **more: Any) -> Outcome:
    steps = FACTURAPI.deliver(operation, handin(operation, **more), account(environment))
    outcome: Outcome = play(steps, *answers)[0]
    return outcome


def ours(operation: Operation) -> str:
    return "https://cdn.example/new.png" if operation is LOGO else NUMBER


# What is asked


@OPERATIONS
def test_it_looks_sends_and_is_done(operation: Operation) -> None:
    given = handin(operation)
    steps = FACTURAPI.deliver(operation, given, account())
    outcome, asked = play(steps, shown(operation), shown(operation, ours(operation)))
    assert [(one.method, one.path) for one in asked] == [
        ("GET", f"/organizations/{ID}"),
        ("PUT", f"/organizations/{ID}/{operation.name}"),
    ]
    assert [one.carries_file for one in asked] == [False, True]
    assert outcome.ending is Ending.DELIVERED
    assert (outcome.reference, outcome.log_id, outcome.http_status) == (ID, "log7", 200)
    assert outcome.facts == {"pending_steps": ["Firma la carta manifiesto", "legal"]}


@SEALS
def test_the_parts_are_the_vendors_in_the_vendors_order(operation: Operation) -> None:
    _, asked = play(
        FACTURAPI.deliver(operation, handin(operation), account()), shown(operation), shown(operation, NUMBER)
    )
    cer, key, password = _parts(asked[1])
    assert (cer.name, cer.filename, cer.content_type) == ("cer", "certificate.cer", "application/octet-stream")
    assert (key.name, key.filename, key.content_type) == ("key", "certificate.key", "application/octet-stream")
    assert (password.name, password.file) == ("password", None)
    assert isinstance(password.value, SecretStr)
    assert "secreta" not in repr(asked)


@pytest.mark.parametrize(
    ("format_", "filename", "content_type"),
    [
        ("png", "logo.png", "image/png"),
        ("jpeg", "logo.jpg", "image/jpeg"),
        ("bmp", "file", "application/octet-stream"),
    ],
)
def test_a_logo_is_called_by_its_bytes(format_: str, filename: str, content_type: str) -> None:
    given = handin(LOGO, facts={"file": {"format": format_}})
    _, asked = play(FACTURAPI.deliver(LOGO, given, account()), shown(LOGO), shown(LOGO, "https://cdn.example/l"))
    (file,) = _parts(asked[1])
    assert (file.name, file.filename, file.content_type) == ("file", filename, content_type)


def test_what_is_held_is_remembered_with_the_mark() -> None:
    _, asked = play(
        FACTURAPI.deliver(CERTIFICATE, handin(), account()), shown(CERTIFICATE, OTHER), shown(CERTIFICATE, NUMBER)
    )
    assert asked[1].baseline == {"serial": OTHER, "updated_at": EARLIER}
    _, asked = play(FACTURAPI.deliver(LOGO, handin(LOGO), account()), shown(LOGO, "a"), shown(LOGO, "b"))
    assert asked[1].baseline == {"logo_url": "a"}


# What is replaced


@SEALS
def test_an_older_one_asks_first(operation: Operation) -> None:
    later = "2028-05-18T11:43:51.000Z"
    outcome = deliver(shown(operation, OTHER, expires_at=later), operation=operation)
    assert (outcome.ending, outcome.problem) == (Ending.REJECTED, "older_certificate")
    assert outcome.params == {
        "held_date": datetime.fromisoformat(later),
        "date": datetime.fromisoformat(FACTS["not_after"]),  # type: ignore[arg-type]
    }
    assert SAID["older_certificate"] % outcome.params


@pytest.mark.parametrize(
    "expires_at",
    ["2027-05-18T11:43:51.000Z", "2025-01-01T00:00:00.000Z", None, "soon", "2028-05-18T11:43:51", 17],
    ids=["equal", "sooner", "none", "no date", "no zone", "no text"],
)
def test_what_does_not_end_later_for_sure_asks_nothing(expires_at: Any) -> None:
    outcome = deliver(shown(CERTIFICATE, OTHER, expires_at=expires_at), shown(CERTIFICATE, NUMBER))
    assert outcome.ending is Ending.DELIVERED


def test_a_test_certificate_asks_first_where_it_is_live() -> None:
    outcome = deliver(shown(CERTIFICATE, OTHER), environment="live")
    assert (outcome.ending, outcome.problem) == (Ending.REJECTED, "test_certificate")
    assert SAID["test_certificate"] % outcome.params


@pytest.mark.parametrize(
    ("environment", "test"), [("live", False), ("test", True), ("sandbox", True)], ids=["real", "test", "sandbox"]
)
def test_and_nowhere_else(environment: str, test: bool) -> None:
    answers = shown(CERTIFICATE, OTHER), shown(CERTIFICATE, NUMBER)
    outcome = deliver(*answers, environment=environment, facts=FACTS | {"test": test})
    assert outcome.ending is Ending.DELIVERED


def test_who_said_yes_is_not_asked() -> None:
    held = shown(CERTIFICATE, OTHER, expires_at="2028-05-18T11:43:51.000Z")
    assert deliver(held, shown(CERTIFICATE, NUMBER), environment="live", replace=True).ending is Ending.DELIVERED


def test_an_equal_one_goes_again_unasked() -> None:
    held = shown(CERTIFICATE, NUMBER, expires_at="2028-05-18T11:43:51.000Z")
    assert deliver(held, shown(CERTIFICATE, NUMBER, LATER), environment="live").ending is Ending.DELIVERED


# What the look comes to


def told(answer: Answer) -> str | None:
    """The code that an outcome has from an answer."""
    if isinstance(answer, NoAnswer):
        return answer.cause
    return answer.json.get("code") if isinstance(answer.json, dict) else None


@pytest.mark.parametrize(
    ("answer", "ending", "problem"),
    [
        (no("egress", released=False), Ending.FAILED, "settings-wrong"),
        (no("connect", released=False), Ending.RETRY, "provider-unreachable"),
        (no("timeout", released=True), Ending.RETRY, "provider-too-slow"),
        (no("reset", released=True), Ending.RETRY, "provider-unreachable"),
        (no("truncated", released=True), Ending.RETRY, "provider-unreachable"),
        (refused(401, "api_key_invalid"), Ending.CREDENTIAL, "credential-refused"),
        (refused(403, "something"), Ending.CREDENTIAL, "credential-refused"),
        (reply(b"<html>", 403), Ending.FAILED, "provider-error"),  # a firewall, which judges no key
        (reply(b"", 401), Ending.CREDENTIAL, "credential-refused"),
        *[(refused(401, code), Ending.FAILED, "settings-wrong") for code in sorted(SETTINGS)],
        (refused(404, "organization_not_found"), Ending.FAILED, "settings-wrong"),
        (refused(402, "plan"), Ending.FAILED, "plan-not-allowed"),
        (refused(429, "rate_limit_exceeded"), Ending.RETRY, "provider-busy"),
        (refused(500, "internal_error"), Ending.RETRY, "provider-error"),
        (refused(503, "not_found"), Ending.RETRY, "provider-error"),
        (reply(b"<html>"), Ending.RETRY, "provider-error"),
        (reply([ID]), Ending.RETRY, "provider-error"),
        (reply({"id": "another"}), Ending.RETRY, "provider-error"),
    ],
)
@OPERATIONS
def test_a_look_without_an_answer_sends_nothing(
    answer: Answer, ending: Ending, problem: str, operation: Operation
) -> None:
    outcome = deliver(answer, operation=operation)
    assert (outcome.ending, outcome.problem) == (ending, problem)
    assert outcome.code == (
        answer.cause
        if isinstance(answer, NoAnswer)
        else (answer.json or {}).get("code")
        if isinstance(answer.json, dict)
        else None
    )
    assert problem in WORDS


# What the answer comes to


@pytest.mark.parametrize("code", sorted(VERDICTS))
def test_each_code_is_one_of_our_verdicts(code: str) -> None:
    before = reply({"id": ID, "legal": {"tax_id": "CACX7605101P8"}})
    outcome = deliver(before, refused(400, code, x_facturapi_log_id="log7"))
    problem, field = VERDICTS[code]
    assert (outcome.ending, outcome.problem, outcome.field) == (Ending.FAILED, problem, field)
    assert (outcome.code, outcome.message, outcome.log_id, outcome.http_status) == (code, "No.", "log7", 400)
    assert WORDS[problem] % outcome.params


@pytest.mark.parametrize(
    ("code", "problem", "field"),
    [
        ("private_key_password_incorrect", "wrong_password", "password"),
        ("private_key_certificate_mismatch", "pair_mismatch", "key"),
        ("certificate_expired", "expired", "cer"),
        ("certificate_not_yet_valid", "not_yet_valid", "cer"),
        ("csd_required", "fiel_not_csd", "cer"),
        ("fiel_required", "csd_not_fiel", "cer"),
        ("certificate_invalid", "revoked", "cer"),
        ("fiel_invalid", "revoked", "cer"),
        ("certificate_previous_rfc_mismatch", "rfc_mismatch", "cer"),
    ],
)
def test_the_verdicts_that_matter_most(code: str, problem: str, field: str) -> None:
    assert VERDICTS[code] == (problem, field)


def test_whose_rfc_it_is_not_is_said_or_left_to_the_provider() -> None:
    outcome = deliver(
        reply({"id": ID, "legal": {"tax_id": "CACX7605101P8"}}), refused(400, "certificate_previous_rfc_mismatch")
    )
    assert outcome.params == {"rfc": "EKU9003173C9", "expected": "CACX7605101P8"}
    outcome = deliver(reply({"id": ID, "legal": {"tax_id": ""}}), refused(400, "certificate_fiel_rfc_mismatch"))
    assert (outcome.problem, outcome.params) == ("provider-refused", {})


@pytest.mark.parametrize(
    ("answer", "ending", "problem"),
    [
        (refused(400, "invalid_request"), Ending.FAILED, "provider-refused"),
        (refused(409, "conflict"), Ending.FAILED, "provider-refused"),
        (refused(413, "payload_too_large"), Ending.FAILED, "provider-refused"),
        (refused(422, "odd"), Ending.FAILED, "provider-refused"),
        (reply(b"no", 400), Ending.FAILED, "provider-refused"),
        (reply([], 400), Ending.FAILED, "provider-refused"),
        (refused(401, "unauthorized"), Ending.CREDENTIAL, "credential-refused"),
        (refused(401, "api_key_not_allowed"), Ending.FAILED, "settings-wrong"),
        (refused(402, "plan"), Ending.FAILED, "plan-not-allowed"),
        (refused(429, "rate_limit_exceeded", retry_after="2"), Ending.RETRY, "provider-busy"),
        (reply(b"", 302), Ending.FAILED, "provider-error"),
        (no("connect", released=False), Ending.RETRY, "provider-unreachable"),
        (no("reset", released=False), Ending.RETRY, "provider-unreachable"),
        (no("timeout", released=False), Ending.RETRY, "provider-too-slow"),
        (no("egress", released=False), Ending.FAILED, "settings-wrong"),
    ],
)
@OPERATIONS
def test_a_clear_no_needs_no_second_look(answer: Answer, ending: Ending, problem: str, operation: Operation) -> None:
    outcome = deliver(shown(operation), answer, operation=operation)
    assert (outcome.ending, outcome.problem) == (ending, problem)


def test_how_long_to_wait_is_kept() -> None:
    assert deliver(shown(CERTIFICATE), refused(429, "rate_limit_exceeded", retry_after="2")).retry_after == 2.0


DOUBTS = pytest.mark.parametrize(
    ("answer", "erred"),
    [
        (no("timeout", released=True), False),
        (no("reset", released=True), False),
        (no("truncated", released=True), False),
        (reply(b"<html>"), False),
        (reply({}), False),
        (reply(b"", 204), False),
        (refused(500, "internal_error"), True),
        (refused(503, "certificate_invalid"), True),
        (refused(408, "timeout"), True),
        (refused(425, "early"), True),
    ],
    ids=str,
)


@DOUBTS
@OPERATIONS
def test_in_doubt_it_is_there(answer: Answer, erred: bool, operation: Operation) -> None:
    outcome = deliver(shown(operation, OTHER), answer, shown(operation, ours(operation), LATER), operation=operation)
    assert (outcome.ending, outcome.reference) == (Ending.DELIVERED, ID)


@DOUBTS
@SEALS
def test_in_doubt_it_is_not_there(answer: Answer, erred: bool, operation: Operation) -> None:
    """Its own word for its failure is believed when nothing has changed; silence may still be at work."""
    outcome = deliver(shown(operation, OTHER), answer, shown(operation, OTHER), operation=operation)
    expected = (Ending.FAILED, "provider-error") if erred else (Ending.UNKNOWN, "unconfirmed")
    assert (outcome.ending, outcome.problem) == expected


@DOUBTS
def test_in_doubt_the_equal_one_is_told_by_when_it_changed(answer: Answer, erred: bool) -> None:
    outcome = deliver(shown(CERTIFICATE, NUMBER), answer, shown(CERTIFICATE, NUMBER))
    assert outcome.ending is (Ending.FAILED if erred else Ending.UNKNOWN)
    outcome = deliver(shown(CERTIFICATE, NUMBER), answer, shown(CERTIFICATE, NUMBER, LATER))
    assert outcome.ending is Ending.DELIVERED


@DOUBTS
@pytest.mark.parametrize("look", [no("connect", released=False), reply(b"?"), refused(401, "x")], ids=str)
@OPERATIONS
def test_in_doubt_and_nothing_to_see_is_unknown(
    answer: Answer, erred: bool, look: Answer, operation: Operation
) -> None:
    outcome = deliver(shown(operation), answer, look, operation=operation)
    assert (outcome.ending, outcome.problem) == (Ending.UNKNOWN, "unconfirmed")


@DOUBTS
def test_in_doubt_and_something_else_there_is_unknown(answer: Answer, erred: bool) -> None:
    outcome = deliver(shown(CERTIFICATE), answer, shown(CERTIFICATE, OTHER, LATER))
    assert outcome.ending is Ending.UNKNOWN


@pytest.mark.parametrize(
    ("before", "after", "ending"),
    [
        (None, None, Ending.FAILED),
        (None, "a", Ending.DELIVERED),
        ("a", "b", Ending.DELIVERED),
        ("a", "a", Ending.UNKNOWN),
        ("a", None, Ending.UNKNOWN),
    ],
)
def test_in_doubt_a_logo_is_told_by_its_address(before: str | None, after: str | None, ending: Ending) -> None:
    outcome = deliver(shown(LOGO, before), refused(500, "internal_error"), shown(LOGO, after), operation=LOGO)
    assert outcome.ending is ending


@SEALS
def test_a_yes_that_shows_another_is_looked_into(operation: Operation) -> None:
    answers = shown(operation), shown(operation, OTHER, LATER), shown(operation, NUMBER, LATER)
    assert deliver(*answers, operation=operation).ending is Ending.DELIVERED


# Later


@pytest.mark.parametrize(
    ("looked", "ending"),
    [
        (shown(CERTIFICATE, NUMBER, LATER), Ending.DELIVERED),
        (shown(CERTIFICATE, OTHER), Ending.FAILED),
        (shown(CERTIFICATE, OTHER, LATER), Ending.UNKNOWN),
        (shown(CERTIFICATE, NUMBER), Ending.UNKNOWN),
        (shown(CERTIFICATE), Ending.UNKNOWN),
        (no("timeout", released=True), Ending.RETRY),
        (reply(b"?"), Ending.RETRY),
        (refused(404, "organization_not_found"), Ending.RETRY),
        (refused(429, "rate_limit_exceeded"), Ending.RETRY),
        (refused(401, "api_key_invalid"), Ending.CREDENTIAL),
    ],
    ids=str,
)
def test_a_later_look(looked: Answer, ending: Ending) -> None:
    given = handin(parts={}, secrets={}, baseline={"serial": OTHER, "updated_at": EARLIER})
    outcome, asked = play(FACTURAPI.reconcile(CERTIFICATE, given, account()), looked)
    assert outcome.ending is ending
    assert [one.method for one in asked] == ["GET"]


# The connection


@pytest.mark.parametrize("environment", ["live", "test"])
def test_there_is_one_address_for_what_is_real(environment: str) -> None:
    assert FACTURAPI.base_url(account(environment), "http://127.0.0.1:8001") == BASE_URL


def test_the_sandbox_is_where_the_settings_say() -> None:
    assert FACTURAPI.base_url(account(), "http://127.0.0.1:8001") == "http://127.0.0.1:8001/facturapi/v2"
    assert FACTURAPI.base_url(account(), None) == ""


def test_the_key_is_a_bearers() -> None:
    assert FACTURAPI.headers(account(), {"key": SecretStr("sk_user_a")}) == {"Authorization": "Bearer sk_user_a"}


@pytest.mark.parametrize("wrong", ["", "me", "5A2A307BE93A2F00129EA035", ID + "0", f"{ID}\n", "../organizations"])
def test_an_organizations_id_is_24_digits(wrong: str) -> None:
    with pytest.raises(ValidationError):
        FACTURAPI.settings.model_validate({"organization_id": wrong})


def test_settings_are_those_and_no_others() -> None:
    assert FACTURAPI.settings.model_validate({"organization_id": ID}).model_dump() == {"organization_id": ID}
    with pytest.raises(ValidationError):
        FACTURAPI.settings.model_validate({"organization_id": ID, "key": "sk_live_a"})


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (
            reply({"id": ID, "legal": {"legal_name": "ESCUELA", "name": "Kemper", "tax_id": "EKU9003173C9"}}),
            Verdict(ok=True, detail="ESCUELA, RFC EKU9003173C9"),
        ),
        (reply({"id": ID, "legal": {"name": "Kemper"}}), Verdict(ok=True, detail="Kemper, RFC not known there yet")),
        (reply({"id": ID}), Verdict(ok=True, detail="an organization without a name, RFC not known there yet")),
        (refused(401, "api_key_invalid"), Verdict(ok=False, detail="credential-refused: No.; api_key_invalid; 401")),
        (reply(b"?"), Verdict(ok=False, detail="provider-error: 200")),
        (no("connect", released=False), Verdict(ok=False, detail="provider-unreachable: connect")),
    ],
)
def test_a_connection_is_tried(answer: Answer, verdict: Verdict) -> None:
    assert play(FACTURAPI.verify(account(), {}, NOW), answer)[0] == verdict


def test_a_house_connection_is_tried_by_the_list() -> None:
    house = Account(environment="live", settings={})
    verdict, asked = play(FACTURAPI.verify(house, {}, NOW), reply({"total_results": 3, "data": []}))
    assert verdict == Verdict(ok=True, detail="the account has 3 organizations")
    assert (asked[0].path, asked[0].query) == ("/organizations", {"limit": "1"})
    assert not play(FACTURAPI.verify(house, {}, NOW), refused(401, "api_key_invalid"))[0].ok
    assert not play(FACTURAPI.verify(house, {}, NOW), no("reset", released=True))[0].ok


def test_what_lies_there_is_listed() -> None:
    certificate = {"serial_number": NUMBER, "updated_at": EARLIER, "expires_at": LATER}
    body = {"id": ID, "certificate": certificate, "fiel": {"has_certificate": False}, "logo_url": "https://cdn/l"}
    listed, _ = play(FACTURAPI.list(account()), reply(body))
    assert listed.items == (
        Listed(
            id=NUMBER,
            name="certificate",
            created_at=datetime.fromisoformat(EARLIER),
            ends_at=datetime.fromisoformat(LATER),
        ),
        Listed(id="https://cdn/l", name="logo"),
    )
    with pytest.raises(Unavailable):
        play(FACTURAPI.list(account()), no("reset", released=True))


# Legal data

FIELDS = {"name": "Kemper", "legal_name": "Escuela Kemper Urgate", "tax_system": "601", "zip": "26015"}
HELD = {"name": "KEMPER", "legal_name": "ESCUELA  KEMPER URGATE", "tax_system": "601", "address": {"zip": "26015"}}
EMPTY = {"name": "", "legal_name": "", "tax_system": "", "address": {"zip": ""}}


def known(legal: Any = EMPTY) -> Reply:
    return reply({"id": ID, "legal": legal, "pending_steps": [{"type": "certificate"}]})


def legal(*answers: Answer, **more: Any) -> tuple[Outcome, list[Outgoing]]:
    given = handin(LEGAL, **{"fields": FIELDS, "facts": {}, "secrets": {}} | more)
    return play(FACTURAPI.deliver(LEGAL, given, account()), *answers)


def test_legal_data_goes_without_a_file() -> None:
    fields = FIELDS | {"street": " Av. Uno ", "phone": "", "website": "https://kemper.example"}
    outcome, (look, put) = legal(known(), known(HELD), fields=fields)
    assert (look.method, look.hands_in) == ("GET", False)
    assert (put.method, put.path, put.without_file, put.hands_in) == ("PUT", f"/organizations/{ID}/legal", True, True)
    assert isinstance(put.body, Json)
    assert put.body.value == {
        "name": "Kemper",
        "legal_name": "Escuela Kemper Urgate",
        "tax_system": "601",
        "website": "https://kemper.example",
        "address": {"zip": "26015", "street": "Av. Uno"},
    }
    assert (outcome.ending, outcome.facts) == (Ending.DELIVERED, {"pending_steps": ["certificate"]})
    assert "Kemper" not in repr((put, put.baseline))


@DOUBTS
def test_in_doubt_it_is_compared(answer: Answer, erred: bool) -> None:
    assert legal(known(), answer, known(HELD))[0].ending is Ending.DELIVERED
    assert legal(known(), answer, known())[0].ending is (Ending.FAILED if erred else Ending.UNKNOWN)
    assert legal(known(), answer, known(HELD | {"name": "Other"}))[0].ending is Ending.UNKNOWN
    assert legal(known(), answer, no("reset", released=False))[0].ending is Ending.UNKNOWN


def test_a_yes_that_shows_something_else_is_unconfirmed() -> None:
    assert legal(known(), known(), known())[0].ending is Ending.UNKNOWN


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"path": "legal_name"}, "legal_name"),
        ({"path": "address.zip"}, "zip"),
        ({"errors": [{"path": "tax_system"}, {"path": "zip"}]}, "tax_system"),
        ({"path": "odd"}, None),
        ({"errors": ["odd"]}, None),
        ({"errors": 7}, None),
    ],
)
def test_its_faults_stand_at_the_field(told: dict[str, Any], field: str | None) -> None:
    answer = reply({"code": "invalid_request", "message": "No."} | told, 400)
    outcome, _ = legal(known(), answer)
    assert (outcome.ending, outcome.problem, outcome.field) == (Ending.FAILED, "provider-refused", field)
    assert outcome.message == "No."


@pytest.mark.parametrize(
    ("looked", "ending"),
    [
        (known(HELD), Ending.DELIVERED),
        (known(), Ending.FAILED),
        (known(HELD | {"tax_system": "626"}), Ending.UNKNOWN),
        (refused(500, "internal_error"), Ending.RETRY),
    ],
)
def test_it_can_be_looked_for_later_without_its_fields(looked: Answer, ending: Ending) -> None:
    _, (_, put) = legal(known(), known(HELD))
    later = handin(LEGAL, fields={}, facts={}, secrets={}, baseline=put.baseline)
    assert play(FACTURAPI.reconcile(LEGAL, later, account()), looked)[0].ending is ending


# Choosing an organization

NOWHERE = Account(environment="live", settings={})
ACME = {"id": ID, "legal": {"name": "Acme", "tax_id": "EKU9003173C9"}, "created_at": EARLIER}


def test_the_accounts_organizations_are_listed() -> None:
    body = {"page": 2, "total_pages": 3, "data": [ACME, {"id": "b"}, "odd", {}]}
    page, (asked,) = play(FACTURAPI.choices(NOWHERE, "organization_id", "2"), reply(body))
    assert (asked.path, asked.query["page"]) == ("/organizations", "2")
    assert [(one.id, one.name) for one in page.items] == [
        (ID, "Acme, RFC EKU9003173C9"),
        ("b", "an organization without a name"),
    ]
    assert page.next == "3"
    page, _ = play(FACTURAPI.choices(NOWHERE, "organization_id"), reply({"data": []}))
    assert (page.items, page.next) == ((), None)
    page, _ = play(FACTURAPI.choices(NOWHERE, "organization_id", "30"), reply({"data": [], "total_pages": 99}))
    assert page.next is None


def test_an_organizations_own_key_finds_that_one() -> None:
    denied = refused(401, "api_key_not_allowed")
    page, asked = play(FACTURAPI.choices(NOWHERE, "organization_id"), denied, reply(ACME))
    assert ([one.id for one in page.items], asked[1].path) == ([ID], "/organizations/me")
    for answers in ([refused(401, "api_key_invalid")], [denied, denied], [reply({"data": 7})], [reply(b"?")]):
        with pytest.raises(Unavailable):
            play(FACTURAPI.choices(NOWHERE, "organization_id"), *answers)


def test_a_new_one_is_made() -> None:
    made, (asked,) = play(FACTURAPI.make(NOWHERE, "organization_id", 101 * "A"), reply(ACME))
    assert (asked.method, asked.path, made.id) == ("POST", "/organizations", ID)
    assert isinstance(asked.body, Json)
    assert (asked.body.value, asked.hands_in) == ({"name": 100 * "A"}, False)
    for answer, ending in (
        (refused(400, "invalid_request"), Ending.FAILED),
        (no("timeout", released=True), Ending.UNKNOWN),
        (refused(500, "internal_error"), Ending.UNKNOWN),
    ):
        with pytest.raises(Unavailable) as unavailable:
            play(FACTURAPI.make(NOWHERE, "organization_id", "A"), answer)
        assert unavailable.value.outcome.ending is ending


def test_direct_operations_fit_in_memory() -> None:
    for operation in (CERTIFICATE, FIEL):
        assert all(one.max_bytes <= 16 * 1024 for one in operation.parts)
    assert not FIEL.open
