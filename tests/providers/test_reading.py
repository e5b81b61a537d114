"""Whatever an answer holds in place of what was hoped for, nothing is read from it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.providers import reading
from app.providers.wire import Answer, NoAnswer, Reply

OBJECT = b'{"a": 1}'


@pytest.mark.parametrize(
    ("answer", "body", "complaint"),
    [
        (Reply(status=200, body=OBJECT), {"a": 1}, {}),
        (Reply(status=299, body=b"[1]"), {}, {}),
        (Reply(status=400, body=OBJECT), {}, {"a": 1}),
        (Reply(status=500, body=b"<html>"), {}, {}),
        (NoAnswer(cause="reset", released=True), {}, {}),
    ],
)
def test_an_object_is_a_good_answers_or_a_bad_ones(answer: Answer, body: Any, complaint: Any) -> None:
    assert (reading.body(answer), reading.complaint(answer)) == (body, complaint)


@pytest.mark.parametrize("value", [None, 7, "x", [], {}])
def test_what_is_of_another_kind_is_nothing(value: Any) -> None:
    data = {"a": value}
    assert reading.block(data, "a") == {}
    assert reading.moment(data, "a") is None
    assert reading.text(data, "a") == (value if value == "x" else None)
    assert reading.objects(value) == ([] if value == [] else None)
    assert reading.text({}, "a") is None


def test_what_is_there_is_read() -> None:
    assert reading.block({"a": {"b": 1}}, "a") == {"b": 1}
    assert reading.objects([1, {"b": 1}, None]) == [{"b": 1}]
    assert reading.text({"a": "  "}, "a") is None


def test_a_moment_has_a_zone_or_is_given_one() -> None:
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert reading.moment({"a": "2026-11-21T12:00:00Z"}, "a") == noon
    assert reading.moment({"a": "2026-11-21T06:00:00-06:00"}, "a", zone=UTC) == noon
    assert reading.moment({"a": "2026-11-21T12:00:00"}, "a") is None
    assert reading.moment({"a": "2026-11-21T12:00:00"}, "a", zone=UTC) == noon
