"""Whether a request comes from a page of ours."""

from __future__ import annotations

from typing import Protocol

from app.intake.errors import ForeignOrigin


class Headers(Protocol):
    """A request's headers; a name is found however it is written."""

    def get(self, key: str, /) -> str | None:
        """The header's value, where it was sent."""
        ...


def check_origin(headers: Headers, origins: frozenset[str]) -> None:
    """Refuse what another site's page sends, at the headers; raises ForeignOrigin.

    `null` is an Origin too: a sandboxed frame or a data: page. A client that sends neither header is no browser of
    this decade, and has to know the form's CSRF field all the same.
    """
    origin = headers.get("Origin")
    if origin is not None and origin not in origins:
        raise ForeignOrigin
    site = headers.get("Sec-Fetch-Site")
    if site is not None and site not in {"same-origin", "none"}:
        raise ForeignOrigin
