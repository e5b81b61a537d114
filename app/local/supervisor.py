"""`make run`: one process that owns the database, starts the others, says when all are ready, and stops them."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import time
from contextlib import ExitStack
from typing import Final

from app.local import processes
from app.local.demo import Demo
from app.local.place import HOST, ROOT, CannotStart, Place
from app.local.postgres import Embedded
from app.local.processes import Child
from app.local.signals import Signals

READY_SECONDS: Final = 60.0
#: Lines of the Procfile, in the order in which they are started.
LINES: Final = ("sandbox", "web", "worker")


def run(place: Place, signals: Signals) -> int:
    """Run everything until told to stop (0) or until one of the processes ends by itself (1). Raises CannotStart."""
    processes.end_leftovers(place.instance)
    _check_ports(place)
    with ExitStack() as stack:
        postgres = stack.enter_context(Embedded(place.postgres))
        demo = Demo.prepare(place, postgres)
        children: list[Child] = []
        stack.callback(_stop, place, children)
        commands = processes.procfile(ROOT / "Procfile")
        for name in LINES:
            environment = demo.sandbox_environment if name == "sandbox" else demo.gateway_environment
            children.append(processes.start(name, commands[name], place.instance, environment))
        _wait_ready(place, children, signals)
        if not signals.stopping:
            demo.announce()
        return _watch(children, postgres, signals)


def _stop(place: Place, children: list[Child]) -> None:
    place.demo.unlink(missing_ok=True)
    place.variables.unlink(missing_ok=True)
    processes.stop(children, place.instance)
    shutil.rmtree(place.sandbox, ignore_errors=True)


def _watch(children: list[Child], postgres: Embedded, signals: Signals) -> int:
    """Wait for the first end, wanted or not."""
    watched = [*children, Child(name="PostgreSQL", process=postgres.process)]
    while not signals.stopping:
        if ended := _ended(watched):
            print(f"{ended}; the rest is being stopped. Start again with: make run", flush=True)
            return 1
        signals.wait()
    print("Stopping.", flush=True)
    return 0


def _wait_ready(place: Place, children: list[Child], signals: Signals) -> None:
    """Return when both addresses answer, or when told to stop. Raises CannotStart."""
    waiting = {place.port: "/readyz", place.sandbox_port: "/_sandbox/ledger"}
    deadline = time.monotonic() + READY_SECONDS
    while waiting and not signals.stopping:
        if ended := _ended(children):
            raise CannotStart(f"{ended} before everything was ready; its last lines above say why.")
        if time.monotonic() > deadline:
            raise CannotStart(f"Port {min(waiting)} did not become ready within {READY_SECONDS:.0f} seconds.")
        for port, path in [*waiting.items()]:
            if _answers(port, path):
                del waiting[port]
        if waiting:
            signals.wait(0.05)


def _ended(children: list[Child]) -> str | None:
    return next((f"{child.name} ended by itself ({child.ending})" for child in children if child.ending), None)


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _check_ports(place: Place) -> None:
    """Raise CannotStart where a stranger listens already."""
    for port in (place.port, place.sandbox_port, place.store_port):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as exc:
                raise CannotStart(
                    f"Port {port} cannot be used ({os.strerror(exc.errno or 0)}). "
                    "Stop what listens there, or choose others: make run PORT=8100"
                ) from None
