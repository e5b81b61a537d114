"""The spool: where file bytes wait, encrypted, when they must."""

from __future__ import annotations

from app.intake.spool.base import CopyLost, ShareFull, SpoolAway, SpoolBusy, SpoolFull
from app.intake.spool.shares import Shares
from app.intake.spool.spool import Spool, Writer

__all__ = ["CopyLost", "ShareFull", "Shares", "Spool", "SpoolAway", "SpoolBusy", "SpoolFull", "Writer"]
