"""What a check says when a file does not pass."""

from __future__ import annotations

from uuid import UUID

from app.errors import Refusal


class Rejected(Refusal):
    """A file or a field did not pass a check; nothing of it has left for the provider."""

    status = 422
    #: Of the record that was made of it.
    upload_id: UUID | None = None

    def __init__(self, slug: str, *, field: str | None = None, **params: object) -> None:
        """`slug` is the verdict, one of `app.words`; a check has too many for a class each."""
        self.slug = slug  # type: ignore[misc]
        super().__init__(field=field, **params)
