"""The gateway as it is, but for its clock: the file that TEST_CLOCK names says what time it is, if it says any."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from app import create_app
from app.database import utcnow

CLOCK = Path(os.environ["TEST_CLOCK"])


def now() -> datetime:
    """The time that the tests want it to be."""
    said = CLOCK.read_text()
    return datetime.fromisoformat(said) if said else utcnow()


app = create_app(clock=now)
