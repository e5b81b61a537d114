"""A world for each process that runs tests, and the report that the long form writes."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.faults.oracle import Oracle, files_below
from tests.faults.report import Report
from tests.faults.world import World

#: `make faults` says so.
LONG: Final = os.environ.get("FAULTS") == "long"
REPORT: Final = Report(long=LONG)


@pytest.fixture(scope="session")
def long() -> bool:
    """Whether there is time."""
    return LONG


@pytest.fixture(scope="session")
def seed() -> int:
    """What all chance here begins with; FAULTS_SEED repeats a run's."""
    return int(os.environ.get("FAULTS_SEED") or secrets.randbelow(1_000_000))


@pytest.fixture(scope="session")
def report(seed: int) -> Report:
    """What was tried and seen."""
    REPORT.seed = seed
    return REPORT


@pytest.fixture(scope="session")
def world(long: bool) -> Iterator[World]:
    """One that lasts."""
    folder = Path(tempfile.mkdtemp(prefix="ventanilla-faults-"))
    nodes, workers, each = (2, 3, 2) if long else (1, 2, 2)
    try:
        with World.running(folder, nodes=nodes, workers=workers, each=each) as world:
            yield world
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def oracle(world: World) -> Oracle:
    """Sees that world; it forgets what went before."""
    world.sandbox.clear()
    world.ahead(0)  # providers' clocks went back with that, and everybody else's did not
    return Oracle(database_url=world.owner_url, sandbox_url=world.sandbox.url, objects=files_below(world.spool))


@pytest.fixture(autouse=True)
def page() -> Iterator[None]:
    """Write the page after each test, as far as it is: the next may take too long."""
    yield
    if REPORT.judged and (path := os.environ.get("FAULTS_REPORT")):
        Path(path).write_text(REPORT.page())


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Let the page say what failed."""
    if report.failed and (crash := getattr(report.longrepr, "reprcrash", None)):
        REPORT.missed.append(f"`{report.nodeid.rpartition('::')[2]}`: {crash.message.splitlines()[-1]}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was seen."""
    if REPORT.judged:
        terminalreporter.write_sep("-", f"faults, seed {REPORT.seed}")
        terminalreporter.write_line(REPORT.text())
