"""The one tree of refusals; each carries the slug that is its problem type, metric label and heading in the docs.

    Refusal
    ├── app.intake.errors    what the client sent, or how: Malformed, TooLarge, LengthRequired, Forbidden, TooSlow, ...
    ├── app.checks           Rejected: a file that did not pass
    ├── app.tenants.errors   NotFound, LinkClosed, ...: who may come in, and to what
    └── app.delivery         what the provider, or the way to it, made of it

What a person reads stands in `app.words`, by slug; `params` are the values of that sentence and never hold a secret.
"""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID


def N_(message: str) -> str:  # noqa: N802 - the customary name of gettext's marker
    """Mark a message for translation where it is defined, not where it is shown."""
    return message


class Refusal(Exception):  # noqa: N818 - what is refused is not an error of ours
    """Something asked for is not done, and this is why."""

    slug: ClassVar[str] = "refused"
    status: ClassVar[int] = 400
    #: Of the record that was made of it, if one was.
    upload_id: UUID | None = None
    #: Seconds after which it may be done, where that can be said.
    retry_after: float | None = None

    def __init__(self, *, field: str | None = None, **params: object) -> None:
        """`field` is the part or form field that the fault lies in; `params` are the values of its sentence."""
        self.field = field
        self.params = params
        super().__init__(self.slug)
