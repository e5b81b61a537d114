"""What Lighthouse says of a form, as a phone and a desk see it; `make lighthouse` writes docs/lighthouse.md.

Not part of the suite: its figures are about the machine as well, and it is as large as all other tools together.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from app.local.place import ROOT
from tests.acceptance.browser import NAMES
from tests.acceptance.counter import Counter

pytestmark = [pytest.mark.live]

LIGHTHOUSE: Final = ROOT / "bench/node/node_modules/lighthouse/cli/index.js"
PAGE: Final = ROOT / "docs/lighthouse.md"
#: Of a hundred, in each category.
LEAST: Final = 95
CATEGORIES: Final = ("performance", "accessibility", "best-practices", "seo")
LOOKS: Final = {"phone": (), "desk": ("--preset=desktop",)}
#: Several runs, of which the middle one counts: one alone says much of what else the machine did.
RUNS: Final = 3
#: A browser on a machine that has much else to do loses the beginning of its own record now and then.
TRIES: Final = 4
HEAD: Final = """# Lighthouse

Written by `make lighthouse`: version {version}, {browser}, {when:%d %B %Y}, the middle one of {runs} runs each.
The phone is Lighthouse's own, slow one. The gateway is the real server, without TLS, on a machine of {cores} cores.

| form | as | performance | accessibility | best practices | SEO | first content | largest content | blocked | moved |
|---|---|---|---|---|---|---|---|---|---|
"""
TAIL: Final = """
The target is 95 in each. What is scored is the page of a form that is published and open. Personal links, outcomes,
receipts and all other pages ask search engines to pass them by (`X-Robots-Tag`), and would be marked down for that.
"""


def judged(address: str, folder: Path, *options: str) -> dict[str, Any]:
    """One run's report."""
    report = folder / "report.json"
    chrome = os.environ.get("CHROMIUM") or next(
        filter(None, map(shutil.which, (*NAMES[1:], NAMES[0])))
    )  # as people have it
    command = [
        str(ROOT / ".venv/bin/node"),
        str(LIGHTHOUSE),
        address,
        "--quiet",
        "--no-enable-error-reporting",
        "--output=json",
        f"--output-path={report}",
        f"--only-categories={','.join(CATEGORIES)}",
        f"--chrome-flags=--headless=new --no-sandbox --disable-gpu --user-data-dir={folder / 'profile'}",
        *options,
    ]
    for left in reversed(range(TRIES)):
        done = subprocess.run(
            command, check=not left, timeout=180, env={**os.environ, "CHROME_PATH": str(chrome)}, cwd=folder
        )
        if done.returncode == 0:
            break
    told: dict[str, Any] = json.loads(report.read_text())
    return told


def scores(report: dict[str, Any]) -> list[int]:
    return [round(100 * report["categories"][name]["score"]) for name in CATEGORIES]


def faults(report: dict[str, Any]) -> list[str]:
    """What it marked down."""
    return [
        f"{name}: {audit['title']}"
        for name, audit in report["audits"].items()
        if audit["score"] is not None and audit["score"] < 0.9 and audit["scoreDisplayMode"] == "binary"
    ]


def test_a_form(counter: Counter, tmp_path: Path) -> None:
    rows, short, version, browser = [], [], "", ""
    for language in ("es", "en"):
        with counter.world.database.transaction(counter.organization.id) as session:
            session.merge(counter.organization).locale = language
        for look, options in LOOKS.items():
            reports = [judged(counter.address, tmp_path, *options) for _ in range(RUNS)]
            report = sorted(reports, key=scores)[RUNS // 2]
            found = scores(report)
            audits = report["audits"]
            figures = [
                audits[name]["displayValue"].replace("\xa0", " ")
                for name in (
                    "first-contentful-paint",
                    "largest-contentful-paint",
                    "total-blocking-time",
                    "cumulative-layout-shift",
                )
            ]
            rows.append(f"| {language} | {look} | " + " | ".join([*map(str, found), *figures]) + " |")
            short += [f"{language}, {look}: {found}", *faults(report)] if min(found) < LEAST else []
            version, browser = (
                report["lighthouseVersion"],
                report["environment"]["hostUserAgent"].rpartition(" Safari")[0],
            )
    head = HEAD.format(
        version=version,
        browser=browser.rpartition(" ")[2].replace("Headless", "").replace("/", " "),
        when=datetime.now(UTC),
        runs=RUNS,
        cores=os.cpu_count(),
    )
    PAGE.write_text(head + "\n".join(rows) + "\n" + TAIL)
    assert short == []
