"""`python -m app.local`, which `make run` calls.

What takes long to import is imported when the lock is held and what a killed one told is gone.
"""

from __future__ import annotations

import os
import signal
import sys

from app.local import guard
from app.local.place import CannotStart, Place, alone
from app.local.signals import Signals


def main() -> int:
    """Run the local installation; what keeps it from starting is one line."""
    if "MAKELEVEL" in os.environ:
        guard.die_with_parent(signal.SIGTERM, os.getppid())  # make was killed: nobody is left to press Ctrl-C
    try:
        place = Place.from_environment()
        with Signals() as signals, alone(place):
            place.demo.unlink(missing_ok=True)
            place.variables.unlink(missing_ok=True)
            from app.local import supervisor

            return supervisor.run(place, signals)
    except CannotStart as exc:
        print(exc, file=sys.stderr)
        return 1


sys.exit(main())
