"""Asks whether anything that is locked is known to be faulty: `python -m supply.audit`, a line each.

Both tools call it a success when they could ask nobody. Exit code 0 says that everything was asked after and nothing is
known; 1 that something is; 2 that something could not be asked after, and what.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from supply.locks import ROOT, read

SECONDS: Final = 300.0
#: Everything that is installed where the gateway runs, or builds what it serves.
AUDITED: Final = (*sorted(ROOT.glob("requirements*.txt")), ROOT / "package-lock.json")

#: Runs a command and gives what it says, whatever its exit code.
Run = Callable[[Sequence[str]], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What is known of a lock file's packages."""

    lock_file: Path
    packages: int
    #: Those nobody was found to ask about.
    unasked: int
    #: Package, version and the fault's name.
    faults: tuple[str, ...] = ()

    def __str__(self) -> str:
        asked = f"{self.packages - self.unasked} of {self.packages} packages asked after"
        missing = ": no index that knows of faults can be reached from here" if self.unasked else ""
        return "\n".join((f"{self.lock_file.name}: {asked}{missing}", *(f"  {fault}" for fault in self.faults)))


def audit(lock_file: Path, run: Run) -> Audited:
    """Ask after everything in a lock file."""
    return (_node if lock_file.suffix == ".json" else _python)(lock_file, run)


def code(audits: Sequence[Audited]) -> int:
    """What it all comes to, as an exit code."""
    if any(one.faults for one in audits):
        return 1
    return 2 if any(one.unasked for one in audits) else 0


def _python(lock_file: Path, run: Run) -> Audited:
    asking = ("pip-audit", "--requirement", str(lock_file), "--disable-pip", "--require-hashes", "--format", "json")
    told = _json(run((*asking, "--progress-spinner", "off")))
    locked = len(read(lock_file))
    found = [one for one in told.get("dependencies", []) if "skip_reason" not in one]
    faults = (f"{one['name']} {one['version']}: {fault['id']}" for one in found for fault in one["vulns"])
    # Markers leave out what is for other systems: of that nobody was asked either, but for a reason.
    skipped = sum("skip_reason" in one for one in told.get("dependencies", []))
    asked = len(found) + skipped
    return Audited(
        lock_file=lock_file, packages=asked or locked, unasked=skipped if asked else locked, faults=tuple(faults)
    )


def _node(lock_file: Path, run: Run) -> Audited:
    told = _json(run(("npm", "audit", "--package-lock-only", "--json", "--prefix", str(lock_file.parent))))
    locked = len(read(lock_file))
    faults = tuple(
        f"{name} {one['range']}: {one['severity']}" for name, one in sorted(told.get("vulnerabilities", {}).items())
    )
    return Audited(
        lock_file=lock_file, packages=locked, unasked=0 if "auditReportVersion" in told else locked, faults=faults
    )


def _json(said: str) -> dict[str, Any]:
    """What a tool said, if it said anything."""
    try:
        told = json.loads(said)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _run(command: Sequence[str]) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, timeout=SECONDS, check=False).stdout.decode()


def main() -> int:
    """Ask, and say what came of it."""
    audits = [audit(path, _run) for path in AUDITED]
    for one in audits:
        sys.stdout.write(f"{one}\n")
    return code(audits)


if __name__ == "__main__":
    sys.exit(main())
