"""Codat's Files API, and as much of its common API as shows companies and their connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from app.sandbox.codat import control, errors, views
from app.sandbox.codat.clients import Clients
from app.sandbox.codat.seeding import seeded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Blueprint, Response

    from app.sandbox.provider import World


class Codat:
    """The service with whatever clients it was given, each with an API key and its own companies."""

    slug: ClassVar[str] = "codat"
    blueprint: ClassVar[Blueprint] = views.bp
    control: ClassVar[Blueprint] = control.bp

    def __init__(self, world: World) -> None:
        self.clients = Clients(world)

    def seed(self, data: Mapping[str, Any]) -> None:
        clients = seeded(data, self.clients.world.clock.now())
        with self.clients.lock:
            for client in clients:
                self.clients.add(client)

    def failure(self, status: int) -> Response:
        return errors.by_status(status, self.clients.world.clock.now())
