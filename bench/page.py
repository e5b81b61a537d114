"""The table, as text, and its chart."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pygal

from bench.work import Job

STRAIGHT: Final = "straight to the sink"
CEILING: Final = "nginx, unbuffered"
OURS: Final = ("Ventanilla", "Ventanilla, durable")
NAIVE: Final = "naive Flask view"
SPOOL: Final = "the spool alone"
#: What rates are shown as shares of.
YARDSTICKS: Final = (CEILING, NAIVE, SPOOL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A job's rates, by contestant and in the order of the runs."""

    job: Job
    rates: Mapping[str, Sequence[float]]

    def median(self, name: str) -> float:
        return statistics.median(self.rates[name])

    @property
    def void(self) -> bool:
        """Whether sink and clients are too slow to tell the others apart."""
        if STRAIGHT not in self.rates:
            return False
        straight = self.median(STRAIGHT)
        if self.job.by_bytes:
            return straight < 2 * max(self.median(name) for name in self.rates if name != STRAIGHT)
        return straight < 0.9 * self.median(CEILING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Least share of another's rate."""

    of: str
    least: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A figure that is no rate, and the most it may be."""

    what: str
    got: float
    most: float | None
    unit: str


def render(machine: str, rows: Sequence[Row], targets: Mapping[str, Sequence[Target]], facts: Sequence[Fact]) -> str:
    """Everything that was measured, as Markdown."""
    lines = ["# Benchmarks", "", "Written by `make bench`; what is compared, and how: `bench/`.", "", machine + ".", ""]
    if rows:
        lines += [f"![Rates beside each other](images/benchmarks-{n}.svg)" for n in range(len(rows))]
        lines += ["", "| work | who | median | spread | × nginx | × naive | × spool |"]
        lines += ["|---|---|--:|--:|--:|--:|--:|"]
    for row in rows:
        for name, rates in row.rates.items():
            median = row.median(name)
            spread = (max(rates) - min(rates)) / median * 100
            ratios = [f"{median / row.median(other):.2f}" if other in row.rates else "" for other in YARDSTICKS]
            lines.append(
                f"| {row.job.title} | {name} | {_rate(row.job, median)} | {spread:.0f} % | {' | '.join(ratios)} |"
            )
    lines += ["", "| target | reached | |", "|---|--:|---|"]
    for row in rows:
        for target in targets[row.job.title]:
            share = row.median(next(one for one in OURS if one in row.rates)) / row.median(target.of)
            asked = f"{row.job.title}: at least {target.least} × {target.of}"
            lines.append(f"| {asked} | {share:.2f} | {_mark(share >= target.least)} |")
        if row.void:
            lines.append(f"| {row.job.title}: void, the sink is too slow to compare by | | **no** |")
    for fact in facts:
        bound = "" if fact.most is None else f": at most {fact.most:g} {fact.unit}"
        mark = "" if fact.most is None else _mark(fact.got <= fact.most)
        lines.append(f"| {fact.what}{bound} | {fact.got:.2f} {fact.unit} | {mark} |")
    return "\n".join(lines) + "\n"


def draw(rows: Sequence[Row], folder: Path) -> None:
    """A chart for each job, each bar the median of a contestant."""
    for number, row in enumerate(rows):
        unit = "MB/s" if row.job.by_bytes else "uploads/s"
        chart = pygal.HorizontalBar(
            title=f"{row.job.title}, {unit}",
            js=[],
            show_legend=False,
            width=720,
            height=240,
            print_values=True,
            value_formatter=lambda value: f"{value:,.0f}",
            style=pygal.style.CleanStyle(value_font_size=14, label_font_size=14, title_font_size=16),
        )
        chart.x_labels = list(row.rates)
        chart.add("", [row.median(name) / (1e6 if row.job.by_bytes else 1) for name in row.rates])
        chart.render_to_file(str(folder / f"benchmarks-{number}.svg"))


def _rate(job: Job, rate: float) -> str:
    return f"{rate / 1e6:,.0f} MB/s" if job.by_bytes else f"{rate:,.0f} uploads/s"


def _mark(reached: bool) -> str:  # noqa: FBT001
    return "yes" if reached else "**no**"
