"""What a check says when a file does not pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final
from uuid import UUID

from app.errors import Refusal


class Rejected(Refusal):
    """A file or a field did not pass a check; nothing of it has left for the provider."""

    status = 422
    #: Of the record that was made of it.
    upload_id: UUID | None = None

    def __init__(self, slug: str, *, field: str | None = None, status: int = 422, **params: object) -> None:
        """`slug` is the verdict, one of `app.words`; a check has too many for a class each."""
        self.slug = slug  # type: ignore[misc]
        self.status = status  # type: ignore[misc]
        super().__init__(field=field, **params)


class Busy(Refusal):
    """There is no room left to look into one more archive at the moment."""

    slug: ClassVar[str] = "busy"
    status: ClassVar[int] = 503


class ScannerAway(Refusal):
    """The antivirus could not be asked, and nothing is handed in without its verdict."""

    slug: ClassVar[str] = "scanner-away"
    status: ClassVar[int] = 503


class Unfit(Exception):  # noqa: N818 - a verdict, not an error of ours
    """The content of a file is not what it should be; whoever knows the file's part makes a Rejected of it."""

    def __init__(self, slug: str, **params: object) -> None:
        self.slug = slug
        self.params = params
        super().__init__(slug)

    def rejected(self, field: str) -> Rejected:
        """The same, of the part that it is."""
        return Rejected(self.slug, field=field, status=_STATUS.get(self.slug, 422), **self.params)


#: Problems of the type as such, or of the size, which HTTP has a status for.
_STATUS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("type-not-taken", "other-declared", "other-content", "not-its-content"), 415),
    "not-scannable": 413,
}
