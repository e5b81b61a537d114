"""The processes of `make run`: lines of the Procfile that live no longer than their supervisor.

A process manager such as honcho starts a shell for each line, from a process of its own; when it is killed, all of them
stay behind. These are children of the supervisor itself, die with it (see `guard`), and hold a file open, which what
they fork inherits: by it the next start finds whatever is left. (Their environment would not do: gunicorn writes its
title over it.)
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import psutil

from app.local import guard
from app.local.place import ROOT

#: Name of the file that every process of an installation holds open.
MEMBERS: Final = "members"
STOP_SECONDS: Final = 8.0
KILL_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A started line of the Procfile."""

    name: str
    process: subprocess.Popen[bytes]

    @property
    def ending(self) -> str | None:
        """How it ended; None while it runs."""
        code = self.process.poll()
        if code is None:
            return None
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def procfile(path: Path) -> dict[str, list[str]]:
    """Commands by name."""
    lines = (line.partition(":") for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return {name.strip(): shlex.split(command) for name, _, command in lines}


def start(
    name: str,
    command: list[str],
    instance: Path,
    environment: Mapping[str, str],
    *,
    output: IO[bytes] | None = None,
    pass_fds: Sequence[int] = (),
) -> Child:
    """Start a command that ends when this process does, in a session of its own: Ctrl-C is ours to pass on."""
    programs = Path(sys.executable).parent
    path = f"{programs}{os.pathsep}{environment.get('PATH', os.defpath)}"
    with (instance / MEMBERS).open("a") as held:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__, str(os.getpid()), str(int(signal.SIGTERM)), "-", *command],
            cwd=ROOT,
            env={**environment, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(held.fileno(), *pass_fds),
            start_new_session=True,
        )
    return Child(name=name, process=process)


def stop(children: list[Child], instance: Path) -> None:
    """Ask all to stop, wait, and end by force what does not, with everything that they started."""
    for child in children:
        child.process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for child in children:
        with suppress(subprocess.TimeoutExpired):
            child.process.wait(max(0.0, deadline - time.monotonic()))
    end_leftovers(instance, patience=0)
    for child in children:
        child.process.wait(KILL_SECONDS)


def end_leftovers(instance: Path, *, patience: float = 3.0) -> None:
    """End every process of this installation; those whose supervisor was killed are stopping already, in `patience`."""
    for signum, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, KILL_SECONDS)):
        if seconds:
            for process in belonging_to(instance):
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(signum)
            if wait_until(lambda: not belonging_to(instance), seconds):
                return


def belonging_to(instance: Path) -> list[psutil.Process]:
    """Every living process of this installation, but for this one and the database's."""
    members = str(instance / MEMBERS)
    return [process for process in psutil.process_iter() if _holds(process, members)]


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether it became true in that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _holds(process: psutil.Process, path: str) -> bool:
    try:
        return process.pid != os.getpid() and any(file.path == path for file in process.open_files())
    except (psutil.Error, OSError):
        return False
