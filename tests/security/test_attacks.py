"""The page of attacks says what the tests try."""

from __future__ import annotations

import pytest

from tests import attacks
from tests.attacks import PAGE, Attack, Recorder, Tried


def test_every_attack_has_a_line(request: pytest.FixtureRequest) -> None:
    text = PAGE.read_text()
    missing = {attacks.line(one) for one in attacks.attacks(request.session.items)} - set(_beginnings(text))
    assert not missing, "run `make attacks`"


def test_what_is_checked_in_held() -> None:
    text = PAGE.read_text()
    assert f"| {attacks.HELD} |" in text
    assert attacks.BROKEN not in text
    assert attacks.UNTRIED not in text


def test_a_line_names_tests_that_are_there() -> None:
    named = {part for line in PAGE.read_text().splitlines() for part in line.split("`")[1::2] if part.endswith(".py")}
    assert len(named) > 1
    assert not [one for one in named if not (PAGE.parents[1] / one).is_file()]


@pytest.mark.parametrize(
    ("outcomes", "result"),
    [
        ([("call", "passed")], "| 3 | held |"),
        ([("call", "passed"), ("call", "failed")], "| 6 | **broken** |"),
        ([("setup", "failed")], "| 3 | **broken** |"),
        ([("setup", "skipped")], "| 0 | not tried here |"),
    ],
)
def test_what_came_of_an_attack(outcomes: list[tuple[str, str]], result: str) -> None:
    recorder = Recorder()
    for when, outcome in outcomes:
        recorder.pytest_runtest_logreport(_report(when, outcome))
    assert f"| knocks | no answer | {result[2:]}" in attacks.page(recorder.tried)


def test_an_aim_that_there_is_none_of_is_refused() -> None:
    with pytest.raises(ValueError, match="aimed at"):
        Attack.of(pytest.mark.attack("elsewhere", "knocks", "no answer").mark)


def test_the_page_is_the_same_after_the_same() -> None:
    one, other = (Attack(aim="framing", tried=tried, seen="400") for tried in "ba")
    first = {one: Tried(times=1), other: Tried(times=2)}
    assert attacks.page(first) == attacks.page(dict(reversed(first.items())))


def _beginnings(text: str) -> list[str]:
    return ["|".join([*line.split("|")[:3], ""]) for line in text.splitlines() if line.startswith("| ")]


def _report(when: str, outcome: str) -> pytest.TestReport:
    return pytest.TestReport(
        nodeid="tests/security/test_it.py::test_it",
        location=("", 0, ""),
        keywords={},
        outcome=outcome,  # type: ignore[arg-type]
        longrepr=None,
        when=when,  # type: ignore[arg-type]
        user_properties=[("times", 3), ("attack", ("framing", "knocks", "no answer"))],
    )
