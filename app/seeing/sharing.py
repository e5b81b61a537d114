"""Where the processes of one server count together: files in memory, which end with the server, however it ends."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - off the disk
PREFIX: Final = "ventanilla-metrics-"


@cache
def shared() -> Path:
    """The folder of this server: the same when it reads its settings anew, gone when its first process ends."""
    folder, first = share(MEMORY if MEMORY.is_dir() else Path(tempfile.gettempdir())), os.getpid()

    def end() -> None:
        if os.getpid() == first:  # those that it forks end sooner
            remove(folder)

    atexit.register(end)
    return folder


def share(place: Path) -> Path:
    """Make a folder for this server and the processes it forks, and remove those of servers that are no more.

    A folder is its server's for as long as one of its processes holds the lock on it.
    """
    for left in place.glob(f"{PREFIX}*"):
        lock = _lock(left)
        if lock is not None:
            remove(left)
            os.close(lock)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
        if _lock(folder) is not None and folder.is_dir():  # nobody took it for one that was left
            return folder


def remove(folder: Path) -> None:
    """Forget what was counted there."""
    shutil.rmtree(folder, ignore_errors=True)


def _lock(folder: Path) -> int | None:
    """Hold a folder for as long as this process and what it forks live; None where somebody else does."""
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:  # another user's, or gone
        return None
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(opened)
        return None
    return opened
