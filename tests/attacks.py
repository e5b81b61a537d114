"""Which attacks the tests try, how often, and what came of them: a mark on a test, and the page that is made of all.

`@pytest.mark.attack(aim, tried, seen)` on any test makes it one: `aim` is one of AIMS, `tried` says what is done and
`seen` what has to be seen, both in a few words. Each of its cases counts once; one that tries more says how often with
`record_property(TIMES, …)`. Tests that say the same of the same share a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

import pytest

PAGE: Final = Path(__file__).parents[1] / "docs" / "security-tests.md"
TIMES: Final = "times"
HELD, BROKEN, UNTRIED = "held", "**broken**", "not tried here"

#: What attacks are aimed at, in the order of the page.
AIMS: Final = {
    "framing": "Where one request ends and the next begins",
    "waiting": "Those who are slow, and those who are many",
    "costly": "What is small and costs much",
    "files": "What files hold",
    "browsers": "Pages, and what browsers do with them",
    "ways in": "Guessing and stealing a way in",
    "tenants": "What is somebody else's",
    "ways out": "Where requests are made to go",
    "answers": "What providers answer",
    "secrets": "What must never be seen",
    "supply": "What the gateway is made of",
}

INTRO: Final = """# Attacks

Written by `make attacks`, which tries all of these; `make test` tries them too. Each line is a test, or a few, that is
an attack and fails where it gets through: what is tried, how often in a run, what has to be seen, and what was. The
tests stand where the code does that they attack, with a mark (`tests/attacks.py`), so the page cannot name one that is
not there. What scanners made by others find is in [scanners.md](scanners.md).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One line of the page."""

    aim: str
    tried: str
    seen: str

    @classmethod
    def of(cls, mark: pytest.Mark) -> Attack:
        """What a mark says; raises ValueError where it says something else."""
        aim, tried, seen = mark.args
        if aim not in AIMS:
            raise ValueError(f"attacks are aimed at one of {', '.join(AIMS)}, not at {aim!r}")
        return cls(aim=aim, tried=tried, seen=seen)


@dataclass(slots=True)
class Tried:
    """What came of an attack so far."""

    times: int = 0
    broken: int = 0
    where: set[str] = field(default_factory=set)

    @property
    def result(self) -> str:
        return BROKEN if self.broken else HELD if self.times else UNTRIED


class Recorder:
    """Collects what the tests of a run report, from whichever process they ran in."""

    def __init__(self) -> None:
        self.tried: dict[Attack, Tried] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count the test's own part, and whatever fails around it."""
        if report.when != "call" and report.passed:
            return
        told = dict(report.user_properties)
        for name, words in report.user_properties:
            if name != "attack":
                continue
            aim, tried, seen = cast("tuple[str, str, str]", words)
            one = self.tried.setdefault(Attack(aim=aim, tried=tried, seen=seen), Tried())
            one.where.add(report.nodeid.partition("::")[0])
            if not report.skipped:
                one.times += int(str(told.get(TIMES, 1)))
                one.broken += report.failed

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say in a line what there was, and write the page where it is wanted."""
        if not self.tried:
            return
        times, broken = sum(one.times for one in self.tried.values()), sum(one.broken for one in self.tried.values())
        terminalreporter.write_line(f"attacks: {len(self.tried)}, tried {times} times, {broken} broken")
        wanted = terminalreporter.config.getoption("--attacks")
        if wanted:
            Path(wanted).write_text(page(self.tried))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--attacks", metavar="FILE", help="write a page of the attacks that this run tries")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "attack(aim, tried, seen): an attack, see tests/attacks.py")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Send each mark along with what its test reports."""
    for item in items:
        for attack in attacks([item]):
            item.user_properties.append(("attack", (attack.aim, attack.tried, attack.seen)))


def attacks(items: Iterable[pytest.Item]) -> Iterator[Attack]:
    """All that these tests are."""
    for item in items:
        for mark in item.iter_markers("attack"):
            yield Attack.of(mark)


def line(attack: Attack) -> str:
    """How a line of the page begins, whatever came of it."""
    return f"| {attack.tried} | {attack.seen} |"


def page(tried: dict[Attack, Tried]) -> str:
    """The page, in Markdown. It has no date: what a run sees that saw the same leaves it as it is."""
    lines = [INTRO, f"{len(tried)} attacks, tried {sum(one.times for one in tried.values()):,} times in a run."]
    for aim, title in AIMS.items():
        rows = sorted((one for one in tried if one.aim == aim), key=lambda one: (one.tried, one.seen))
        if rows:
            lines += ["", f"## {title}", "", "| tried | what has to be seen | times | result | where |"]
            lines += ["|---|---|--:|---|---|", *(_row(one, tried[one]) for one in rows)]
    return "\n".join(lines) + "\n"


def _row(attack: Attack, tried: Tried) -> str:
    where = ", ".join(f"`{one}`" for one in sorted(tried.where))
    return f"{line(attack)} {tried.times:,} | {tried.result} | {where} |"
