"""The spool: where file bytes wait, encrypted, when they must."""

from __future__ import annotations

from app.intake.spool.base import CopyLost, SpoolAway, SpoolBusy, SpoolFull
from app.intake.spool.spool import Spool, Writer

__all__ = ["CopyLost", "Spool", "SpoolAway", "SpoolBusy", "SpoolFull", "Writer"]
