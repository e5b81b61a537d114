"""The one object that holds a sandbox together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from flask import current_app

from app.sandbox.provider import BadSeed

if TYPE_CHECKING:
    from app.sandbox.faults import Faults
    from app.sandbox.ledger import Ledger
    from app.sandbox.provider import Provider, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """What is in it; the application keeps it as its extension `sandbox`."""

    ledger: Ledger
    faults: Faults
    world: World
    providers: Mapping[str, Provider]

    def seed(self, data: Any) -> None:
        """Preload providers, by slug. Raises BadSeed."""
        if not isinstance(data, Mapping) or not data.keys() <= self.providers.keys():
            raise BadSeed(f"a seed is an object with, at most, {', '.join(self.providers)}")
        for slug, part in data.items():
            self.providers[slug].seed(part)


def sandbox() -> Sandbox:
    """The sandbox that the current request came to."""
    return cast("Sandbox", current_app.extensions["sandbox"])
