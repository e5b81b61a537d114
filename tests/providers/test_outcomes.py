"""What an answer means by its status alone, row by row."""

from __future__ import annotations

import pytest

from app.providers.base import Ending, Outcome
from app.providers.outcomes import (
    BY_CAUSE,
    BY_STATUS,
    DOUBTFUL,
    by_cause,
    by_status,
    erred,
    in_doubt,
    in_words,
    retry_after,
    unconfirmed,
    unlearnt,
)
from app.providers.wire import Answer, NoAnswer, Reply
from app.words import WORDS


@pytest.mark.parametrize(
    ("status", "ending", "problem"),
    [
        (200, Ending.RETRY, "provider-error"),
        (204, Ending.RETRY, "provider-error"),
        (101, Ending.RETRY, "provider-error"),
        (301, Ending.FAILED, "provider-error"),
        (307, Ending.FAILED, "provider-error"),
        (400, Ending.FAILED, "provider-refused"),
        (401, Ending.CREDENTIAL, "credential-refused"),
        (402, Ending.FAILED, "plan-not-allowed"),
        (403, Ending.CREDENTIAL, "credential-refused"),
        (404, Ending.FAILED, "provider-refused"),
        (408, Ending.RETRY, "provider-error"),
        (409, Ending.FAILED, "provider-refused"),
        (413, Ending.FAILED, "provider-refused"),
        (415, Ending.FAILED, "provider-refused"),
        (422, Ending.FAILED, "provider-refused"),
        (425, Ending.RETRY, "provider-error"),
        (429, Ending.RETRY, "provider-busy"),
        (500, Ending.RETRY, "provider-error"),
        (502, Ending.RETRY, "provider-error"),
        (503, Ending.RETRY, "provider-error"),
        (504, Ending.RETRY, "provider-error"),
        (599, Ending.RETRY, "provider-error"),
        (999, Ending.RETRY, "provider-error"),
    ],
)
def test_by_status(status: int, ending: Ending, problem: str) -> None:
    outcome = by_status(Reply(status=status, body=b""), code="c", message="m", log_id="l")
    assert (outcome.ending, outcome.problem, outcome.http_status) == (ending, problem, status)
    assert (outcome.code, outcome.message, outcome.log_id) == ("c", "m", "l")


@pytest.mark.parametrize(
    ("cause", "ending", "problem"),
    [
        ("egress", Ending.FAILED, "settings-wrong"),
        ("connect", Ending.RETRY, "provider-unreachable"),
        ("timeout", Ending.RETRY, "provider-too-slow"),
        ("reset", Ending.RETRY, "provider-unreachable"),
        ("truncated", Ending.RETRY, "provider-unreachable"),
    ],
)
def test_by_cause(cause: str, ending: Ending, problem: str) -> None:
    outcome = by_cause(NoAnswer(cause=cause, released=False))  # type: ignore[arg-type]
    assert (outcome.ending, outcome.problem, outcome.code) == (ending, problem, cause)


def test_every_problem_has_its_words() -> None:
    assert {problem for _, problem in (*BY_STATUS.values(), *BY_CAUSE.values())} <= WORDS.keys()


def test_in_doubt_are_those_that_may_have_worked() -> None:
    assert {408, 425, 500, 599} <= DOUBTFUL
    assert not {200, 400, 404, 429, 600} & DOUBTFUL


ODD = ("", "-1", "1.5", "²", "٣", "soon", "99999999999", "Fri, 99 Nov 2026 07:28:00 GMT", "1 Jan 99999999999")
DATE = "Sat, 21 Nov 2026 07:28:00 GMT"


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("2", 2.0), (" 30 ", 30.0), ("0", 0.0), ("999999", 86_400.0), *[(odd, None) for odd in ODD]],
)
def test_retry_after(said: str, seconds: float | None) -> None:
    assert retry_after(Reply(status=429, headers={"retry-after": said, "date": DATE}, body=b"")) == seconds
    assert retry_after(Reply(status=429, body=b"")) is None


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("Sat, 21 Nov 2026 07:29:30 GMT", 90.0),
        ("Sat, 21 Nov 2026 07:29:30 -0000", 90.0),
        ("Sat, 21 Nov 2026 07:00:00 GMT", 0.0),
        ("Sun, 22 Nov 2027 07:28:00 GMT", 86_400.0),
    ],
)
def test_a_date_is_measured_by_the_providers_own_clock(said: str, seconds: float) -> None:
    assert retry_after(Reply(status=429, headers={"retry-after": said, "date": DATE}, body=b"")) == seconds
    assert retry_after(Reply(status=429, headers={"retry-after": said}, body=b"")) is None


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("2026-11-21T07:28:40Z", 40.0),
        ("2026-11-21T07:28:40", 40.0),
        ("1795246105", 25.0),
        ("soon", None),
        ("", None),
    ],
)
def test_when_its_count_begins_anew(said: str, seconds: float | None) -> None:
    headers = {"x-reset": said, "date": DATE}
    assert retry_after(Reply(status=429, headers=headers, body=b""), "x-reset") == seconds
    assert retry_after(Reply(status=429, headers=headers | {"retry-after": "7"}, body=b""), "x-reset") == 7.0
    assert retry_after(Reply(status=429, headers=headers, body=b"")) is None


@pytest.mark.parametrize(
    ("answer", "doubt", "said_no"),
    [
        (NoAnswer(cause="withdrawn", released=False), False, False),
        (NoAnswer(cause="reset", released=False), False, False),
        (NoAnswer(cause="timeout", released=True), True, False),
        (Reply(status=200, body=b""), True, False),
        (Reply(status=503, body=b""), True, True),
        (Reply(status=408, body=b""), True, True),
        (Reply(status=429, body=b""), False, True),
        (Reply(status=400, body=b""), False, True),
    ],
)
def test_what_an_answer_leaves_open(answer: Answer, doubt: bool, said_no: bool) -> None:
    assert (in_doubt(answer), erred(answer)) == (doubt, said_no)


def test_a_look_that_is_refused_learns_nothing() -> None:
    for ending in Ending:
        looked = unlearnt(Outcome(ending=ending, problem="provider-refused"))
        assert looked.ending is (Ending.RETRY if ending is Ending.FAILED else ending)


def test_what_may_have_arrived_is_unconfirmed() -> None:
    outcome = unconfirmed(Outcome(ending=Ending.RETRY, problem="provider-error", code="c"))
    assert (outcome.ending, outcome.problem, outcome.code) == (Ending.UNKNOWN, "unconfirmed", "c")


def test_a_refusal_in_words_leaves_out_what_nobody_said() -> None:
    told = Outcome(ending=Ending.FAILED, problem="settings-wrong", message="no such site", code="x", http_status=404)
    assert in_words(told) == "settings-wrong: no such site; x; 404"
    assert in_words(by_cause(NoAnswer(cause="connect", released=False)), "space 7") == (
        "provider-unreachable: space 7; connect"
    )
