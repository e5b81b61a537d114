"""The gateway as it is, but for its clock: the file that TEST_CLOCK names says what time it is, if it says any.

And TEST_OPENED gets a line for every file that is opened to be written.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path

from app import create_app
from app.database import utcnow

CLOCK = Path(os.environ["TEST_CLOCK"])


OPENED = os.open(os.environ["TEST_OPENED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
WRITING = os.O_WRONLY | os.O_RDWR


def note(event: str, arguments: tuple[object, ...]) -> None:
    """Write down what is opened; Python tells of it, however it is done."""
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING:
        path = arguments[0]
        if isinstance(path, str | bytes | os.PathLike):
            os.write(OPENED, os.fsencode(path) + b"\n")


sys.addaudithook(note)


def now() -> datetime:
    """The time that the tests want it to be."""
    said = CLOCK.read_text()
    return datetime.fromisoformat(said) if said else utcnow()


app = create_app(clock=now)
