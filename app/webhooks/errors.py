"""What cannot be done with an endpoint.

Refusal
└── EndpointDisabled
"""

from __future__ import annotations

from typing import ClassVar

from app.errors import Refusal


class EndpointDisabled(Refusal):
    """Nothing is sent to an endpoint that is disabled."""

    slug: ClassVar[str] = "webhook-disabled"
    status: ClassVar[int] = 409
