"""What goes out: hands uploads to providers, tells the truth about what became of them, and can ask again."""

from __future__ import annotations

from app.delivery.deliverer import Deliverer
from app.delivery.destinations import Destination
from app.delivery.errors import ConnectionPaused
from app.delivery.origin import Origin, Record, Result
from app.providers import registry

__all__ = ["ConnectionPaused", "Deliverer", "Destination", "Origin", "Record", "Result", "registry"]
