"""Why nothing is taken for delivery.

Refusal
└── ConnectionPaused    503    the provider did not take the credential, and nobody repaired it yet
"""

from __future__ import annotations

from typing import ClassVar

from app.errors import Refusal


class ConnectionPaused(Refusal):
    """Nothing is sent through this connection until its credential is repaired."""

    slug: ClassVar[str] = "connection-paused"
    status: ClassVar[int] = 503
