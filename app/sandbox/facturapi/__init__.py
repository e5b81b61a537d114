"""Facturapi, API v2: organizations, their keys, certificates and logos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from app.sandbox.facturapi import control, errors, views
from app.sandbox.facturapi.account import Account

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Blueprint, Response

    from app.sandbox.provider import World


class Facturapi:
    """One account of it, with whatever organizations and keys it was given."""

    slug: ClassVar[str] = "facturapi"
    blueprint: ClassVar[Blueprint] = views.bp
    control: ClassVar[Blueprint] = control.bp

    def __init__(self, world: World) -> None:
        self.account = Account(world)

    def seed(self, data: Mapping[str, Any]) -> None:
        self.account.seed(data)

    def failure(self, status: int) -> Response:
        return errors.by_status(status)
