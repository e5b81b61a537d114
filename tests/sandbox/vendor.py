"""The vendor's own Node package, as its customers use it."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "node"
#: The environment's own Node, which comes from PyPI.
PROGRAMS = Path(sys.executable).parent


def install() -> None:
    """Install what the lock file names, once: another run, or another worker, finds it there."""
    stamp = FOLDER / "node_modules" / ".installed"
    wanted = sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    with (FOLDER / "package-lock.json").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.is_file() and stamp.read_text() == wanted:
            return
        _run([PROGRAMS / "npm", "ci", "--prefer-offline", "--loglevel=error"], seconds=100)
        stamp.write_text(wanted)


def calls(base_url: str, key: str, *wanted: list[Any]) -> list[dict[str, Any]]:
    """Make calls of `facturapi.organizations` one after the other: `["uploadLogo", "me", b"…"]`."""
    question = json.dumps({"base": base_url, "key": key, "calls": wanted}, default=_bytes)
    outcomes: list[dict[str, Any]] = json.loads(_run([PROGRAMS / "node", "call.cjs"], question, seconds=60))
    return outcomes


def _bytes(value: bytes) -> dict[str, str]:
    return {"$base64": base64.b64encode(value).decode()}


def _run(command: list[Path | str], question: str = "", *, seconds: float) -> str:
    environment = os.environ | {"PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        command,
        cwd=FOLDER,
        env=environment,
        input=question,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
