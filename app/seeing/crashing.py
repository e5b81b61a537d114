"""What a process leaves behind when it dies in the middle of something: where it was, and nothing of what it held.

A dump of its memory would be a copy of every key and file it works on. So the kernel writes none, and no other process
of the same user may look into it; Python's own words at the end are lines and names of functions, without values.
"""

from __future__ import annotations

import ctypes
import faulthandler
import resource
import sys
import threading
from types import TracebackType
from typing import Final

import structlog

log = structlog.get_logger("ventanilla.crashing")

#: Of prctl(2).
_SET_DUMPABLE: Final = 4


def leave_nothing() -> None:
    """Have this process, and what it forks, leave no dump, where the system knows such a thing, and no bare words."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":  # a limit does not bind a dump that is piped to a program
        ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0)
    faulthandler.enable()
    threading.excepthook = _of_thread  # a line, which is masked as all lines are; Python would print it as it is
    sys.excepthook = _of_process


def _of_thread(told: threading.ExceptHookArgs) -> None:
    if told.exc_value is not None:
        name = told.thread.name if told.thread else None
        log.error("a thread broke", thread=name, exc_info=(told.exc_type, told.exc_value, told.exc_traceback))


def _of_process(kind: type[BaseException], exc: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, exc, traceback)
        return
    log.error("the process broke", exc_info=(kind, exc, traceback))
