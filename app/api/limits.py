"""How many calls a token may make in a minute, and what an answer says of that.

The headers are those of the IETF's draft (draft-ietf-httpapi-ratelimit-headers): which policy there is, and how much of
it is left. Hand-ins are counted at their own door (`app.intake.shedding`), all other calls here, each by its process.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from flask import Response, g

from app.intake.shedding import Pace
from app.services import services

#: What answers call the two policies.
CALLS, UPLOADS = "calls", "uploads"
SECONDS: Final = 60


def count_call(token_id: UUID) -> None:
    """Count a call that hands nothing in; raises TooMany."""
    pace, names = services().shedding.calls, [f"token:{token_id}"]
    tell(CALLS, pace, names)
    pace.count(names)


def tell(policy: str, pace: Pace, names: Sequence[str]) -> None:
    """Let this request's answer say what is left of a policy."""
    g.paced = policy, pace, names


def write(response: Response) -> Response:
    """Write into an answer what is left by now."""
    if "paced" in g:
        policy, pace, names = g.paced
        left, seconds = pace.left(names)
        response.headers["RateLimit-Policy"] = f'"{policy}";q={pace.a_minute};w={SECONDS}'
        response.headers["RateLimit"] = f'"{policy}";r={left};t={seconds}'
    return response
