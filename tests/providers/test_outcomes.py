"""What an answer means by its status alone, row by row."""

from __future__ import annotations

import pytest

from app.providers.base import Ending
from app.providers.outcomes import BY_CAUSE, BY_STATUS, DOUBTFUL, by_cause, by_status, retry_after
from app.providers.wire import NoAnswer, Reply
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


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("2", 2.0), (" 30 ", 30.0), ("0", 0.0), ("999999", 86_400.0)]
    + [(odd, None) for odd in ("", "-1", "1.5", "²", "٣", "soon", "9999999999", "Fri, 21 Nov 2026 07:28:00 GMT")],
)
def test_retry_after(said: str, seconds: float | None) -> None:
    assert retry_after(Reply(status=429, headers={"retry-after": said}, body=b"")) == seconds
    assert retry_after(Reply(status=429, body=b"")) is None
