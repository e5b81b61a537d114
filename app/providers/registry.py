"""All providers and operations, by their slugs."""

from __future__ import annotations

from typing import Final

from app.providers.base import Provider
from app.providers.codat import Codat
from app.providers.factify import Factify
from app.providers.facturapi import Facturapi
from app.providers.flatfile import Flatfile
from app.providers.formkiq import Formkiq
from app.providers.operation import Mode, Operation

PROVIDERS: Final[dict[str, Provider]] = {
    one.slug: one for one in (Facturapi(), Formkiq(), Codat(), Flatfile(), Factify())
}
OPERATIONS: Final = {operation.slug: operation for one in PROVIDERS.values() for operation in one.operations}


def provider(slug: str) -> Provider:
    """The provider of that slug; raises KeyError."""
    return PROVIDERS[slug]


def operation(slug: str) -> Operation:
    """The operation of that slug (`facturapi/certificate`); raises KeyError."""
    return OPERATIONS[slug]


def operations(mode: Mode | None = None) -> tuple[Operation, ...]:
    """Every operation, or those that allow a mode."""
    return tuple(one for one in OPERATIONS.values() if mode is None or mode in one.modes)
