"""Real processes that tests talk to over sockets."""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import SecretStr

from app.config import Settings
from app.local import processes

READY_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Server:
    """A process that answers on a port of its own."""

    url: str
    child: processes.Child
    log_path: Path

    @classmethod
    @contextmanager
    def running(
        cls, name: str, command: list[str], place: Path, environment: Mapping[str, str], *, ready: str
    ) -> Iterator[Self]:
        """Run a command until `ready` answers 200 and as long as it is needed.

        It inherits a listening socket, so that no port is lost to somebody else; `{fd}` and `{url}` in command and
        environment stand for it.
        """
        log_path = place / f"{name}.log"
        with socket.create_server(("127.0.0.1", 0)) as listener, log_path.open("wb") as log:
            fd, url = listener.fileno(), "http://{}:{}".format(*listener.getsockname())

            def fill(value: str) -> str:
                return value.replace("{fd}", str(fd)).replace("{url}", url)

            child = processes.start(
                name,
                [fill(word) for word in command],
                place,
                {**os.environ, **{key: fill(value) for key, value in environment.items()}},
                output=log,
                pass_fds=[fd],
            )
            server = cls(url=url, child=child, log_path=log_path)
            try:
                assert processes.wait_until(lambda: server.answers(ready), READY_SECONDS), server.log()
                yield server
            finally:
                processes.stop([child], place)

    def log(self) -> str:
        """Everything it has written so far."""
        return self.log_path.read_text(errors="replace")

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Send a small request; its status and JSON."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        try:
            sent = None if body is None else json.dumps(body)
            connection.request(method, path, sent, {"Content-Type": "application/json"} if sent else {})
            reply = connection.getresponse()
            return reply.status, json.loads(reply.read() or b"null")
        finally:
            connection.close()

    def answers(self, path: str) -> bool:
        """Whether it is up; raises when it never will be."""
        if self.child.ending:
            raise AssertionError(f"{self.child.name} ended ({self.child.ending}):\n{self.log()}")
        try:
            return self.ask("GET", path)[0] == 200
        except (OSError, ValueError, http.client.HTTPException):
            return False


class Sandbox(Server):
    """The providers, simulated; its control addresses as methods."""

    def ledger(self, provider: str | None = None, *, complete: bool | None = None) -> list[dict[str, Any]]:
        """Requests it had, oldest first."""
        _, found = self.ask("GET", "/_sandbox/ledger" + (f"?provider={provider}" if provider else ""))
        entries: list[dict[str, Any]] = found["requests"]
        return [entry for entry in entries if complete is None or entry["complete"] is complete]

    def fault(self, **fault: Any) -> None:
        """Order a fault, for the next `times` requests that it fits."""
        status, answer = self.ask("POST", "/_sandbox/faults", {"provider": "facturapi", "times": 1} | fault)
        assert status == 201, answer

    def seed(self, **providers: Any) -> None:
        """Make accounts and keys known; one that is named is as if new."""
        status, answer = self.ask("POST", "/_sandbox/seed", providers)
        assert status == 201, answer

    def clear(self) -> None:
        """Forget requests and faults."""
        self.ask("DELETE", "/_sandbox/ledger")
        self.ask("DELETE", "/_sandbox/faults")


def environment_of(settings: Settings) -> dict[str, str]:
    """The same settings as a process reads them."""
    return {name.upper(): _written(value) for name, value in settings if value is not None}


def _written(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return ",".join(value) if isinstance(value, tuple) else str(value)
