"""A vendor's own Python package, unchanged, in a process and an environment of its own."""

from __future__ import annotations

import atexit
import base64
import json
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

FOLDER = Path(__file__).parent
#: By vendor, those that wait for somebody else's calls: to import a package takes longer than most of them.
_IDLE: Final[defaultdict[str, list[subprocess.Popen[str]]]] = defaultdict(list)


@dataclass(kw_only=True)
class Driver:
    """`drive.py` of one vendor's folder, which takes a call a line and answers each with a line.

    It makes a new client for each call, so that nothing of one is left for the next.
    """

    process: subprocess.Popen[str]
    base_url: str
    key: str
    #: In the middle of a call, or of no use any more.
    busy: bool = False

    @classmethod
    @contextmanager
    def running(cls, vendor: str, *, base_url: str, key: str) -> Iterator[Self]:
        """Start it, or take one that waits, for as many calls as are wanted."""
        process = _IDLE[vendor].pop() if _IDLE[vendor] else _start(vendor)
        driver = cls(process=process, base_url=base_url, key=key)
        try:
            yield driver
        finally:
            if driver.busy:
                _end(process)
            else:
                _IDLE[vendor].append(process)

    def call(self, method: str, *, base_url: str | None = None, key: str | None = None, **arguments: Any) -> Any:
        """Make a call: `{"ok": true, "value": …}`, or `{"ok": false, "error": {"type": …, …}}`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        asked = {
            "method": method,
            "base_url": base_url or self.base_url,
            "key": self.key if key is None else key,
            "arguments": arguments,
        }
        line = json.dumps(asked, default=_bytes) + "\n"
        self.busy = True
        self.process.stdin.write(line)
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, f"the vendor's package ended while {method} was called"
        self.busy = False
        return json.loads(answer)


def _start(vendor: str) -> subprocess.Popen[str]:
    folder = FOLDER / vendor
    python = folder / ".venv" / "bin" / "python"
    assert python.exists(), f"{vendor}'s package is not installed: make setup"
    return subprocess.Popen(
        [python, "drive.py"],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "NO_PROXY": "*"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _end(process: subprocess.Popen[str]) -> None:
    """Kill it, and wait; closing its input would do, were it not in the middle of a call."""
    with process:
        process.kill()


@atexit.register
def _end_idle() -> None:
    for process in (one for several in _IDLE.values() for one in several):
        _end(process)


def _bytes(value: bytes) -> dict[str, str]:
    return {"$base64": base64.b64encode(value).decode()}
