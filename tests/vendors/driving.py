"""A vendor's own Python package, unchanged, in a process and an environment of its own."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

FOLDER = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Driver:
    """`drive.py` of one vendor's folder, which takes a call a line and answers each with a line."""

    process: subprocess.Popen[str]
    base_url: str
    key: str

    @classmethod
    @contextmanager
    def running(cls, vendor: str, *, base_url: str, key: str) -> Iterator[Self]:
        """Start it, for as many calls as are wanted."""
        folder = FOLDER / vendor
        python = folder / ".venv" / "bin" / "python"
        assert python.exists(), f"{vendor}'s package is not installed: make setup"
        with subprocess.Popen(
            [python, "drive.py"],
            cwd=folder,
            env={"PATH": "/usr/bin:/bin", "NO_PROXY": "*"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield cls(process=process, base_url=base_url, key=key)
            finally:
                # Closing its input would do, were it not in the middle of a call.
                process.kill()

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
        self.process.stdin.write(json.dumps(asked, default=_bytes) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, f"the vendor's package ended while {method} was called"
        return json.loads(answer)


def _bytes(value: bytes) -> dict[str, str]:
    return {"$base64": base64.b64encode(value).decode()}
