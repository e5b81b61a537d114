"""FormKiQ, core 1.19: documents, whose content goes to a store of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from app.sandbox.formkiq import control, errors, views
from app.sandbox.formkiq.installation import SLUG, Installation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Blueprint, Response

    from app.sandbox.provider import World


class Formkiq:
    """One installation of it."""

    slug: ClassVar[str] = SLUG
    blueprint: ClassVar[Blueprint] = views.bp
    control: ClassVar[Blueprint] = control.bp

    def __init__(self, world: World) -> None:
        self.installation = Installation(world=world)

    def seed(self, data: Mapping[str, Any]) -> None:
        self.installation.seed(data)

    def failure(self, status: int) -> Response:
        return errors.by_status(status)
