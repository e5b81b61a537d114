"""What all lines of one request have in common, in whatever process they are written: its id, and what it is about.

An id comes from a proxy of ours or is made here, is given back with the answer, lies with the copy of what was handed
in, and is bound again by the worker that takes that up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from structlog import contextvars
from uuid_utils.compat import uuid7

#: What proxies make: hexadecimal, with or without dashes. No key and no password looks like that.
_ID: Final = re.compile(r"[0-9A-Fa-f-]{16,64}")
#: Under this name lines have it.
REQUEST: Final = "request"


def known_as(said: str | None) -> str:
    """Return the id that a proxy gave a request; a new one where it gave none, or something else."""
    return said if said and _ID.fullmatch(said) else str(uuid7())


def begin(request_id: str) -> None:
    """Let all lines of this thread be those of a request, and of nothing that was before."""
    contextvars.clear_contextvars()
    contextvars.bind_contextvars(**{REQUEST: request_id})


def end() -> None:
    """Let lines of this thread be nobody's again."""
    contextvars.clear_contextvars()


def bind(**ids: UUID | str | None) -> None:
    """Say in all lines from here on what it is about, as far as that is known."""
    contextvars.bind_contextvars(**_written(ids))


@contextmanager
def bound(**ids: UUID | str | int | None) -> Iterator[None]:
    """Say so for as long as this lasts."""
    with contextvars.bound_contextvars(**_written(ids)):
        yield


def current() -> dict[str, str]:
    """What this thread's lines are about, by name."""
    return {name: str(value) for name, value in contextvars.get_contextvars().items()}


def request_id() -> str | None:
    """The id of the request that is being answered, or whose work is being gone on with."""
    return current().get(REQUEST)


def _written(ids: dict[str, UUID | str | int | None] | dict[str, UUID | str | None]) -> dict[str, str]:
    return {name: str(value) for name, value in ids.items() if value is not None}
