"""API keys: what they are shown as, what they were used for, and how much of it is too much."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from app.sandbox.factify.errors import POSTS_A_MINUTE, REQUESTS_A_MINUTE, Refused, limit_headers
from app.sandbox.factify.moments import iso

SHOWN_LENGTH: Final = 16
WINDOW: Final = timedelta(minutes=1)


@dataclass(slots=True)
class Window:
    """At most so many in any minute."""

    limit: int
    _recent: deque[datetime] = field(default_factory=deque)

    def check(self, now: datetime) -> None:
        """Raises Refused where there is no room for another."""
        # A clock that was set back must not leave anybody waiting for what has not been.
        while self._recent and not now - WINDOW < self._recent[0] <= now:
            self._recent.popleft()
        if len(self._recent) >= self.limit:
            raise Refused("rate_limit_exceeded", headers=limit_headers(self.limit, self._recent[0] + WINDOW))

    def add(self, now: datetime) -> None:
        self._recent.append(now)


@dataclass(slots=True, kw_only=True)
class ApiKey:
    """A key. Its secret is shown once, its beginning ever after."""

    id: str
    secret: str = field(repr=False)
    name: str
    organization_id: str
    #: Who made it, and whom its requests stand for.
    user_id: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    #: Requests that it has a month; None: as many as its organization.
    quota: int | None = None
    used: Counter[date] = field(default_factory=Counter)
    _requests: Window = field(default_factory=lambda: Window(REQUESTS_A_MINUTE))
    _posts: Window = field(default_factory=lambda: Window(POSTS_A_MINUTE))

    def expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def used_in_month(self, now: datetime) -> int:
        return sum(count for day, count in self.used.items() if (day.year, day.month) == (now.year, now.month))

    def keep_to_limits(self, now: datetime, *, posts: bool) -> None:
        """Count a request, unless it is one too many within a minute. Raises Refused."""
        windows = (self._requests, self._posts) if posts else (self._requests,)
        for window in windows:
            window.check(now)
        for window in windows:
            window.add(now)

    def shown(self, now: datetime) -> dict[str, Any]:
        shown = {
            "id": self.id,
            "name": self.name,
            "key_prefix": f"{self.secret[:SHOWN_LENGTH]}...",
            "organization_id": self.organization_id,
            "is_active": self.revoked_at is None and not self.expired(now),
            "created_at": iso(self.created_at),
        }
        if self.expires_at is not None:
            shown["expires_at"] = iso(self.expires_at)
        if self.revoked_at is not None:
            shown["revoked_at"] = iso(self.revoked_at)
        return shown

    def shown_quota(self, now: datetime) -> dict[str, Any]:
        """What it has used this month, and what it has left."""
        used = self.used_in_month(now)
        shown = {"api_key_id": self.id, "current_usage": used, "is_exceeded": False}
        if self.quota is not None:
            remaining = max(0, self.quota - used)
            shown |= {"limit": self.quota, "remaining": remaining, "is_exceeded": not remaining}
        return shown
