"""Why a page of the dashboard does not take what was sent."""

from __future__ import annotations

from typing import ClassVar

from app.errors import Refusal


class Stale(Refusal):
    """The token that a page of ours carries is missing, too old, or another session's."""

    slug: ClassVar[str] = "csrf"
    status: ClassVar[int] = 403
