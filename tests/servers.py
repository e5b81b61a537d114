"""Real processes that tests talk to over sockets."""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import SecretStr

from app.config import Settings
from app.local import processes
from app.local.place import ROOT

READY_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Server:
    """A process that answers on a port of its own."""

    url: str
    child: processes.Child
    log_path: Path

    @classmethod
    @contextmanager
    def running(
        cls,
        name: str,
        command: list[str],
        place: Path,
        environment: Mapping[str, str],
        *,
        ready: str,
        pass_fds: Sequence[int] = (),
    ) -> Iterator[Self]:
        """Run a command until `ready` answers 200 and as long as it is needed.

        It inherits a listening socket, so that no port is lost to somebody else; `{fd}` and `{url}` in command and
        environment stand for it. Its folder below `place` is its own: what ends it, ends everything of that folder.
        """
        folder = place / f"{name}.server"
        folder.mkdir(exist_ok=True)
        log_path = folder / f"{name}.log"
        with _listening() as listener, log_path.open("wb") as log:
            fd, url = listener.fileno(), _url(listener)

            def fill(value: str) -> str:
                return value.replace("{fd}", str(fd)).replace("{url}", url)

            child = processes.start(
                name,
                [fill(word) for word in command],
                folder,
                {**os.environ, **{key: fill(value) for key, value in environment.items()}},
                output=log,
                pass_fds=[fd, *pass_fds],
            )
            server = cls(url=url, child=child, log_path=log_path)
            try:
                assert processes.wait_until(lambda: server.answers(ready), READY_SECONDS), server.log()
                yield server
            finally:
                processes.stop([child], folder)

    def log(self) -> str:
        """Everything it has written so far."""
        return self.log_path.read_text(errors="replace")

    def ask(self, method: str, path: str, body: Any = None, *, seconds: float = 10) -> tuple[int, Any]:
        """Send a small request; its status and JSON."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=seconds)
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
            return self.ask("GET", path, seconds=2)[0] == 200
        except (OSError, ValueError, http.client.HTTPException):
            return False


def running_gateway(name: str, place: Path, settings: Settings, **changes: str) -> AbstractContextManager[Server]:
    """The gateway with the Procfile's settings, and what is changed in those of the application."""
    command = [*processes.procfile(ROOT / "Procfile")["web"], "--bind", "fd://{fd}"]
    environment = environment_of(settings) | {"PUBLIC_URL": "{url}"} | changes
    return Server.running(name, command, place, environment, ready="/readyz")


@dataclass(frozen=True, kw_only=True)
class Sandbox(Server):
    """The providers, simulated; its control addresses as methods."""

    #: The object store's origin.
    store_url: str = ""

    @classmethod
    @contextmanager
    def serving(cls, folder: Path, seed: Mapping[str, Any] | None = None) -> Iterator[Self]:
        """Run one of its own, with all that it writes below `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "seed.json").write_text(json.dumps(seed or {}))
        with _listening() as store:
            environment = {
                "SANDBOX_FD": "{fd}",
                "SANDBOX_STORE_FD": str(store.fileno()),
                "SANDBOX_DIR": str(folder / "files"),
                "SANDBOX_SEED": str(folder / "seed.json"),
            }
            command, ready = ["python", "-m", "app.sandbox"], "/_sandbox/ledger"
            with cls.running("sandbox", command, folder, environment, ready=ready, pass_fds=[store.fileno()]) as server:
                yield replace(server, store_url=_url(store))

    def control(self, method: str, path: str, data: Any = None) -> Any:
        """Ask a control address; what it refuses is the test's fault."""
        status, answer = self.ask(method, f"/_sandbox{path}", data)
        assert status < 400, answer
        return answer

    def ledger(self, provider: str | None = None, *, complete: bool | None = None) -> list[dict[str, Any]]:
        """Requests it had, oldest first."""
        found = self.control("GET", "/ledger" + (f"?provider={provider}" if provider else ""))
        entries: list[dict[str, Any]] = found["requests"]
        return [entry for entry in entries if complete is None or entry["complete"] is complete]

    def fault(self, **fault: Any) -> None:
        """Order a fault, for the next `times` requests that it fits."""
        self.control("POST", "/faults", {"provider": "facturapi", "times": 1} | fault)

    def seed(self, **providers: Any) -> None:
        """Make accounts and keys known; one that is named is as if new."""
        self.control("POST", "/seed", providers)

    def clock(self, now: str) -> None:
        """Set the providers' time, as ISO 8601 with its zone; it goes on running from there."""
        self.control("PUT", "/clock", {"now": now})

    def clear(self) -> None:
        """Forget requests and faults, and set the clock right."""
        for what in ("/ledger", "/faults", "/clock"):
            self.control("DELETE", what)


def _listening() -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    # gunicorn's own doing so is too late for the first connection, whose answers would take 40 ms each.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _url(listener: socket.socket) -> str:
    return "http://{}:{}".format(*listener.getsockname())


def environment_of(settings: Settings) -> dict[str, str]:
    """The same settings as a process reads them."""
    return {name.upper(): _written(value) for name, value in settings if value is not None}


def _written(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
