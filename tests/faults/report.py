"""What was tried, how often, and what was seen: for the terminal, and as a page."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from tests.faults.oracle import Verdict

INTRO: Final = """# Reliability

Written by `make faults`, which does to the gateway what machines, networks and providers do to it, while clients hand
in one file after another. Then what the clients were told is compared with what the providers got and with what the
database and the spool hold, by something that knows nothing of the gateway's code (`tests/faults/oracle.py`).

- **lost**: a client was told `201` or `202`, or the record says *delivered*, and the file is not there; or the record
  says something else than the client is told.
- **doubled**: the file is at the provider more than once.
- **misnamed**: it is there or in the record under another name, hash, operation or organization than it was handed in.
- **orphan**: something that nobody looks after any more: a record that stays under way, a copy without a record.

What nobody can know is neither: it is *unknown*, and for a person.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One kind of fault."""

    section: str
    fault: str
    times: int
    seen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What became of what was handed in while something was tried."""

    tried: str
    faults: int
    verdict: Verdict

    @property
    def numbers(self) -> tuple[int, ...]:
        one = self.verdict
        wrong = (len(one.lost), len(one.doubled), len(one.misnamed), len(one.orphans))
        return (self.faults, one.handed, one.accepted, *wrong)


@dataclass(slots=True, kw_only=True)
class Report:
    """Collects the lines of a run."""

    long: bool
    seed: int = 0
    rows: list[Line] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    #: What was not as it should be.
    missed: list[str] = field(default_factory=list)

    def add(self, section: str, fault: str, times: int, seen: str) -> None:
        """Add a line."""
        self.rows.append(Line(section=section, fault=fault, times=times, seen=seen))

    def judge(self, tried: str, faults: int, verdict: Verdict) -> None:
        """Add a verdict."""
        self.judged.append(Judged(tried=tried, faults=faults, verdict=verdict))

    def text(self) -> str:
        lines = [f"{one.section:<16} {one.fault:<44} {one.times:>6} × {one.seen}" for one in self.rows]
        return "\n".join((*lines, *(f"{one.tried:<61} {one.faults:>6} × {one.verdict.summary}" for one in self.judged)))

    def page(self) -> str:
        """The page, in Markdown."""
        lines = [INTRO, f"{datetime.now(UTC):%Y-%m-%d}, {_machine()}, seed {self.seed}."]
        if self.missed:
            lines += ["", "## Missed", "", *(f"- {one}" for one in self.missed)]
        lines += ["", "## What was seen", "", *self._verdicts()]
        for section in dict.fromkeys(one.section for one in self.rows):
            rows = [one for one in self.rows if one.section == section]
            lines += ["", f"## {section}", "", *_table(rows)]
        return "\n".join(lines) + "\n"

    def _verdicts(self) -> Iterable[str]:
        yield "| tried | faults | handed in | accepted | lost | doubled | misnamed | orphans | came to |"
        yield "|---|" + "--:|" * 7 + "---|"
        for one in self.judged:
            states = ", ".join(f"{count:,} {state}" for state, count in sorted(one.verdict.states.items()))
            yield f"| {one.tried} | {_cells(one.numbers)} | {states} |"
        sums = [sum(column) for column in zip(*(one.numbers for one in self.judged), strict=True)]
        yield f"| **all** | {_cells(sums)} | |"


def _cells(numbers: Iterable[int]) -> str:
    return " | ".join(f"{number:,}" for number in numbers)


def _table(rows: Sequence[Line]) -> Iterable[str]:
    """Without a column in which there is nothing."""
    told = any(one.seen for one in rows)
    yield "| fault | times |" + " seen |" * told
    yield "|---|--:|" + "---|" * told
    for one in rows:
        yield f"| {one.fault} | {one.times:,} |" + f" {one.seen} |" * told


def _machine() -> str:
    kind = f"{platform.system()} {platform.machine()}"
    return f"{os.cpu_count()} cores, {kind}, Python {platform.python_version()}"
