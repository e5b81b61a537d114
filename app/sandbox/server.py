"""The sandbox's own server: one gunicorn gthread process, so that its state and its sockets are in one place."""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication

from app.sandbox import create_sandbox
from app.sandbox.example import SEED
from app.sandbox.provider import BadSeed

if TYPE_CHECKING:
    from flask import Flask

#: As many requests at once; each may be slow, stalled or delayed.
THREADS = 1_200
BACKLOG = 2_048


class Server(BaseApplication):  # type: ignore[misc] # gunicorn has no types
    """gunicorn, set up here and nowhere else."""

    def __init__(self, bind: str, store: socket.socket, folder: Path, seed: dict[str, Any], *, limits: bool) -> None:
        """`store`: a listener of its own, whose descriptor the server takes over."""
        self._store_origin = "http://{}:{}".format(*store.getsockname())
        self._bind = [bind, f"fd://{store.detach()}"]
        self._folder = folder
        self._seed = seed
        self._limits = limits
        super().__init__()

    def load_config(self) -> None:
        settings: dict[str, Any] = {
            "bind": self._bind,
            "worker_class": "gthread",
            "workers": 1,
            "threads": THREADS,
            "worker_connections": 2 * THREADS,
            "keepalive": 15,
            # Stalled and delayed requests are not waited for.
            "graceful_timeout": 1,
            "loglevel": "warning",
            "control_socket_disable": True,
            "proc_name": "ventanilla-sandbox",
            "on_exit": lambda _server: shutil.rmtree(self._folder, ignore_errors=True),
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return create_sandbox(self._folder, self._seed, limits=self._limits, store_origin=self._store_origin)


def main() -> None:
    """Serve until told to stop, as the environment says.

    SANDBOX_PORT (on 127.0.0.1) or SANDBOX_FD (a listening socket, inherited); SANDBOX_STORE_PORT or SANDBOX_STORE_FD,
    likewise, for the object store, which takes any free port without them; SANDBOX_DIR, emptied at start and removed
    at the end; SANDBOX_SEED, a JSON file of what providers know from the start, the example's accounts without it;
    SANDBOX_LIMITS=1, to keep to the providers' rate limits.
    """
    descriptor, port = os.environ.get("SANDBOX_FD"), os.environ.get("SANDBOX_PORT")
    if not (descriptor or port or "").isdecimal():
        sys.exit("SANDBOX_PORT is missing or no number: the port to listen on.")
    if not (folder := os.environ.get("SANDBOX_DIR")):
        sys.exit("SANDBOX_DIR is missing: a folder for the sandbox alone, which it empties.")
    seed = SEED
    if path := os.environ.get("SANDBOX_SEED"):
        seed = _seed(Path(path), Path(folder))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # gunicorn takes addresses or descriptors, and of both together the descriptors alone.
    bind = f"fd://{descriptor or _listen('SANDBOX_PORT', port).detach()}"
    Server(bind, _store_listener(), Path(folder), seed, limits=os.environ.get("SANDBOX_LIMITS") == "1").run()


def _store_listener() -> socket.socket:
    """The second socket, listening; ends the process with one line where it cannot be had."""
    descriptor, port = os.environ.get("SANDBOX_STORE_FD"), os.environ.get("SANDBOX_STORE_PORT")
    if not (descriptor or port or "0").isdecimal():
        sys.exit("SANDBOX_STORE_PORT is no number: the port that the object store listens on.")
    if descriptor:
        return socket.socket(fileno=int(descriptor))
    return _listen("SANDBOX_STORE_PORT", port)


def _listen(variable: str, port: str | None) -> socket.socket:
    try:
        listener = socket.create_server(("127.0.0.1", int(port or 0)), backlog=BACKLOG)
    except (OSError, OverflowError) as exc:
        sys.exit(f"{variable} cannot be listened on: {type(exc).__name__}.")
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _seed(path: Path, folder: Path) -> dict[str, Any]:
    """Read a seed and try it; ends the process with one line where it cannot be used."""
    try:
        seed: dict[str, Any] = json.loads(path.read_bytes())
        create_sandbox(folder, seed)
    except OSError as exc:
        why = type(exc).__name__
    except BadSeed as exc:
        why = str(exc)
    except ValueError:
        why = "it is not JSON"
    else:
        return seed
    sys.exit(f"SANDBOX_SEED cannot be used: {why}.")
