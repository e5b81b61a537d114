"""What was tried, how often, and what was seen: for the terminal, and as a page."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One kind of fault."""

    section: str
    fault: str
    times: int
    seen: str


@dataclass(slots=True, kw_only=True)
class Report:
    """Collects the lines of a run."""

    long: bool
    seed: int = 0
    rows: list[Line] = field(default_factory=list)

    def add(self, section: str, fault: str, times: int, seen: str) -> None:
        """Add a line."""
        self.rows.append(Line(section=section, fault=fault, times=times, seen=seen))

    def text(self) -> str:
        return "\n".join(f"{one.section:<16} {one.fault:<44} {one.times:>6} × {one.seen}" for one in self.rows)

    def page(self) -> str:
        """The page, in Markdown."""
        lines = [
            "# Reliability",
            "",
            "Written by `make faults`; what is done to the gateway, and how it is judged: `tests/faults/`.",
            "",
            f"{datetime.now(UTC):%Y-%m-%d}, {_machine()}, seed {self.seed}.",
        ]
        for section in dict.fromkeys(one.section for one in self.rows):
            lines += ["", f"## {section}", "", "| fault | times | seen |", "|---|--:|---|"]
            lines += [f"| {one.fault} | {one.times:,} | {one.seen} |" for one in self.rows if one.section == section]
        return "\n".join(lines) + "\n"


def _machine() -> str:
    kind = f"{platform.system()} {platform.machine()}"
    return f"{os.cpu_count()} cores, {kind}, Python {platform.python_version()}"
