"""The body comes in: what was sent, and how, is judged here, and nowhere else is a byte of it parsed."""

from __future__ import annotations

from app.intake.arriving import Arriving, Streamed
from app.intake.known_end import KnownEnd
from app.intake.multipart import Limits
from app.intake.origin import check_origin
from app.intake.pace import Deadlines
from app.intake.reception import Collected, CollectedFile, Reception, receive

__all__ = [
    "Arriving",
    "Collected",
    "CollectedFile",
    "Deadlines",
    "KnownEnd",
    "Limits",
    "Reception",
    "Streamed",
    "check_origin",
    "receive",
]
