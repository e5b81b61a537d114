"""Ventanilla: files in at the counter, out under the right organization's key, and the truth about the outcome.

This package imports nothing until it is asked for the gateway: the sandbox is below it too, and a stranger to it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.config import Settings


def create_app(settings: Settings | None = None, *, clock: Callable[[], datetime] | None = None) -> Flask:
    """Make the gateway. Without `settings` the environment says; raises ConfigurationError, a line a fault."""
    from app import assembly

    return assembly.assemble(settings, clock)
