"""`python -m app.local`, which `make run` calls."""

from __future__ import annotations

import os
import signal
import sys

from app.local import guard, supervisor
from app.local.place import CannotStart, Place
from app.local.postgres import PostgresError


def main() -> int:
    """Run the local installation; what keeps it from starting is one line."""
    if "MAKELEVEL" in os.environ:
        guard.die_with_parent(signal.SIGTERM, os.getppid())  # make was killed: nobody is left to press Ctrl-C
    try:
        return supervisor.run(Place.from_environment())
    except (CannotStart, PostgresError) as exc:
        print(exc, file=sys.stderr)
        return 1


sys.exit(main())
