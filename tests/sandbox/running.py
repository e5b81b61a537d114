"""A real sandbox in a process of its own, for whoever tests against it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import requests

ROOT = Path(__file__).parents[2]
#: Longest wait for it to come up or go down; it takes about a second.
SECONDS = 30


class Running:
    """`python -m app.sandbox` on a port of its own. Everything it writes is below `folder`."""

    def __init__(self, folder: Path, seed: dict[str, Any] | None = None, *, limits: bool = False) -> None:
        self.folder = folder
        self.url = ""
        self._seed = seed or {}
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._http = requests.Session()
        self._http.trust_env = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and return when it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        seed = self.folder / "seed.json"
        seed.write_text(json.dumps(self._seed))
        # The socket listens before the process starts: no port to guess, and the first request waits in its queue.
        with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener, self._log.open("wb") as log:
            # gunicorn's own doing so is too late for our first connection, whose answers would take 40 ms each.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            self._process = subprocess.Popen(
                [sys.executable, "-m", "app.sandbox"],
                cwd=ROOT,
                env=os.environ
                | {
                    "SANDBOX_FD": str(listener.fileno()),
                    "SANDBOX_DIR": str(self.folder / "files"),
                    "SANDBOX_SEED": str(seed),
                    "SANDBOX_LIMITS": "1" if self._limits else "",
                },
                pass_fds=[listener.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self.ledger()
        except requests.RequestException as exc:
            self.stop()
            raise RuntimeError(f"the sandbox did not start:\n{self.log()}") from exc

    def stop(self) -> None:
        """Stop it and every process it started."""
        # Connections that are kept open would be waited for.
        self._http.close()
        if self._process is not None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(SECONDS)
            self.kill()

    def kill(self) -> None:
        """End it without giving it a chance to tidy up."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(SECONDS)
        self._process = None

    @property
    def pid(self) -> int | None:
        """The process that was started; the server's worker is its child."""
        return self._process.pid if self._process else None

    def log(self) -> str:
        """All that it printed."""
        return self._log.read_text(errors="replace")

    def ledger(self, provider: str | None = None) -> list[dict[str, Any]]:
        """The requests that providers got, oldest first."""
        answer = self.control("GET", "/ledger" + (f"?provider={provider}" if provider else ""))
        entries: list[dict[str, Any]] = answer["requests"]
        return entries

    def clear(self) -> None:
        """Forget requests and faults, and set the clock right."""
        for what in ("/ledger", "/faults", "/clock"):
            self.control("DELETE", what)

    def fault(self, **order: Any) -> None:
        """Order a fault, by the names that `POST /_sandbox/faults` takes."""
        self.control("POST", "/faults", order)

    def seed(self, data: dict[str, Any]) -> None:
        """Make what is named as if new: `{"facturapi": {"user_keys": […], "organizations": […]}}`."""
        self.control("POST", "/seed", data)

    def clock(self, now: str) -> None:
        """Set the providers' time, as ISO 8601 with its zone; it goes on running from there."""
        self.control("PUT", "/clock", {"now": now})

    def control(self, method: str, path: str, data: Any = None) -> dict[str, Any]:
        """Ask a control address; raises `requests.HTTPError` with its words when it refuses."""
        answer = self._http.request(method, f"{self.url}/_sandbox{path}", json=data, timeout=SECONDS)
        if not answer.ok:
            raise requests.HTTPError(f"{answer.status_code}: {answer.text}", response=answer)
        read: dict[str, Any] = answer.json()
        return read

    @property
    def _log(self) -> Path:
        return self.folder / "sandbox.log"
