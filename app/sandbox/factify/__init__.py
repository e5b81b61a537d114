"""Factify, API v1beta: documents and their versions, and all that its client can do around them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from flask import Blueprint, Response

from app.sandbox.factify import (  # noqa: F401 - each adds its operations
    access_requests,
    api_keys,
    control,
    documents,
    errors,
    invites,
    organizations,
    policies,
    routing,
    sharing,
    timelines,
    usage,
    users,
    versions,
)
from app.sandbox.factify.service import Service
from app.sandbox.provider import World


class Factify:
    """Any number of accounts of it."""

    slug: ClassVar[str] = "factify"
    blueprint: ClassVar[Blueprint] = routing.bp
    control: ClassVar[Blueprint] = control.bp

    def __init__(self, world: World) -> None:
        self.service = Service(world)

    def seed(self, data: Mapping[str, Any]) -> None:
        self.service.seed(data)

    def failure(self, status: int) -> Response:
        return errors.by_status(status, self.service.now() + timedelta(minutes=1))
