"""`python -m bench`: build, measure, print one table, and write it down in docs/benchmarks.md with its chart."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench import contestants, page, work
from bench.page import Row, Target
from bench.work import MIB, Job

RUNS: Final = 5
JOBS: Final = (
    Job(title="200 MB × 1", size=200 * MIB, at_once=1, uploads=2, by_bytes=True),
    Job(title="100 MB × 4 at once", size=100 * MIB, at_once=4, uploads=8, by_bytes=True),
    Job(title="5 KB × 16 at once", size=5 << 10, at_once=16, uploads=1600, by_bytes=False),
    Job(title="200 MB × 1, durable", size=200 * MIB, at_once=1, uploads=2, by_bytes=True, durable=True),
)
#: What the gateway has to reach, as shares of the others' rates.
TARGETS: Final = {
    "200 MB × 1": (Target(of="naive Flask view", least=4.0), Target(of="nginx, unbuffered", least=0.6)),
    "100 MB × 4 at once": (Target(of="naive Flask view", least=5.0), Target(of="nginx, unbuffered", least=0.55)),
    "5 KB × 16 at once": (Target(of="naive Flask view", least=0.5),),
    "200 MB × 1, durable": (Target(of=page.SPOOL, least=0.8),),
}
#: What can be measured alone.
KINDS: Final = ("rates", "durable", "memory", "crowd", "first")
LARGE: Final = 2 << 30
#: Of each upload of a crowd, in KiB, without and with a copy: the stream that encrypts one takes up 160 of Tink's own.
MOST_EACH: Final = {False: 200.0, True: 360.0}
CROWD: Final = 1000


def main() -> None:
    """Measure everything, or only what is named."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--only", choices=KINDS, action="append")
    parser.add_argument("--write", type=Path, help="page to write the result to, its chart beside it")
    options = parser.parse_args()
    wanted = set(options.only or KINDS)
    with tempfile.TemporaryDirectory(prefix="ventanilla-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL may run as another user
        contestants.build(folder)
        rows = [(_kept if job.durable else _rates)(folder, job, options.runs) for job in _jobs(wanted)]
        facts = _facts(folder, wanted)
    text = page.render(_machine(options.runs), rows, TARGETS, facts)
    sys.stdout.write(text)
    if options.write:
        options.write.write_text(text)
        page.draw(rows, options.write.parent / "images")


def _jobs(wanted: set[str]) -> list[Job]:
    return [job for job in JOBS if ("durable" if job.durable else "rates") in wanted]


def _rates(folder: Path, job: Job, runs: int) -> Row:
    """All contestants in turn, again and again: what else the machine does meets each of them alike."""
    with ExitStack() as stack:
        sink = stack.enter_context(contestants.sink(folder, job.size))
        others = [stack.enter_context(make(folder, sink)) for make in (contestants.nginx, contestants.naive)]
        everybody = [sink, *others, stack.enter_context(contestants.gateway(folder, sink))]
        rates: dict[str, list[float]] = {one.name: [] for one in everybody}
        for one in everybody:
            work.time_once(folder, one, job)  # what is set up once is set up
        for number in range(runs):
            for one in everybody:
                rates[one.name].append(work.time_once(folder, one, job))
            sys.stderr.write(f"{job.title}: run {number + 1} of {runs}\n")
    return Row(job=job, rates=rates)


def _kept(folder: Path, job: Job, runs: int) -> Row:
    """The gateway's durable way beside what its spool alone writes."""
    with contestants.sink(folder, job.size) as sink, contestants.gateway(folder, sink, durable=True) as gateway:
        rates: dict[str, list[float]] = {page.SPOOL: [], gateway.name: []}
        work.time_once(folder, gateway, job)
        for number in range(runs):
            rates[page.SPOOL].append(work.spool_once(folder, job))
            rates[gateway.name].append(work.time_once(folder, gateway, job))
            sys.stderr.write(f"{job.title}: run {number + 1} of {runs}\n")
    return Row(job=job, rates=rates)


def _facts(folder: Path, wanted: set[str]) -> list[page.Fact]:
    """What is no rate: memory, a crowd of slow clients, the first byte."""
    facts: list[page.Fact] = []
    if "memory" in wanted:
        with contestants.sink(folder, LARGE) as sink, contestants.gateway(folder, sink) as gateway:
            most = work.growth(gateway, LARGE) / MIB
        facts.append(page.Fact(what="2 GB upload, incompressible: most above idle", got=most, most=8.0, unit="MiB"))
    for durable in (False, True) if "crowd" in wanted else ():
        with contestants.sink(folder, 256 << 10) as sink, contestants.gateway(folder, sink, durable=durable) as gateway:
            crowd = work.crowd(gateway, CROWD)
        what = f"1,000 slow {'durable ' if durable else ''}uploads"
        facts += [
            page.Fact(what=f"{what}: memory of each", got=crowd.bytes_each / 1024, most=MOST_EACH[durable], unit="KiB"),
            page.Fact(what=f"{what}: health check meanwhile, p50", got=crowd.p50 * 1000, most=None, unit="ms"),
            page.Fact(what=f"{what}: health check meanwhile, p99", got=crowd.p99 * 1000, most=30.0, unit="ms"),
        ]
    if "first" in wanted:
        size = 200 * MIB
        with contestants.sink(folder, size) as sink, contestants.gateway(folder, sink) as gateway:
            share = work.first_byte(gateway, sink, size) * 100
        facts.append(
            page.Fact(what="sent when the provider has the first byte, of 200 MB", got=share, most=5.0, unit="%")
        )
    return facts


def _machine(runs: int) -> str:
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    when = datetime.now(UTC)
    return f"{when:%Y-%m-%d}, {os.cpu_count()} cores ({model}), Python {platform.python_version()}, {runs} runs"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


if __name__ == "__main__":
    main()
