"""When to try again: exponential backoff with full jitter, and never before the provider said."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

#: The longest pause after the first try; twice as long after each next one, up to the most.
FIRST: Final = timedelta(seconds=2)
MOST: Final = timedelta(minutes=15)
#: A provider that asks for more peace than this is asked again then.
LONGEST_ASKED: Final = timedelta(hours=1)

#: Draws from [0, 1).
Chance = Callable[[], float]
ANY: Final[Chance] = random.SystemRandom().random


def due(now: datetime, tries: int, retry_after: float | None = None, *, chance: Chance = ANY) -> datetime:
    """The moment of the next try, after so many (from 1 on) that came to nothing.

    Full jitter spreads over the whole pause those that failed together. What a provider asked for comes on top of
    nothing: it is waited for, and then no longer than the jitter says.
    """
    longest = min(FIRST * (1 << min(tries - 1, 16)), MOST)
    asked = min(timedelta(seconds=retry_after or 0.0), LONGEST_ASKED)
    return now + asked + longest * chance()
