"""Lists in pages: a cursor says where the last page ended, and is good for that list alone.

It is opaque and signed: what stands in it may change, and nobody can make one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Generic, TypeVar
from uuid import UUID

from flask import current_app, request
from itsdangerous import BadSignature, URLSafeSerializer
from pydantic import Field

from app.api.errors import BadCursor
from app.api.schemas import Model

MOST: Final = 200
T = TypeVar("T")
Row = TypeVar("Row")


class Cursor(Model):
    """Where a list is gone on with."""

    cursor: Annotated[str | None, Field(max_length=1000, description="Where to go on: “next” of the page before.")] = (
        None
    )

    @property
    def after(self) -> str | None:
        """What the page before ended with; raises BadCursor."""
        if self.cursor is None:
            return None
        try:
            after: str = _signer().loads(self.cursor)
        except BadSignature:
            raise BadCursor(field="cursor") from None
        return after

    @property
    def after_id(self) -> UUID | None:
        """The same, where it was an id."""
        return UUID(self.after) if self.after else None


class Paging(Cursor):
    """What a list is asked for."""

    limit: Annotated[int, Field(ge=1, le=MOST, description="Most items of a page.")] = 50


class Page(Model, Generic[T]):
    """Some of a list."""

    items: list[T]
    next: Annotated[str | None, Field(description="Cursor of the next page; null at the end.")]


P = TypeVar("P", bound=Page[Any])


def page(
    kind: type[P], found: Sequence[Row], paging: Paging, *, key: Callable[[Row], str], show: Callable[[Row], Any]
) -> P:
    """A page of what was `found`, which is one more than was asked for where there is more."""
    rows = found[: paging.limit]
    following = signed(key(rows[-1])) if len(found) > paging.limit else None
    return kind(items=[show(row) for row in rows], next=following)


def signed(place: str | None) -> str | None:
    """The cursor of a place in this list; None: there is nothing behind it."""
    return None if place is None else str(_signer().dumps(place))


def _signer() -> URLSafeSerializer:
    """What signs the cursors of this list: of this address, with these filters."""
    asked = sorted((name, value) for name, value in request.args.items() if name not in Paging.model_fields)
    return URLSafeSerializer(current_app.secret_key or "", salt=f"cursor {request.path} {asked}")
