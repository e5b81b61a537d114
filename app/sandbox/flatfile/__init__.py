"""Flatfile's API, version 1: files, and the environments and spaces that they lie in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from app.sandbox.flatfile import control, errors, views
from app.sandbox.flatfile.accounts import Accounts
from app.sandbox.flatfile.seeding import seeded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Blueprint, Response

    from app.sandbox.provider import World


class Flatfile:
    """The service with whatever accounts it was given, each with a secret key."""

    slug: ClassVar[str] = "flatfile"
    blueprint: ClassVar[Blueprint] = views.bp
    control: ClassVar[Blueprint] = control.bp

    def __init__(self, world: World) -> None:
        self.accounts = Accounts(world)

    def seed(self, data: Mapping[str, Any]) -> None:
        accounts = seeded(data, self.accounts.world.clock.now())
        with self.accounts.lock:
            for account in accounts:
                self.accounts.add(account)

    def failure(self, status: int) -> Response:
        return errors.by_status(status)
