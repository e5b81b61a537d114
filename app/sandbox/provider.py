"""What every simulated provider is: a blueprint, a state of its own, and the words it fails with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

from flask import request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Blueprint, Response

    from app.sandbox.body import Received
    from app.sandbox.clock import Clock
    from app.sandbox.files import Files
    from app.sandbox.store import Store


class BadSeed(ValueError):  # noqa: N818 - named for what is wrong
    """What was to be preloaded, or controlled, does not make sense, and why."""


@dataclass(slots=True, kw_only=True)
class World:
    """What all simulated providers share."""

    clock: Clock
    files: Files
    #: The other origin, where large things come and go.
    store: Store
    #: Whether providers keep to their rate limits.
    limits: bool


class Provider(Protocol):
    """One simulated provider, served under `/{slug}`; one file or folder each, listed in `app.sandbox.PROVIDERS`."""

    slug: ClassVar[str]
    #: Its own addresses; their prefix is `/{slug}`.
    blueprint: ClassVar[Blueprint]
    #: What tests can tell it, under `/_sandbox/{slug}`.
    control: ClassVar[Blueprint]

    def __init__(self, world: World) -> None: ...

    def seed(self, data: Mapping[str, Any]) -> None:
        """Make what is named there as if new. Raises BadSeed and then has changed nothing."""
        ...

    def failure(self, status: int) -> Response:
        """What it answers when all that is known is the status."""
        ...


def received() -> Received:
    """The body of the request that a view is answering."""
    return cast("Received", request.environ["sandbox.received"])
