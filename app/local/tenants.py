"""The organizations of the demo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """An organization of the demo. `borrows`: where the house can lend its key, it does."""

    slug: str
    name: str
    rfc: str
    legal_name: str
    number: str
    locale: str
    accent: str
    borrows: bool


TENANTS: Final = (
    Tenant(
        slug="kemper",
        name="Escuela Kemper Urgate",
        rfc="EKU9003173C9",
        legal_name="ESCUELA KEMPER URGATE SA DE CV",
        number="30001000000599000001",
        locale="es",
        accent="#1f6f5c",
        borrows=True,
    ),
    Tenant(
        slug="xochilt",
        name="Xochilt Casas Chávez",
        rfc="CACX7605101P8",
        legal_name="XOCHILT CASAS CHAVEZ",
        number="30001000000599000002",
        locale="en",
        accent="#7a3e9d",
        borrows=False,
    ),
)
